"""Settings as in production, with two empty views. The secrets are those of development, which encrypted the data."""

import os

from privet import settings as development

for name in ("SECRET_KEY", "CONTRACT_SIGNATURE_SECRET", "PERSONAL_DATA_KEYS", "PERSONAL_DATA_HASH_KEY"):
    os.environ.setdefault(name, development.DEVELOPMENT_SECRET)

from privet.settings import *  # noqa: E402, F403

DEBUG = False
SECRET_KEY = CONTRACT_SIGNATURE_SECRET = PERSONAL_DATA_HASH_KEY = development.DEVELOPMENT_SECRET
PERSONAL_DATA_KEYS = [development.DEVELOPMENT_SECRET]
ROOT_URLCONF = "served_urls"
STATIC_ROOT = development.data_dir() / "bench-static"
STORAGES = development.STORAGES | {"staticfiles": {"BACKEND": development.STATICFILES_STORAGE_HASHED}}
