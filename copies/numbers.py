"""Find a client by the number of one of their documents, as people type it."""

import re

from django.db.models import Q

from agreements.models import NUMBER_DIGITS, Agreement
from clients.models import Client
from contracts.models import Contract

MAX_LENGTH = 40
DASHES = re.compile(r"[\s‐-―−-]+")
# Two letters, the day, the running number; the number of an invoice goes on after a slash.
CONTRACT = re.compile(r"([^\W\d_]{2})-?([0-9]{6})-?([0-9]{2,9})(?:/[0-9]{1,9})?")
AGREEMENT = re.compile(rf"С?([0-9]{{{NUMBER_DIGITS}}})")
LOOKALIKES = str.maketrans("ABCEHKMOPTXY", "АВСЕНКМОРТХУ")


def find_client(number: str) -> Client | None:
    """Return whose signed contract, invoice or agreement has this number; None if there is none, or it was erased.

    «№», case, spaces and dashes don't matter, nor Latin letters that look like Russian ones.
    """
    compact = DASHES.sub("-", number.upper().replace("№", " ")).strip("-")
    if found := CONTRACT.fullmatch(compact):
        letters, day, running = found.groups()
        numbers = {f"{variant}-{day}-{running}" for variant in (letters, letters.translate(LOOKALIKES))}
        contracts = Contract.objects.signed().filter(number__in=numbers, erased_at=None)
        return _only(Q(pk__in=contracts.values("client")))
    if found := AGREEMENT.fullmatch(compact.translate(LOOKALIKES).replace("-", "")):
        return _only(Q(pk__in=Agreement.objects.with_number(found[1]).values("client")))
    return None


def _only(condition: Q) -> Client | None:
    found = list(Client.objects.select_related("user").filter(condition)[:2])
    return found[0] if len(found) == 1 else None
