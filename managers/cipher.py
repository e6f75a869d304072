"""Encryption at rest, under keys that can be rotated.

Fernet (AES-128-CBC with HMAC-SHA-256) from `cryptography`; the first of `PERSONAL_DATA_KEYS` encrypts, all decrypt.
"""

import base64
import hashlib
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
    """A token of ASCII text; encrypting the same text twice gives different tokens."""
    return _fernet().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text of `token`; cryptography.fernet.InvalidToken when no key fits or it was changed."""
    return _fernet().decrypt(token.encode()).decode()


def reencrypt(token: str) -> str:
    """The same text under the first key; `token` itself when it is. InvalidToken as for `decrypt`."""
    try:
        _keys()[0].decrypt(token.encode())
    except InvalidToken:
        return _fernet().rotate(token.encode()).decode()
    return token
