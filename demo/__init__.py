"""Invented people, homes and devices: a small believable office (`load_demo`) and a large one (`fill_demo`).

Nothing here is anybody's: e-mails end in reserved names, phones and passports are arithmetic.
"""
