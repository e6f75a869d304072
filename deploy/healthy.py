"""Whether Privet answers inside its container: exits with 1 and says why when it does not."""

import os
import sys
from urllib.request import Request, urlopen

# By a name that is answered: the first of ALLOWED_HOSTS.
host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".")
try:
    urlopen(Request("http://127.0.0.1:8000/healthz", headers={"Host": host}), timeout=2)
except OSError as error:
    sys.exit(f"Privet does not answer: {error}")
