"""Issue a contract. The contents are frozen, rendered and stored before the row is inserted."""

import hashlib
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from agreements import consents
from agreements.models import AgreementKind
from clients.models import AppUser, Client, Status, TransitionRefused
from contracts import pdf
from contracts.current import current_contents, is_current, is_newest_edition
from contracts.event_chain import EventKind, append_event
from contracts.models import Contract
from contracts.numbering import next_number
from contracts.payment import Balance
from contracts.snapshot import CompanyPart, Contents, Snapshot
from devices import surcharge
from foundation.russian import money
from foundation.storage import object_storage
from managers.models import Manager
from support import log


class ContentsChanged(Exception):
    """The client's data changed while the contract was rendered. Nothing was issued."""

    message = "Данные клиента только что изменились. Попробуйте ещё раз."


class ContactUnprintable(ContentsChanged):
    """The contact data has characters that a document can't show, or is too long. Nothing was issued."""

    def __init__(self, message: str):
        self.message = message


class AccountUnavailable(ContentsChanged):
    """The account is deleted or blocked: the client could not read the code. Nothing was issued."""

    message = "Договор не сформирован: клиент сейчас не может войти в «Привет Супер», и код до него не дойдёт."


class SurchargeChanged(ContentsChanged):
    """The surcharge differs from the one that the page showed. Nothing was issued."""

    message = "Пока страница была открыта, доплата изменилась. Проверьте новую сумму вместе с клиентом."


class _AlreadyIssued(Exception):
    def __init__(self, contract: Contract):
        self.contract = contract


def open_contract(client: Client) -> Contract | None:
    """Return the contract that awaits the client's signature, or None."""
    return client.contracts.open().first()


def issue(client: Client, *, by: Manager, expected_surcharge: str | None = None) -> Contract:
    """Issue a contract with the client's current data.

    Returns an open contract of the newest edition with the same contents; voids any other open one. If two calls run
    at once, one issues and both return its contract. `expected_surcharge` is the amount in rubles that the page
    showed, as a string such as "300.00"; None skips the comparison.
    Raises TransitionRefused if the client does not await a contract, AgreementMissing, ContentsChanged (or
    one of its subclasses), or object_storage.StorageUnavailable. Then nothing is changed.
    """
    if client.status != Status.AWAITING_CONTRACT:
        raise TransitionRefused(client)
    _check_account_open(client.account)
    consents.require_consent(client, AgreementKind.PERSONAL_DATA)
    contents = current_contents(client)
    person = contents.person
    contact = AppUser(phone=person.phone, email=person.email, address=person.address)
    if contact.unprintable_error:  # step 1 would have rejected it
        raise ContactUnprintable(contact.unprintable_error)
    current = open_contract(client)
    if current and _is_up_to_date(current, contents):
        return current
    if expected_surcharge not in (None, str(contents.surcharge)):
        raise SurchargeChanged
    contract, file = _build_contract(client, contents, by=by, now=timezone.now())
    try:
        with object_storage.stored_objects({contract.pdf_key: file}):
            return _save_contract(contract, contents)
    except _AlreadyIssued as issued:
        return issued.contract


def _is_up_to_date(contract: Contract, contents: Contents) -> bool:
    return is_newest_edition(contract) and contract.snapshot.contents == contents


def _check_account_open(account: AppUser | None) -> None:
    if account is None or not account.is_open:
        raise AccountUnavailable


def _build_contract(client: Client, contents: Contents, *, by: Manager, now: datetime) -> tuple[Contract, bytes]:
    day = timezone.localdate(now)
    snapshot = Snapshot(
        number=next_number(contents.person.last_name, day),
        issued_on=day,
        template_version=pdf.current_version(),
        company=CompanyPart.from_settings(),
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
    _check_account_open(client.lock_account())
    consents.require_consent(client, AgreementKind.PERSONAL_DATA)
    current = open_contract(client)
    if current and _is_up_to_date(current, contents):
        raise _AlreadyIssued(current)
    if not is_current(contents, client):
        raise ContentsChanged
    # Carry over the number of wrong codes: a replacement contract must not reset it.
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
    """Set the client's surcharge to that of the contract: the tariff's price may have changed since step 3."""
    if surcharge.set_total(contract.client, contract.surcharge, by=by, now=now):
        body = f"Доплата по новой цене тарифа: {money.format_rubles(contract.surcharge)}"
        log.add_event(contract.client, body, by=by, now=now)


def void(contract: Contract, *, by: Manager | None, now: datetime) -> None:
    """Void an unsigned contract. The caller's transaction holds the client's lock."""
    contract.void_at, contract.voided_by = now, by
    contract.save(update_fields=["void_at", "voided_by"])
    log.add_event(contract.client, f"Договор {contract.number} аннулирован", by=by, now=now)
    append_event(contract, EventKind.VOID, by=by, at=now)


def matching_signed_contract(client: Client) -> Contract | None:
    """Return the last signed contract of a client who awaits a contract, if its contents equal the current data."""
    if client.status != Status.AWAITING_CONTRACT:
        return None
    signed = client.contracts.since_claimed().signed().filter(erased_at=None).newest_first().first()
    return signed if signed and is_current(signed.snapshot.contents, client) else None


@transaction.atomic
def restore_signed_contract(client: Client, *, by: Manager) -> None:
    """Keep the signed contract in force: the client's data equals it again, so no new one is needed.

    Raises TransitionRefused if the data differs from the last signed contract.
    """
    client, now = client.lock(), timezone.now()
    signed = matching_signed_contract(client)
    if signed is None:
        raise TransitionRefused(client)
    current = open_contract(client)
    if current:
        void(current, by=by, now=now)
    balance = Balance.for_client(client)
    target = Status.AWAITING_PAYMENT if balance.outstanding or balance.pending else Status.PROCESSED
    client.change_status(target, by=by, now=now, allowed_from=(Status.AWAITING_CONTRACT,))
    log.add_event(client, f"Изменения отменены, действует договор {signed.number}", by=by, now=now)
    _update_surcharge(signed, by=by, now=now)
    append_event(signed, EventKind.KEPT, by=by, at=now)
