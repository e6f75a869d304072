"""Password hashes as the app's library (passlib with `bcrypt` and `argon2`) writes and reads them."""

import re

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

# Weak on purpose: thousands of made-up accounts are created.
_hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
# The last characters of salt and digest have two and four bits that must be zero.
_BCRYPT = re.compile(r"\$2[abxy]?\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]")


class MalformedHash(Exception):
    """The library raises an error instead of an answer."""


def make(password: str) -> str:
    return _hasher.hash(password)


def verify(password: str, stored: str) -> bool:
    """Whether the password matches. Passwords behind bcrypt hashes are not computed here and never match.

    Raises MalformedHash.
    """
    if stored.startswith("$argon2"):
        try:
            return _hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError) as error:
            raise MalformedHash("The hash is no Argon2.") from error
    if not _BCRYPT.fullmatch(stored):
        raise MalformedHash("The hash is neither bcrypt nor Argon2.")
    return False
