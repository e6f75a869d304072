"""Amounts due after signing, invoices, and payments."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from clients.models import Status
from contracts import issuing, payment
from contracts.conftest import sign
from contracts.models import Contract, Invoice, InvoiceStatus
from devices.saving import delete_device
from support.models import Message

NEXT_WEEK = date.today() + timedelta(days=7)


def open_invoice(contract: Contract) -> Invoice:
    return contract.invoices.get(status=InvoiceStatus.PENDING)


def test_signing_creates_an_invoice_and_notifies_the_client(signed, make):
    invoice = open_invoice(signed)

    assert invoice.amount == Decimal("300.00")
    assert invoice.number == f"{signed.number}/1"
    assert make.fresh(signed.client).status == Status.AWAITING_PAYMENT
    message = Message.objects.get(body__startswith="Выставлен счёт").body
    assert "300,00\u00a0₽" in message
    assert f"{invoice.due_on:%d.%m.%Y}" in message


def test_client_is_processed_without_an_invoice_if_nothing_is_due(make, anna):
    contract = sign(issuing.issue(make.awaiting_contract(anna, fee=Decimal("0")), by=anna), anna)

    assert make.fresh(contract.client).status == Status.PROCESSED
    assert contract.due == 0
    assert not contract.invoices.exists()


def test_confirmed_payment_processes_the_client(signed, anna, make):
    assert payment.confirm_payment(open_invoice(signed), "cash", by=anna)

    signed.refresh_from_db()
    assert make.fresh(signed.client).status == Status.PROCESSED
    assert signed.paid_by == anna
    assert signed.invoices.get().paid_at == signed.paid_at


def test_confirming_payment_twice_records_it_once(signed, anna):
    invoice = open_invoice(signed)
    payment.confirm_payment(invoice, "cash", by=anna)
    paid_at = Invoice.objects.get().paid_at

    assert not payment.confirm_payment(invoice, "cash", by=anna)
    assert Invoice.objects.get().paid_at == paid_at


def test_change_bills_only_the_difference(signed, anna, make):
    payment.confirm_payment(open_invoice(signed), "cash", by=anna)
    make.device(make.fresh(signed.client), anna, title="Третье", extra_fee=Decimal("70.50"))

    second = sign(issuing.issue(make.fresh(signed.client), by=anna), anna)

    assert second.surcharge == Decimal("370.50")
    assert second.due == open_invoice(second).amount == Decimal("70.50")


def test_unpaid_earlier_invoice_counts_as_billed(signed, anna, make):
    make.device(make.fresh(signed.client), anna, title="Третье")

    second = sign(issuing.issue(make.fresh(signed.client), by=anna), anna)

    assert [invoice.amount for invoice in payment.client_invoices(signed.client).order_by("created_at")] == [300, 150]
    payment.confirm_payment(open_invoice(second), "cash", by=anna)
    assert make.fresh(signed.client).status == Status.AWAITING_PAYMENT
    payment.confirm_payment(open_invoice(signed), "cash", by=anna)
    assert make.fresh(signed.client).status == Status.PROCESSED


def test_fewer_devices_before_payment_replace_the_pending_invoice_with_a_smaller_one(signed, anna, make):
    client = make.fresh(signed.client)
    delete_device(client.devices.last(), by=anna)

    second = sign(issuing.issue(make.fresh(client), by=anna), anna)

    assert signed.invoices.get().status == InvoiceStatus.CANCELLED
    assert open_invoice(second).amount == Decimal("150.00")
    assert payment.Balance.for_client(client).outstanding == Decimal("150.00")


def test_fewer_devices_after_payment_bill_nothing(signed, anna, make):
    payment.confirm_payment(open_invoice(signed), "cash", by=anna)
    delete_device(make.fresh(signed.client).devices.last(), by=anna)

    second = sign(issuing.issue(make.fresh(signed.client), by=anna), anna)

    assert second.due == 0
    assert not second.invoices.exists()
    assert make.fresh(signed.client).status == Status.PROCESSED


def test_client_is_processed_when_all_partial_invoices_are_paid(signed, anna, make):
    client = signed.client
    part = payment.create_invoice(client, amount=Decimal("100"), description="Первая часть", due_on=NEXT_WEEK, by=anna)
    assert signed.invoices.get(status=InvoiceStatus.CANCELLED).amount == Decimal("300.00")

    payment.confirm_payment(part, "cash", by=anna)
    assert make.fresh(client).status == Status.AWAITING_PAYMENT

    rest = payment.create_invoice(client, amount=Decimal("200"), description="Остаток", due_on=NEXT_WEEK, by=anna)
    payment.confirm_payment(rest, "cash", by=anna)
    assert make.fresh(client).status == Status.PROCESSED


def test_same_invoice_is_created_once(signed, anna):
    values = {"amount": Decimal("100"), "description": "Часть", "due_on": NEXT_WEEK, "by": anna}

    assert payment.create_invoice(signed.client, **values).pk == payment.create_invoice(signed.client, **values).pk


@pytest.mark.parametrize("amount", ["300.01", "9999999999.99"])
def test_invoice_cannot_exceed_the_outstanding_amount(signed, anna, amount):
    with pytest.raises(payment.PaymentRefused, match="не больше 300,00"):
        payment.create_invoice(signed.client, amount=Decimal(amount), description="Много", due_on=NEXT_WEEK, by=anna)
    assert open_invoice(signed).amount == Decimal("300.00")


def test_cancelled_invoice_cannot_be_paid(signed, anna):
    cancelled = open_invoice(signed)
    payment.create_invoice(signed.client, amount=Decimal("100"), description="Часть", due_on=NEXT_WEEK, by=anna)

    with pytest.raises(payment.PaymentRefused, match="отменён"):
        payment.confirm_payment(cancelled, "cash", by=anna)


def test_unsigned_contract_cannot_be_marked_paid(issued, anna):
    with pytest.raises(DatabaseError, match="paid_after_signing"), transaction.atomic():
        Contract.objects.filter(pk=issued.pk).update(paid_at=issued.issued_at)


@pytest.mark.parametrize("change", [{"amount": 1}, {"status": "pending", "paid_at": None}, {"description": "x"}])
def test_paid_invoice_is_immutable(signed, anna, change):
    payment.confirm_payment(open_invoice(signed), "cash", by=anna)

    with pytest.raises(DatabaseError), transaction.atomic():
        Invoice.objects.update(**change)


def test_partial_payment_leaves_the_contract_unpaid(signed, anna):
    part = payment.create_invoice(signed.client, amount=Decimal("100"), description="Часть", due_on=NEXT_WEEK, by=anna)
    payment.confirm_payment(part, "cash", by=anna)

    signed.refresh_from_db()
    assert signed.paid_at is None
