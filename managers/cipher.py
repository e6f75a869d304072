"""Encryption at rest with keys that can be rotated, and keyed hashes to look up encrypted values.

Fernet (AES-128-CBC with HMAC-SHA-256) from `cryptography`. The first of `PERSONAL_DATA_KEYS` encrypts, all decrypt.
"""

import base64
import hashlib
import hmac
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def _keys() -> list[Fernet]:
    return [_derive_key(secret) for secret in settings.PERSONAL_DATA_KEYS]


@cache
def _derive_key(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()))


def _fernet() -> MultiFernet:
    return MultiFernet(_keys())


def encrypt(text: str) -> str:
    """Return a token of ASCII text. Encrypting the same text twice gives different tokens."""
    return _fernet().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return the text of `token`. Raises cryptography.fernet.InvalidToken if no key fits or the token was changed."""
    return _fernet().decrypt(token.encode()).decode()


def reencrypt(token: str) -> str:
    """Encrypt the text of `token` with the first key. Return `token` itself if that key encrypted it.

    Raises InvalidToken as `decrypt` does.
    """
    try:
        _keys()[0].decrypt(token.encode())
    except InvalidToken:
        return _fernet().rotate(token.encode()).decode()
    return token


def keyed_hash(text: str) -> str:
    """Return the HMAC-SHA-256 of `text` with PERSONAL_DATA_HASH_KEY, 64 hexadecimal digits."""
    return hmac.new(settings.PERSONAL_DATA_HASH_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
