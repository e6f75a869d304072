"""Payments that are confirmed, undone, claimed by the app and outdated by contracts at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep

import pytest
from django.db import transaction
from django.db.models import F

from conftest import run_on_own_connection, waiting_for_locks
from contracts import app_payments, audit, issuing, payment, signing
from contracts.conftest import code_sent_to, pay_in_app, shown_in_app, sign
from contracts.models import Invoice, InvoiceStatus, Payment, PaymentClaim, SigningCode
from contracts.payment import Balance
from contracts.payment_undo import undo_payment
from contracts.test_cancelling_paid_invoices import outcome_while_the_app_pays
from devices.saving import delete_device


@pytest.fixture
def paid(transactional_db, make, anna) -> Invoice:
    """An invoice of 300 rubles, paid in cash to Анна."""
    contract = sign(issuing.issue(make.awaiting_contract(anna, devices=2), by=anna), anna)
    invoice = contract.invoices.get()
    payment.confirm_payment(invoice, "cash", by=anna)
    return Invoice.objects.select_related("contract__client").get()


def undo(paid: Invoice, by) -> bool:
    return undo_payment(paid, confirmed_at=paid.paid_at, by=by, reason="Ошибка")


def test_concurrent_undos_undo_once(race, paid, anna, gleb):
    outcomes = race(lambda: undo(paid, anna), lambda: undo(paid, gleb), at=paid.contract.client)

    assert sorted(outcomes) == [False, True]
    assert Payment.objects.count() == 1
    assert list(audit.find_faults()) == []


@pytest.mark.parametrize("undone_first", [True, False])
def test_confirmed_and_undone_at_once_ends_as_the_last_one_decides(race, paid, anna, undone_first):
    again = Invoice.objects.select_related("contract__client").get()
    operations = [lambda: undo(paid, anna), lambda: payment.confirm_payment(again, "qr", by=anna)]

    outcomes = race(*operations[:: 1 if undone_first else -1], at=paid.contract.client, in_order=True)

    if undone_first:
        assert outcomes == [True, True]
        assert (Invoice.objects.get().status, Payment.objects.in_force().get().method) == ("paid", "qr")
    else:
        assert outcomes == [False, True]
        assert (Invoice.objects.get().status, Payment.objects.in_force().exists()) == ("pending", False)
    assert list(audit.find_faults()) == []


def test_payment_in_the_app_while_it_is_undone_is_a_claim(paid, anna):
    assert outcome_while_the_app_pays(paid, lambda: undo(paid, anna)) is True

    assert Invoice.objects.get().status == InvoiceStatus.PENDING
    assert PaymentClaim.objects.open().count() == 1
    assert shown_in_app(paid.contract.client) == []  # so that the client does not pay again
    assert app_payments.note_claims() == 0


def test_app_that_pays_while_the_payment_is_undone_waits_and_leaves_a_claim(paid, anna):
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            undo(paid, anna)
            app = pool.submit(run_on_own_connection, lambda: pay_in_app(paid))
            deadline = monotonic() + 20
            while not waiting_for_locks():
                assert monotonic() < deadline, "the app did not wait"
                sleep(0.01)
        assert app.result(timeout=20) is None

    assert app_payments.note_claims() == 1
    assert (Invoice.objects.get().status, PaymentClaim.objects.open().count()) == ("pending", 1)


@pytest.mark.parametrize("undone_first", [True, False])
def test_undone_while_a_cheaper_contract_is_signed_bills_its_surcharge_once(race, paid, make, anna, undone_first):
    client = make.fresh(paid.contract.client)
    delete_device(client.devices.last(), by=anna)
    second = issuing.issue(make.fresh(client), by=anna)
    SigningCode.objects.update(sent_at=F("sent_at") - timedelta(hours=1))
    signing.request_code(second, by=anna)
    code = code_sent_to(client)
    operations = [lambda: undo(paid, anna), lambda: sign(second, anna, code)]

    outcomes = race(*operations[:: 1 if undone_first else -1], at=client, in_order=True)

    undone, contract = outcomes[:: 1 if undone_first else -1]
    assert undone is True
    assert contract.signed_at
    assert Invoice.objects.get(pk=paid.pk).status == InvoiceStatus.CANCELLED
    assert (second.invoices.get().amount, second.invoices.get().status) == (150, "pending")
    client = make.fresh(client)
    assert (client.status, Balance.for_client(client).outstanding) == ("awaiting_payment", 150)
    assert shown_in_app(client) == [second.invoices.get().pk]
    assert list(audit.find_faults()) == []
