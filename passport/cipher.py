"""Encryption of personal data, and keyed hashes to look it up."""

import hashlib
import hmac

from django.conf import settings

from managers.cipher import decrypt, encrypt

__all__ = ["decrypt", "encrypt", "keyed_hash"]


def keyed_hash(text: str) -> str:
    """Return the HMAC-SHA-256 of `text` with PERSONAL_DATA_HASH_KEY, 64 hexadecimal digits."""
    return hmac.new(settings.PERSONAL_DATA_HASH_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
