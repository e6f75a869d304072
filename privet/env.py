"""The process environment, read once: typed, with `.env` for those who keep one.

Reading is deferred: what is malformed is collected here and reported by the system checks, with a hint for
each, instead of a traceback at import.
"""

import os
from pathlib import Path

from environs import Env

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env(eager=False)
env.read_env(os.environ.get("PRIVET_ENV_FILE", str(BASE_DIR / ".env")), recurse=False)
