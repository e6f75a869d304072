"""Issuing a contract: its contents are frozen, rendered and stored before the database says that it exists."""

import hashlib
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from agreements import consents
from agreements.models import AgreementKind
from clients.models import Client, Status, TransitionRefused
from contracts import pdf
from contracts.current import current_contents, is_current
from contracts.event_chain import EventKind, append_event
from contracts.models import Contract
from contracts.numbering import next_number
from contracts.payment import Balance
from contracts.snapshot import CompanyPart, Contents, Snapshot
from devices import surcharge
from foundation.russian import money
from foundation.russian.printable import is_printable
from foundation.storage import object_storage
from managers.models import Manager
from support import log


class ContentsChanged(Exception):
    """Somebody changed the client's data while the contract was being made; nothing was issued."""

    message = "Данные клиента только что изменились. Попробуйте ещё раз."


class SurchargeChanged(ContentsChanged):
    """The sum is not the one that the manager showed to the client; nothing was issued."""

    message = "Пока страница была открыта, доплата изменилась. Проверьте новую сумму вместе с клиентом."


class _AlreadyIssued(Exception):
    def __init__(self, contract: Contract):
        self.contract = contract


def open_contract(client: Client) -> Contract | None:
    """The contract that waits for the client's signature."""
    return client.contracts.open().first()


def issue(client: Client, *, by: Manager, shown: str | None = None) -> Contract:
    """Issue a contract for the client's data as it is now; an open one that says the same is returned as it is.

    An open contract that says something else becomes void. Of two callers at once one issues, both get its contract.
    `shown` is the surcharge in roubles that the client was told, as `str` writes it.
    Raises TransitionRefused when the client does not await a contract, AgreementMissing, ContentsChanged, or
    object_storage.StorageUnavailable; then nothing was changed.
    """
    if client.status != Status.AWAITING_CONTRACT:
        raise TransitionRefused(client)
    consents.require_consent(client, AgreementKind.PERSONAL_DATA)
    contents = current_contents(client)
    person = contents.person
    if not is_printable(f"{person.phone} {person.email} {person.address}"):  # which step 1 would have refused
        raise ContentsChanged
    current = open_contract(client)
    if current and current.snapshot.contents == contents:
        return current
    if shown not in (None, str(contents.surcharge)):
        raise SurchargeChanged
    contract, file = _build_contract(client, contents, by=by, now=timezone.now())
    try:
        with object_storage.stored_objects({contract.pdf_key: file}):
            return _save_contract(contract, contents)
    except _AlreadyIssued as meanwhile:
        return meanwhile.contract


def _build_contract(client: Client, contents: Contents, *, by: Manager, now: datetime) -> tuple[Contract, bytes]:
    day = timezone.localdate(now)
    snapshot = Snapshot(
        number=next_number(contents.person.last_name, day),
        issued_on=day,
        template_version=pdf.current_version(),
        company=CompanyPart.now(),
        contents=contents,
    )
    file = pdf.render_contract(snapshot)
    contract = Contract(
        client=client,
        number=snapshot.number,
        template_version=snapshot.template_version,
        encrypted_snapshot=snapshot.encrypt(),
        surcharge=contents.surcharge,
        pdf_sha256=hashlib.sha256(file).hexdigest(),
        issued_at=now,
        issued_by=by,
    )
    contract.pdf_key = f"contracts/{client.pk}/{contract.pk}.pdf"
    return contract, file


@transaction.atomic
def _save_contract(contract: Contract, contents: Contents) -> Contract:
    client = contract.client.lock()
    if client.status != Status.AWAITING_CONTRACT:
        raise TransitionRefused(client)
    consents.require_consent(client, AgreementKind.PERSONAL_DATA)
    current = open_contract(client)
    if current and current.snapshot.contents == contents:
        raise _AlreadyIssued(current)
    if not is_current(contents, client):
        raise ContentsChanged
    # The count of wrong codes goes on until a signature: a contract that replaces another must not buy new guesses.
    previous = client.contracts.since_claimed().newest_first().first()
    if previous and not previous.signed_at:
        contract.failed_tries = previous.failed_tries
    if current:
        void(current, by=contract.issued_by, now=contract.issued_at)
    contract.save(force_insert=True)
    log.add_event(client, f"Сформирован договор {contract.number}", by=contract.issued_by, now=contract.issued_at)
    _update_surcharge(contract, by=contract.issued_by, now=contract.issued_at)
    append_event(
        contract, EventKind.ISSUED, by=contract.issued_by, at=contract.issued_at, pdf_sha256=contract.pdf_sha256
    )
    return contract


def _update_surcharge(contract: Contract, *, by: Manager, now: datetime) -> None:
    """The price of the tariff may have changed since step 3; the client's surcharge is what the contract says."""
    if surcharge.set_total(contract.client, contract.surcharge, by=by, now=now):
        body = f"Доплата по новой цене тарифа: {money.format_rubles(contract.surcharge)}"
        log.add_event(contract.client, body, by=by, now=now)


def void(contract: Contract, *, by: Manager | None, now: datetime) -> None:
    """End a contract that nobody has signed, in the caller's transaction, which holds the client."""
    contract.void_at, contract.voided_by = now, by
    contract.save(update_fields=["void_at", "voided_by"])
    log.add_event(contract.client, f"Договор {contract.number} аннулирован", by=by, now=now)
    append_event(contract, EventKind.VOID, by=by, at=now)


def matching_signed_contract(client: Client) -> Contract | None:
    """For a client who awaits a contract: the last signed one, if the data is again what it says."""
    if client.status != Status.AWAITING_CONTRACT:
        return None
    signed = client.contracts.since_claimed().signed().filter(erased_at=None).newest_first().first()
    return signed if signed and is_current(signed.snapshot.contents, client) else None


@transaction.atomic
def restore_signed_contract(client: Client, *, by: Manager) -> None:
    """The change is taken back: the signed contract stays in force and no new one is needed.

    Raises TransitionRefused when the data is not what the last signed contract says.
    """
    client, now = client.lock(), timezone.now()
    signed = matching_signed_contract(client)
    if signed is None:
        raise TransitionRefused(client)
    current = open_contract(client)
    if current:
        void(current, by=by, now=now)
    balance = Balance.of(client)
    target = Status.AWAITING_PAYMENT if balance.outstanding or balance.pending else Status.PROCESSED
    client.change_status(target, by=by, now=now, allowed_from=(Status.AWAITING_CONTRACT,))
    log.add_event(client, f"Изменения отменены, действует договор {signed.number}", by=by, now=now)
    _update_surcharge(signed, by=by, now=now)
    append_event(signed, EventKind.KEPT, by=by, at=now)
