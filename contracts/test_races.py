"""Concurrent operations on separate connections; `race` checks that they really overlap."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from clients.models import Client
from conftest import run_on_own_connection, waiting_for_locks
from contracts import issuing, payment, signing
from contracts.conftest import code_sent_to, sign
from contracts.models import Contract, Invoice, InvoiceStatus, NumberOfDay, SigningCode
from contracts.numbering import next_number
from devices.saving import delete_device
from support import log
from support.models import LogEntry, LogKind, Message, Ticket


def test_concurrent_issues_create_one_contract(race, make, anna, stored_files):
    client = make.awaiting_contract(anna)

    first, second = race(*[lambda: issuing.issue(make.fresh(client), by=anna)] * 2, at=client)

    assert first.pk == second.pk == Contract.objects.get().pk
    assert stored_files("contracts") == [first.pdf_key]


def test_concurrent_signatures_sign_once(race, make, anna):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    signing.request_code(contract, by=anna)
    code = code_sent_to(contract.client)

    outcomes = race(*[lambda: sign(contract, anna, code)] * 2, at=contract.client)

    assert [outcome.pk for outcome in outcomes] == [contract.pk] * 2
    assert Invoice.objects.count() == 1
    assert Message.objects.filter(body__contains="подписан.").count() == 1


def test_concurrent_wrong_codes_are_all_counted(race, make, anna):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    signing.request_code(contract, by=anna)
    wrong = f"{(int(code_sent_to(contract.client)) + 1) % 10**6:06}"

    outcomes = race(*[lambda: sign(contract, anna, wrong)] * 7, at=contract.client)

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds.count(signing.CodeWrong) == 5
    assert kinds.count(signing.CodeUsedUp) == 2
    assert Contract.objects.get().failed_tries == 5


def test_concurrent_code_requests_send_one_code_in_one_ticket(race, make, anna):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)

    outcomes = race(*[lambda: signing.request_code(contract, by=anna)] * 2, at=contract.client)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CodeTooSoon", "SigningCode"]
    assert SigningCode.objects.count() == Ticket.objects.count() == 1


def outcome_while_the_account_is_closed(make, operation: Callable):
    """Run `operation` while the app closes the account but has not committed. Return its result or exception."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            make.close_account(Client.objects.get())
            outcome = pool.submit(run_on_own_connection, operation)
            deadline = monotonic() + 20
            while not waiting_for_locks():
                assert monotonic() < deadline, "the operation did not wait for the deletion"
                sleep(0.01)
        return outcome.result(timeout=20)


@pytest.mark.django_db(transaction=True)
def test_account_closed_during_a_code_request_gets_no_code(make, anna):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)

    outcome = outcome_while_the_account_is_closed(make, lambda: signing.request_code(contract, by=anna))

    assert isinstance(outcome, signing.AccountClosed)
    assert not SigningCode.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_account_closed_during_signing_signs_nothing(make, anna):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    signing.request_code(contract, by=anna)
    code = code_sent_to(contract.client)

    outcome = outcome_while_the_account_is_closed(make, lambda: sign(contract, anna, code))

    assert isinstance(outcome, signing.AccountClosed)
    assert Contract.objects.get().signed_at is None
    assert (SigningCode.objects.get().used_at, SigningCode.objects.get().failed_tries) == (None, 0)


@pytest.mark.django_db(transaction=True)
def test_account_closed_while_a_contract_is_issued_gets_none(make, anna):
    client = make.awaiting_contract(anna)

    outcome = outcome_while_the_account_is_closed(make, lambda: issuing.issue(client, by=anna))

    assert isinstance(outcome, issuing.AccountUnavailable)
    assert not Contract.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_app_cannot_close_an_account_before_a_code_or_a_signature_is_saved(make, anna):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)

    def close():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '300ms'")
            make.close_account(contract.client)

    with ThreadPoolExecutor(1) as pool:
        for operation in (lambda: signing.request_code(contract, by=anna), lambda: sign(contract, anna)):
            with transaction.atomic():
                operation()
                outcome = pool.submit(run_on_own_connection, close).result(timeout=20)
            assert isinstance(outcome, OperationalError), outcome

    assert Contract.objects.get().signed_at


def test_concurrent_confirmations_record_one_payment(race, make, anna):
    contract = sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    invoice = contract.invoices.get()

    outcomes = race(*[lambda: payment.confirm_payment(invoice, "cash", by=anna)] * 2, at=contract.client)

    assert sorted(outcomes) == [False, True]
    assert Message.objects.filter(body__contains="получена").count() == 1
    assert Invoice.objects.get().status == InvoiceStatus.PAID


def test_device_added_during_signing_requires_a_new_contract(race, make, anna):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    signing.request_code(contract, by=anna)
    code = code_sent_to(contract.client)
    client = make.fresh(contract.client)

    race(lambda: sign(contract, anna, code), lambda: make.device(client, anna, title="Новое"), at=client)

    contract.refresh_from_db()
    assert make.fresh(client).status == "awaiting_contract"
    assert contract.signed_at is None or len(contract.snapshot.contents.devices) == 1


def test_concurrent_numbers_are_different(race, make, anna):
    day = timezone.localdate()
    row = NumberOfDay.objects.create(day=day, last=98)

    numbers = race(*[lambda: next_number("Иванов", day)] * 4, at=row)

    assert set(numbers) == {f"ИВ-{day:%y%m%d}-{running}" for running in (99, 100, 101, 102)}


def test_concurrent_copies_of_a_note_are_saved_once(race, make, anna):
    client, form_id = make.verified(anna), uuid.uuid4()

    race(*[lambda: log.add_note(client, "Ключ у соседки", by=anna, now=timezone.now(), form_id=form_id)] * 2, at=client)

    assert LogEntry.objects.filter(kind=LogKind.NOTE).count() == 1


def test_payment_concurrent_with_a_smaller_contract_bills_nothing_twice(race, make, anna):
    first = sign(issuing.issue(make.awaiting_contract(anna, devices=2), by=anna), anna)
    invoice, client = first.invoices.get(), make.fresh(first.client)
    delete_device(client.devices.last(), by=anna)
    second = issuing.issue(make.fresh(client), by=anna)
    SigningCode.objects.update(sent_at=F("sent_at") - timedelta(hours=1))
    signing.request_code(second, by=anna)
    code = code_sent_to(client)

    paid, signed = race(
        lambda: payment.confirm_payment(invoice, "cash", by=anna), lambda: sign(second, anna, code), at=client
    )

    if isinstance(paid, payment.PaymentRefused):
        assert [row.status for row in (first.invoices.get(), second.invoices.get())] == ["cancelled", "pending"]
        assert make.fresh(client).status == "awaiting_payment"
    else:
        assert (paid, first.invoices.get().status, second.invoices.exists()) == (True, "paid", False)
        assert make.fresh(client).status == "processed"
    assert signed.signed_at
