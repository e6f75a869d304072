"""Encryption of personal data at rest, and keyed hashes by which it is found again."""

import hashlib
import hmac

from django.conf import settings

from managers.cipher import decrypt, encrypt

__all__ = ["decrypt", "encrypt", "keyed_hash"]


def keyed_hash(text: str) -> str:
    """HMAC-SHA-256 under `PERSONAL_DATA_HASH_KEY`, 64 hexadecimal digits."""
    return hmac.new(settings.PERSONAL_DATA_HASH_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
