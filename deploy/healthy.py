"""Health check of the container: exit with 1 and the reason if Privet does not answer."""

import os
import sys
from urllib.request import Request, urlopen

# The Host header must be an allowed one: the first of ALLOWED_HOSTS.
host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".")
try:
    urlopen(Request("http://127.0.0.1:8000/healthz", headers={"Host": host}), timeout=2)
except OSError as error:
    sys.exit(f"Privet does not answer: {error}")
