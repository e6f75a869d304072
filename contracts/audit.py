"""Verify the event chain, the signature evidence and the stored files of contracts."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import batched

from django.db import transaction
from django.utils import timezone

from contracts.event_chain import START, ChainHead, ContractEvent, EventKind, append_event
from contracts.evidence import evidence_is_intact
from contracts.models import Contract
from foundation.storage import object_storage

BATCH = 1000


def find_faults(*, files: bool = False) -> Iterator[str]:
    """Yield one sentence per fault. With `files`, read the stored PDFs too."""
    yield from find_chain_faults()
    for contracts in batched(Contract.objects.order_by("issued_at", "pk").iterator(BATCH), BATCH, strict=False):
        events = _events(contracts)
        for contract in contracts:
            for fault in _contract_faults(contract, events.get(contract.pk, [])):
                yield f"contract {contract.number}: {fault}"
            if files and (fault := _file_fault(contract)):
                yield f"contract {contract.number}: {fault}"


def find_chain_faults() -> Iterator[str]:
    """Yield faults of the chain: events that were changed, deleted, reordered, or added without the key."""
    number, previous_hmac = 0, START
    for event in ContractEvent.objects.order_by("number").iterator(BATCH):
        if event.number != number + 1:
            yield f"events {number + 1} to {event.number - 1} are missing"
        elif event.previous != previous_hmac:
            yield f"event {event.number} does not follow event {number}"
        if event.hmac != event.expected_hmac:
            yield f"event {event.number} ({event.what}) was changed"
        number, previous_hmac = event.number, event.hmac
    yield from _head_faults(number, previous_hmac)


def _head_faults(last_number: int, last_hmac: str) -> Iterator[str]:
    head = ChainHead.objects.first()
    if head is None:
        if last_number:
            yield "the head of the chain is missing"
        return
    if head.seal != head.expected_seal:
        yield "the head of the chain was changed"
    if head.number > last_number:
        yield f"events {last_number + 1} to {head.number} are missing at the end of the chain"
    elif (head.number, head.hmac) != (last_number, last_hmac):
        yield f"the head of the chain refers to event {head.number}, but the last event is {last_number}"


def _events(contracts: Iterable[Contract]) -> dict:
    events = {}
    for event in ContractEvent.objects.filter(contract__in=contracts).order_by("number"):
        events.setdefault(event.contract_id, []).append((event.what, json.loads(event.facts)))
    return events


def _contract_faults(contract: Contract, events: list[tuple[str, dict]]) -> Iterator[str]:
    """Yield contradictions between a contract's row and its events."""
    facts_by_kind = dict(events)
    start = facts_by_kind.get(EventKind.ISSUED) or facts_by_kind.get(EventKind.ADOPTED)
    if start is None:
        yield "it has no issued event"
        return
    if start["pdf_sha256"] != contract.pdf_sha256:
        yield "its PDF hash differs from the issued event"
    evidence = (facts_by_kind.get(EventKind.SIGNED) or start).get("evidence_hmac", "")
    if evidence != contract.evidence_hmac:
        yield "its signature differs from the signed event" if evidence else "it has no signed event"
    if contract.signed_at and not contract.erased_at and not evidence_is_intact(contract):
        yield "the evidence of its signature does not verify"
    happened = _happened(events, start)
    for kind, at in _status_timestamps(contract):
        if bool(at) != (kind in happened):
            yield f"its row and its events differ about {kind}"


def _happened(events: list[tuple[str, dict]], start: dict) -> set[str]:
    """Return the kinds of events that happened, also before the contract was adopted, and were not undone."""
    happened = {kind for kind, value in start.items() if value == "yes"}
    for kind, _ in events:
        happened.add(kind)
        if kind == EventKind.UNPAID:
            happened.discard(EventKind.PAID)
    return happened


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
    """Append an "adopted" event for each contract without events. Return their number."""
    contracts = Contract.objects.filter(events=None).order_by("issued_at", "pk").values_list("pk", flat=True)
    return sum(_adopt(pk) for pk in list(contracts))


@transaction.atomic
def _adopt(pk) -> int:
    contract = Contract.objects.select_for_update(of=("self",)).get(pk=pk)
    if contract.events.exists():
        return 0
    facts = {"pdf_sha256": contract.pdf_sha256, "evidence_hmac": contract.evidence_hmac}
    facts |= {kind: "yes" for kind, at in _status_timestamps(contract) if at}
    append_event(contract, EventKind.ADOPTED, by=None, at=timezone.now(), **facts)
    return 1
