"""Whether contracts are what they were: the chain of their events, the evidence of signatures, the files."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import batched

from django.db import transaction
from django.utils import timezone

from contracts.event_chain import START, ChainHead, ContractEvent, EventKind, append_event
from contracts.models import Contract
from contracts.signing import evidence_is_intact
from foundation.storage import object_storage

BATCH = 1000


def find_faults(*, files: bool = False) -> Iterator[str]:
    """What is broken, one sentence each; with `files` the stored PDFs are read too."""
    yield from find_chain_faults()
    for contracts in batched(Contract.objects.order_by("issued_at", "pk").iterator(BATCH), BATCH, strict=False):
        events = _events(contracts)
        for contract in contracts:
            for fault in _contract_faults(contract, events.get(contract.pk, [])):
                yield f"contract {contract.number}: {fault}"
            if files and (fault := _file_fault(contract)):
                yield f"contract {contract.number}: {fault}"


def find_chain_faults() -> Iterator[str]:
    """Events that were changed, removed, put in another order, or added by somebody without the key."""
    number, before = 0, START
    for event in ContractEvent.objects.order_by("number").iterator(BATCH):
        if event.number != number + 1:
            yield f"events {number + 1} to {event.number - 1} are missing"
        elif event.previous != before:
            yield f"event {event.number} does not follow event {number}"
        if event.hmac != event.expected_hmac:
            yield f"event {event.number} ({event.what}) is not what was written"
        number, before = event.number, event.hmac
    yield from _head_faults(number, before)


def _head_faults(number: int, last: str) -> Iterator[str]:
    head = ChainHead.objects.first()
    if head is None:
        if number:
            yield "the head of the chain is missing"
        return
    if head.seal != head.expected_seal:
        yield "the head of the chain is not what was written"
    if head.number > number:
        yield f"events {number + 1} to {head.number} are missing: the chain was cut off"
    elif (head.number, head.hmac) != (number, last):
        yield f"the head of the chain names event {head.number}, the last one is {number}"


def _events(contracts: Iterable[Contract]) -> dict:
    found = {}
    for event in ContractEvent.objects.filter(contract__in=contracts).order_by("number"):
        found.setdefault(event.contract_id, []).append((event.what, json.loads(event.facts)))
    return found


def _contract_faults(contract: Contract, events: list[tuple[str, dict]]) -> Iterator[str]:
    """Where the row and the events of a contract tell different stories."""
    told = dict(events)
    start = told.get(EventKind.ISSUED) or told.get(EventKind.ADOPTED)
    if start is None:
        yield "no event tells that it was issued"
        return
    if start["pdf_sha256"] != contract.pdf_sha256:
        yield "its file is not the one that was issued"
    evidence = (told.get(EventKind.SIGNED) or start).get("evidence_hmac", "")
    if evidence != contract.evidence_hmac:
        yield "its signature is not the one that was given" if evidence else "no event tells that it was signed"
    if contract.signed_at and not contract.erased_at and not evidence_is_intact(contract):
        yield "the evidence of its signature does not verify"
    for what, at in _status_timestamps(contract):
        if bool(at) != (what in told or start.get(what) == "yes"):
            yield f"its row and its events differ about {what}"


def _status_timestamps(contract: Contract) -> tuple:
    return (
        (EventKind.VOID, contract.void_at),
        (EventKind.PAID, contract.paid_at),
        (EventKind.ERASED, contract.erased_at),
    )


def _file_fault(contract: Contract) -> str:
    if contract.erased_at:
        return ""
    try:
        same = hashlib.sha256(object_storage.get(contract.pdf_key)).hexdigest() == contract.pdf_sha256
    except object_storage.ObjectNotFound:
        return "its file is missing"
    except object_storage.StorageUnavailable:
        return "its file can't be read"
    return "" if same else "its file was changed"


def add_missing_events() -> int:
    """Begin the events of contracts that have none, with their rows as they are; returns how many there were."""
    orphans = Contract.objects.filter(events=None).order_by("issued_at", "pk").values_list("pk", flat=True)
    return sum(_adopt(pk) for pk in list(orphans))


@transaction.atomic
def _adopt(pk) -> int:
    contract = Contract.objects.select_for_update(of=("self",)).get(pk=pk)
    if contract.events.exists():
        return 0
    facts = {"pdf_sha256": contract.pdf_sha256, "evidence_hmac": contract.evidence_hmac}
    facts |= {what: "yes" for what, at in _status_timestamps(contract) if at}
    append_event(contract, EventKind.ADOPTED, by=None, at=timezone.now(), **facts)
    return 1
