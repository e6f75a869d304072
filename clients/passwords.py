"""Password hashes of accounts that we create or close: no password is known to match them.

«Привет Супер» verifies passwords with passlib. A text that is no hash would make its log-in fail with a server error.
"""

import base64
import secrets
import string

from django.db import transaction

# What older versions of Privet wrote.
MALFORMED_HASH = "!"
BATCH_SIZE = 500
# bcrypt encodes bits as Base64 does, with its own alphabet and without padding.
BASE64_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
BCRYPT_ALPHABET = "./" + string.ascii_uppercase + string.ascii_lowercase + string.digits
TO_BCRYPT = str.maketrans(BASE64_ALPHABET, BCRYPT_ALPHABET, "=")


def unmatched_password_hash() -> str:
    """Return a well-formed bcrypt hash with a random salt and a random digest.

    16 bytes of salt are 22 characters and 23 bytes of digest are 31. The unused bits of their last characters are zero:
    implementations of bcrypt reject or correct others.
    """
    return "$2b$12$" + _encode(secrets.token_bytes(16)) + _encode(secrets.token_bytes(23))


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode().translate(TO_BCRYPT)


def replace_malformed_hashes(user_model, client_model) -> int:
    """Give every account whose password hash is "!" a well-formed one, remembered by its client.

    `migrate` calls it when it moves an installation of an older version. Takes the models AppUser and Client. Returns
    the number of accounts. Idempotent. Commits after each batch, so that the app never waits long for an account.
    """
    replaced, last = 0, None
    malformed = user_model.objects.filter(password_hash=MALFORMED_HASH).order_by("pk")
    while True:
        # By key, so that no batch reads the rows of earlier ones again.
        rows = malformed.filter(pk__gt=last) if last else malformed
        pks = list(rows.values_list("pk", flat=True)[:BATCH_SIZE])
        if not pks:
            return replaced
        with transaction.atomic():
            replaced += sum(_replace(user_model, client_model, pk) for pk in pks)
        last = pks[-1]


def _replace(user_model, client_model, pk) -> int:
    new = unmatched_password_hash()
    # Our row first, as every operation does. A password that the client sets meanwhile stays, and differs from `new`.
    client_model.objects.filter(user=pk).update(initial_password_hash=new)
    return user_model.objects.filter(pk=pk, password_hash=MALFORMED_HASH).update(password_hash=new)
