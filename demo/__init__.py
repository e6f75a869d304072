"""Invented people, addresses and devices for the demo data (`load_demo`) and for benchmarks (`fill_demo`).

No real personal data: e-mails end in reserved domains, and phones and passport numbers are computed.
"""
