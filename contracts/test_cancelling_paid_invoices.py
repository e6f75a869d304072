"""Invoices that are cancelled or confirmed here while, or before, they are paid in the app: no payment is lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from time import monotonic, sleep

import pytest
from django.db import transaction
from django.utils import timezone

from conftest import run_on_own_connection, waiting_for_locks
from contracts import app_payments, issuing, payment, signing
from contracts.conftest import alter_app_tables, code_sent_to, pay_in_app, shown_in_app, sign
from contracts.models import Invoice, InvoiceStatus, PaymentClaim
from contracts.shared import SharedInvoice
from contracts.test_app_payments import NOTICE, claim_entries, dismiss
from contracts.test_pages import url
from devices.saving import delete_device
from erasure import erasing
from erasure.models import ErasureReason


def replace(invoice: Invoice, by) -> Invoice:
    soon = timezone.localdate() + timedelta(days=9)
    return payment.create_invoice(invoice.contract.client, amount=Decimal(100), description="Часть", due_on=soon, by=by)


def test_invoice_paid_in_the_app_is_not_replaced(shape, as_anna, anna, invoice):
    pay_in_app(invoice)
    data = {"amount": "100", "description": "Часть", "due_on": timezone.localdate() + timedelta(days=3)}

    response = as_anna.post(url("invoice", invoice.contract.client), data)

    assert response.status_code == 409
    assert f"Клиент оплатил счёт {invoice.number} в приложении" in response.text
    assert NOTICE in response.text
    assert Invoice.objects.get().status == InvoiceStatus.PENDING
    assert SharedInvoice.objects.get().status == "paid"


def test_signing_a_smaller_contract_waits_until_the_claim_is_checked(as_anna, anna, invoice, make):
    client = invoice.contract.client
    delete_device(make.fresh(client).devices.last(), by=anna)
    second = issuing.issue(make.fresh(client), by=anna)
    pay_in_app(invoice)

    with pytest.raises(signing.InvoicePaidInApp):
        sign(second, anna)

    second.refresh_from_db()
    assert second.signed_at is None
    app_payments.note_claims()
    dismiss(as_anna, invoice, PaymentClaim.objects.get())
    assert sign(second, anna, code_sent_to(client)).signed_at


def test_payment_after_the_cancellation_is_not_lost(shape, as_anna, anna, invoice):
    replace(invoice, anna)
    pay_in_app(invoice)

    assert app_payments.note_claims() == 1
    client = invoice.contract.client
    page = as_anna.get(url("done", client)).text
    assert "Счёт отменён. Если деньги пришли, верните их" in page
    assert "Разобрано" in page

    dismiss(as_anna, invoice, PaymentClaim.objects.get())

    assert PaymentClaim.objects.get().outcome == "closed"
    assert invoice.pk not in shown_in_app(client)
    assert NOTICE not in as_anna.get(url("done", client)).text
    assert app_payments.note_claims() == 0


def test_second_payment_of_a_paid_invoice_is_not_lost(shape, as_anna, anna, invoice):
    pay_in_app(invoice)
    payment.confirm_payment(invoice, "app", by=anna)
    pay_in_app(invoice)

    assert app_payments.note_claims() == 1
    page = as_anna.get(url("done", invoice.contract.client)).text
    assert "Счёт уже оплачен. Если деньги пришли ещё раз" in page

    dismiss(as_anna, invoice, PaymentClaim.objects.open().get())
    assert Invoice.objects.get().status == InvoiceStatus.PAID
    assert SharedInvoice.objects.get().status == "paid"


def test_row_deleted_by_the_app_keeps_the_claim(shape, as_anna, invoice):
    pay_in_app(invoice)
    app_payments.note_claims()
    alter_app_tables("DELETE FROM user_invoice_payments; DELETE FROM user_invoices")

    assert NOTICE in as_anna.get(url("done", invoice.contract.client)).text
    assert as_anna.post(url("payment", invoice), {"method": "app"}).status_code == 302
    assert Invoice.objects.get().status == InvoiceStatus.PAID


@pytest.mark.usefixtures("maintenance")
def test_erasure_closes_claims(make, anna, gleb, invoice):
    client = invoice.contract.client
    pay_in_app(invoice)
    app_payments.note_claims()
    user = client.user
    user.close(now=timezone.now())

    erasing.erase(make.fresh(client), ErasureReason.REQUEST, by=gleb, note="вх. 1", ended=True)

    assert not PaymentClaim.objects.open().exists()
    assert app_payments.note_claims() == 0


@pytest.fixture
def committed_invoice(transactional_db, make, anna) -> Invoice:
    return sign(issuing.issue(make.awaiting_contract(anna, devices=2), by=anna), anna).invoices.get()


def outcome_while_the_app_pays(invoice: Invoice, operation):
    """Run `operation` while the app has marked the invoice as paid but not committed."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            pay_in_app(invoice)
            outcome = pool.submit(run_on_own_connection, operation)
            deadline = monotonic() + 20
            while not waiting_for_locks():
                assert monotonic() < deadline, "the operation did not wait for the app"
                sleep(0.01)
        return outcome.result(timeout=20)


def test_invoice_paid_in_the_app_while_it_is_cancelled_is_not_cancelled(committed_invoice, anna):
    outcome = outcome_while_the_app_pays(committed_invoice, lambda: replace(committed_invoice, anna))

    assert isinstance(outcome, payment.PaymentClaimed)
    assert Invoice.objects.get().status == InvoiceStatus.PENDING
    assert app_payments.note_claims() == 1


def test_app_that_pays_while_the_invoice_is_cancelled_leaves_a_claim(committed_invoice, anna):
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            replace(committed_invoice, anna)
            paid = pool.submit(run_on_own_connection, lambda: pay_in_app(committed_invoice))
            deadline = monotonic() + 20
            while not waiting_for_locks():
                assert monotonic() < deadline, "the app did not wait"
                sleep(0.01)
        assert paid.result(timeout=20) is None

    assert app_payments.note_claims() == 1
    claim = PaymentClaim.objects.get()
    assert (claim.invoice, claim.invoice.status) == (committed_invoice, InvoiceStatus.CANCELLED)


def test_payment_confirmed_while_the_app_pays_confirms_the_claim_too(committed_invoice, anna):
    outcome = outcome_while_the_app_pays(
        committed_invoice, lambda: payment.confirm_payment(committed_invoice, "app", by=anna)
    )

    assert outcome is True
    assert Invoice.objects.get().status == InvoiceStatus.PAID
    assert PaymentClaim.objects.get().outcome == "confirmed"
    assert app_payments.note_claims() == 0


def test_concurrent_sweeps_note_a_payment_once(race, committed_invoice):
    pay_in_app(committed_invoice)

    race(*[app_payments.note_claims] * 3, at=committed_invoice.contract.client)

    assert PaymentClaim.objects.count() == claim_entries() == 1


def test_concurrent_confirmation_and_dismissal_have_one_winner(race, committed_invoice, anna):
    pay_in_app(committed_invoice)
    app_payments.note_claims()
    claim = PaymentClaim.objects.get()

    race(
        lambda: payment.confirm_payment(committed_invoice, "app", by=anna),
        lambda: payment.dismiss_claims(committed_invoice, by=anna, shown=[str(claim.pk)]),
        at=committed_invoice.contract.client,
    )

    claim.refresh_from_db()
    # If the dismissal came first, the manager's confirmation still counts: both are decisions of a person.
    assert Invoice.objects.get().status == InvoiceStatus.PAID
    assert claim.outcome in ("confirmed", "rejected")
    assert SharedInvoice.objects.get().status == "paid"
