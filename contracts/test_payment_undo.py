"""Undoing a confirmed payment: who may, what follows, and what is refused."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.utils import timezone

from clients.models import Client, Status
from contracts import app_payments, audit, issuing, payment
from contracts.conftest import pay_in_app, shown_in_app, sign
from contracts.models import Contract, ContractEvent, Invoice, InvoiceStatus, Payment, PaymentClaim
from contracts.payment import Balance, PaymentRefused
from contracts.payment_undo import ReasonMissing, undo_payment
from contracts.shared import SharedInvoice
from contracts.statistics import Period, totals_by_day, totals_by_manager
from devices.saving import delete_device
from managers.models import Manager
from support.models import LogEntry, Message

NEXT_WEEK = timezone.localdate() + timedelta(days=7)


def pay(invoice: Invoice, by: Manager, method: str = "cash", **options) -> Invoice:
    payment.confirm_payment(invoice, method, by=by, **options)
    return Invoice.objects.get(pk=invoice.pk)


def undo(invoice: Invoice, by: Manager, reason: str = "") -> bool:
    return undo_payment(invoice, confirmed_at=invoice.paid_at, by=by, reason=reason)


def minutes_later(number: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(minutes=number), tick=False)


@pytest.fixture
def paid(invoice, anna) -> Invoice:
    """The invoice of 300 rubles, paid in cash to Анна a moment ago."""
    return pay(invoice, anna)


# Recording


def test_payment_has_method_time_person_and_note(invoice, anna):
    paid = pay(invoice, anna, "terminal", note="Чек 15")

    row = Payment.objects.get()
    assert (row.method, row.confirmed_by, row.note, row.undone_at) == ("terminal", anna, "Чек 15", None)
    assert row.confirmed_at == paid.paid_at == paid.contract.paid_at
    message = Message.objects.filter(body__contains="получена").get().body
    assert message == f"Оплата 300,00\u00a0₽ по счёту {paid.number} получена: терминал. Спасибо!"
    assert LogEntry.objects.filter(body__endswith="получена: терминал. Примечание: Чек 15").count() == 1


def test_second_confirmation_keeps_the_first_method(paid, anna, gleb):
    assert not payment.confirm_payment(paid, "qr", by=gleb)
    assert (Payment.objects.get().method, Payment.objects.get().confirmed_by) == ("cash", anna)


def test_claim_stays_open_if_the_invoice_was_paid_another_way(invoice, anna):
    """The client may have paid twice."""
    pay_in_app(invoice)

    pay(invoice, anna, "cash")

    assert PaymentClaim.objects.open().count() == 1


def test_events_name_the_method(paid, anna):
    undo(paid, anna)

    events = ContractEvent.objects.filter(what__in=["bill_paid", "paid", "payment_undone", "unpaid"])
    facts = f'{{"amount":"300.00","invoice":"{paid.number}","method":"cash"}}'
    assert list(events.values_list("what", "facts", "by")) == [
        ("bill_paid", facts, anna.pk), ("paid", "{}", anna.pk), ("payment_undone", facts, anna.pk),
        ("unpaid", "{}", anna.pk),
    ]  # fmt: skip


# Undoing


def test_undone_payment_is_owed_again(shape, paid, anna, make):
    assert undo(paid, anna)

    invoice, client = Invoice.objects.get(), make.fresh(paid.contract.client)
    assert (invoice.status, invoice.paid_at, invoice.paid_by) == (InvoiceStatus.PENDING, None, None)
    assert (invoice.contract.paid_at, invoice.contract.paid_by) == (None, None)
    assert client.status == Status.AWAITING_PAYMENT
    assert Balance.for_client(client).outstanding == 300
    row = Payment.objects.get()
    assert (row.undone_by, row.undo_reason, row.undone_at > row.confirmed_at) == (anna, "", True)
    assert shown_in_app(client) == [invoice.pk]
    assert client.changes.last().to_status == Status.AWAITING_PAYMENT
    assert list(audit.find_faults()) == []


def test_client_and_staff_read_about_it(paid, gleb):
    undo(paid, gleb, "Не тот клиент")

    message = Message.objects.filter(body__contains="снята").get().body
    assert message.startswith(f"Отметка об оплате 300,00\u00a0₽ по счёту {paid.number} снята. Счёт снова ожидает")
    assert "Не тот клиент" not in message
    logged = LogEntry.objects.get(body__contains="снята")
    assert logged.author == gleb
    assert logged.body.endswith("Способ был: наличные. Причина: Не тот клиент")


def test_undone_invoice_can_be_paid_again(paid, anna, make):
    undo(paid, anna)

    again = pay(paid, anna, "qr")

    assert list(Payment.objects.order_by("confirmed_at").values_list("method", "undone_by")) == [
        ("cash", anna.pk),
        ("qr", None),
    ]
    assert Invoice.objects.with_payment().get().method_label == "Перевод по QR-коду"
    assert again.status == InvoiceStatus.PAID
    assert make.fresh(again.contract.client).status == Status.PROCESSED
    assert list(audit.find_faults()) == []


@pytest.mark.parametrize("method", ["cash", "app"])
def test_undoing_twice_is_once(paid, anna, gleb, method):
    assert undo(paid, anna)

    assert not undo(paid, gleb, "Ещё раз")
    assert Payment.objects.get().undone_by == anna
    assert Message.objects.filter(body__contains="снята").count() == 1


def test_undo_of_an_earlier_payment_does_not_undo_the_newer_one(paid, anna):
    earlier = paid.paid_at
    undo(paid, anna)
    pay(paid, anna)

    assert not undo_payment(paid, confirmed_at=earlier, by=anna)
    assert Invoice.objects.get().status == InvoiceStatus.PAID


def test_partial_payment_that_is_undone_leaves_the_others(signed, anna, make):
    part = payment.create_invoice(signed.client, amount=Decimal(100), description="Часть", due_on=NEXT_WEEK, by=anna)
    pay(part, anna)
    rest = payment.create_invoice(signed.client, amount=Decimal(200), description="Всё", due_on=NEXT_WEEK, by=anna)
    rest = pay(rest, anna)

    undo(rest, anna)

    assert dict(Invoice.objects.values_list("amount", "status")) == {300: "cancelled", 100: "paid", 200: "pending"}
    assert Contract.objects.get().paid_at is None
    assert Balance.for_client(make.fresh(signed.client)).outstanding == 200


# Who may


def test_manager_may_undo_their_own_payment_for_ten_minutes(paid, anna):
    with minutes_later(9.9):
        assert undo(paid, anna)


def test_manager_may_not_undo_later_even_with_a_reason(paid, anna):
    with minutes_later(10.1), pytest.raises(PaymentRefused, match="десяти минут"):
        undo(paid, anna, "Ошибка")
    assert Invoice.objects.get().status == InvoiceStatus.PAID


def test_manager_may_not_undo_the_payment_of_somebody_else(invoice, anna, gleb):
    paid = pay(invoice, gleb)

    with pytest.raises(PaymentRefused):
        undo(paid, anna, "Ошибка")


def test_admin_needs_a_reason_except_for_their_own_recent_payment(invoice, gleb):
    paid = pay(invoice, gleb)
    with minutes_later(10.1):
        with pytest.raises(ReasonMissing):
            undo(paid, gleb)
        assert undo(paid, gleb, "Деньги не пришли")

    paid = pay(invoice, gleb)
    assert undo(paid, gleb)


def test_admin_needs_a_reason_for_a_recent_payment_of_somebody_else(paid, gleb):
    with pytest.raises(ReasonMissing):
        undo(paid, gleb)
    assert undo(paid, gleb, "Ошибка")


def test_payment_from_before_an_erasure_is_not_undone(paid, gleb):
    Client.objects.update(claimed_at=timezone.now())

    with pytest.raises(PaymentRefused, match="уничтожены"):
        undo(paid, gleb, "Ошибка")


# The app's claims


def test_confirmed_claim_is_open_again_and_the_app_does_not_ask_for_money(shape, invoice, anna, make):
    pay_in_app(invoice)
    paid = pay(invoice, anna, "app")
    assert PaymentClaim.objects.get().outcome == "confirmed"

    undo(paid, anna)

    claim = PaymentClaim.objects.get()
    assert (claim.outcome, claim.resolved_at, claim.resolved_by) == ("", None, None)
    assert SharedInvoice.objects.get().status == "paid"
    assert shown_in_app(make.fresh(paid.contract.client)) == []
    assert app_payments.note_claims() == 0
    payment.dismiss_claims(paid, by=anna, shown=[str(claim.pk)])
    assert shown_in_app(paid.contract.client) == [invoice.pk]


def test_claim_that_was_resolved_otherwise_stays_resolved(shape, invoice, anna):
    pay_in_app(invoice)
    app_payments.note_claims()
    payment.dismiss_claims(invoice, by=anna, shown=[str(PaymentClaim.objects.get().pk)])

    undo(pay(invoice, anna), anna)

    assert PaymentClaim.objects.get().outcome == "rejected"
    assert shown_in_app(invoice.contract.client) == [invoice.pk]
    assert app_payments.note_claims() == 0


def test_trusted_payment_is_undone_by_admins_only_and_not_confirmed_again(settings, invoice, anna, gleb):
    settings.APP_PAYMENTS = "trusted"
    pay_in_app(invoice)
    app_payments.note_claims()
    paid = Invoice.objects.get()
    assert (Payment.objects.get().method, Payment.objects.get().confirmed_by) == ("app", None)

    with pytest.raises(PaymentRefused):
        undo(paid, anna, "Ошибка")
    with pytest.raises(ReasonMissing):
        undo(paid, gleb)
    undo(paid, gleb, "Банк вернул платёж")

    assert app_payments.note_claims() == 0
    assert Invoice.objects.get().status == InvoiceStatus.PENDING
    payment.dismiss_claims(paid, by=gleb, shown=[str(PaymentClaim.objects.get().pk)])
    pay_in_app(invoice)
    app_payments.note_claims()
    assert Invoice.objects.get().status == InvoiceStatus.PAID  # a new payment, which nobody doubts


# Other invoices and contracts


def test_cheaper_contract_replaces_the_undone_invoice(shape, paid, anna, make):
    """As if the payment had not been there when it was signed."""
    client = paid.contract.client
    delete_device(make.fresh(client).devices.last(), by=anna)
    second = sign(issuing.issue(make.fresh(client), by=anna), anna)
    assert not second.invoices.exists()

    undo(paid, anna)

    new = second.invoices.get()
    assert (new.amount, new.status) == (Decimal(150), "pending")
    assert Invoice.objects.get(pk=paid.pk).status == InvoiceStatus.CANCELLED
    assert make.fresh(client).status == Status.AWAITING_PAYMENT
    assert shown_in_app(client) == [new.pk]
    assert app_payments.note_claims() == 0
    assert list(audit.find_faults()) == []


def test_dearer_contract_does_not_depend_on_the_undone_invoice(paid, anna, make):
    client = paid.contract.client
    make.device(make.fresh(client), anna, title="Третье")
    second = sign(issuing.issue(make.fresh(client), by=anna), anna)

    undo(paid, anna)

    assert [second.invoices.get().amount, Invoice.objects.get(pk=paid.pk).status] == [150, "pending"]
    assert Balance.for_client(make.fresh(client)).pending == Balance.for_client(client).outstanding == 450


def test_pending_invoice_of_the_same_contract_is_merged_with_the_undone_one(signed, anna, make):
    part = payment.create_invoice(signed.client, amount=Decimal(100), description="Часть", due_on=NEXT_WEEK, by=anna)
    part = pay(part, anna)
    rest = payment.create_invoice(signed.client, amount=Decimal(200), description="Всё", due_on=NEXT_WEEK, by=anna)

    undo(part, anna)

    assert {Invoice.objects.get(pk=old.pk).status for old in (part, rest)} == {"cancelled"}
    assert Invoice.objects.get(status="pending").amount == 300
    assert Balance.for_client(make.fresh(signed.client)).outstanding == 300


def test_pending_invoice_that_the_client_has_paid_in_the_app_is_checked_first(signed, anna):
    part = payment.create_invoice(signed.client, amount=Decimal(100), description="Часть", due_on=NEXT_WEEK, by=anna)
    part = pay(part, anna)
    rest = payment.create_invoice(signed.client, amount=Decimal(200), description="Всё", due_on=NEXT_WEEK, by=anna)
    pay_in_app(rest)

    with pytest.raises(payment.PaymentClaimed):
        undo(part, anna)
    assert Invoice.objects.get(pk=part.pk).status == InvoiceStatus.PAID


def test_undo_while_a_new_contract_is_awaited_keeps_the_status(paid, anna, make):
    client = paid.contract.client
    make.device(make.fresh(client), anna, title="Плита")

    undo(paid, anna)

    assert make.fresh(client).status == Status.AWAITING_CONTRACT
    second = sign(issuing.issue(make.fresh(client), by=anna), anna)
    assert second.due == 150


# Statistics, older invoices, the database


def test_statistics_do_not_count_an_undone_payment_also_of_a_past_day(invoice, anna, gleb):
    yesterday, now = timezone.now() - timedelta(days=1), timezone.now()
    with time_machine.travel(yesterday, tick=False):
        paid = pay(invoice, anna)
    period = Period(timezone.localdate(yesterday), timezone.localdate(now))
    assert [day.paid for day in totals_by_day(period)] == [1, 0]

    undo(paid, gleb, "Ошибка")
    assert [day.paid for day in totals_by_day(period)] == [0, 0]
    assert sum(row.amount for row in totals_by_manager(period)) == 0

    pay(invoice, gleb)
    assert [day.paid for day in totals_by_day(period)] == [0, 1]


def as_an_earlier_version_pays(invoice: Invoice, by: Manager) -> Invoice:
    """Mark the invoice as paid with the statements of versions without payments, which may run beside this one."""
    now = timezone.now()
    Invoice.objects.filter(pk=invoice.pk, status="pending").update(status="paid", paid_at=now, paid_by=by)
    Contract.objects.filter(pk=invoice.contract_id).update(paid_at=now, paid_by=by)
    return Invoice.objects.get(pk=invoice.pk)


def test_payment_that_an_earlier_version_confirmed_can_be_undone(invoice, anna, gleb):
    paid = as_an_earlier_version_pays(invoice, anna)
    assert Invoice.objects.with_payment().get().method_label == "Способ не указан"

    assert undo(paid, gleb, "Ошибка")

    row = Payment.objects.get()
    assert (row.method, row.confirmed_by, row.confirmed_at) == ("", anna, paid.paid_at)
    as_an_earlier_version_pays(invoice, anna)
    assert Invoice.objects.with_payment().get().method_label == "Способ не указан"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "qr"},
        {"note": "x"},
        {"confirmed_at": timezone.now()},
        {"undone_at": timezone.now()},
        {"undone_at": timezone.now() + timedelta(hours=1), "undone_by": "anna"},
    ],
)
def test_payment_row_is_frozen_and_its_undo_complete(paid, anna, change):
    if "undone_by" in change:
        change |= {"undone_by": anna}
    with pytest.raises(DatabaseError), transaction.atomic():
        Payment.objects.update(**change)


def test_undo_is_final_and_payments_stay(paid, anna):
    undo(paid, anna)

    for change in ({"undone_at": None, "undone_by": None}, {"undo_reason": "x"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Payment.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        Payment.objects.all().delete()


def test_database_refuses_payments_and_undos_that_do_not_match_the_invoice(paid, anna):
    pending = {"status": "pending", "paid_at": None, "paid_by": None}
    with pytest.raises(DatabaseError, match="not recorded"), transaction.atomic():
        Invoice.objects.update(**pending)
    with pytest.raises(DatabaseError, match="one_in_force"), transaction.atomic():
        Payment.objects.create(invoice=paid, method="qr", confirmed_at=paid.paid_at, confirmed_by=anna)
    undo(paid, anna)
    with pytest.raises(DatabaseError, match="not of a paid invoice"), transaction.atomic():
        Payment.objects.create(invoice=paid, method="qr", confirmed_at=timezone.now(), confirmed_by=anna)
    with pytest.raises(DatabaseError, match="method_known"), transaction.atomic():
        payment.confirm_payment(paid, "barter", by=anna)
