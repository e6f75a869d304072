"""Numbers of documents, as people type them and copy them from messages, and the clients they belong to."""

import re
from itertools import product

from agreements.models import NUMBER_DIGITS, Agreement
from clients.models import Client
from contracts.models import Contract

# The longest text that is read as a number.
MAX_LENGTH = 100
# Two letters, the day, the running number. The number of an invoice goes on after a slash.
CONTRACT = re.compile(r"(?<![^\W\d_])([^\W\d_]{2})\W*([0-9]{6})\W*([0-9]{2,9})(?![0-9])")
AGREEMENT = re.compile(rf"(?<![0-9])[0-9](?:\W?[0-9]){{{NUMBER_DIGITS - 1}}}(?![0-9])")
# Letters that look the same, and two that people mix.
LOOKALIKES = [{*pair} for pair in ("AА", "BВ", "CС", "EЕЁ", "HН", "KК", "MМ", "OО", "PР", "TТ", "XХ", "YУ")]


def normalize(text: str) -> str | None:
    """Return the number in `text` as documents have it: «ИВ-261123-01» or «С-0123-4567-8901»; None if there is none.

    Case, spaces, dashes and the words around it don't matter.
    """
    text = text.upper()
    if found := CONTRACT.search(text):
        return "-".join(found.groups())
    if found := AGREEMENT.search(text):
        digits = re.sub(r"\D", "", found[0])
        return f"С-{digits[:4]}-{digits[4:8]}-{digits[8:]}"
    return None


def find_client(number: str) -> Client | None:
    """Return whose signed contract or agreement has the normalized number; None if there is none, or it was erased.

    Letters that look alike are the same: the end of a contract's number is unique without them.
    """
    if number.startswith("С-"):
        documents = Agreement.objects.with_number(re.sub(r"\D", "", number))
    else:
        documents = Contract.objects.signed().filter(number__in=_variants(number), erased_at=None)
    found = list(Client.objects.select_related("user").filter(pk__in=documents.values("client"))[:2])
    return found[0] if len(found) == 1 else None


def _variants(number: str) -> list[str]:
    first, second, rest = number[0], number[1], number[2:]
    return [f"{one}{two}{rest}" for one, two in product(_alike(first), _alike(second))]


def _alike(letter: str) -> set[str]:
    return next((letters for letters in LOOKALIKES if letter in letters), {letter})
