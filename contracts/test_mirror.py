"""Open invoices are mirrored into the app's table, in both of its shapes."""

import logging
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from conftest import ROLES, execute_as_owner, execute_in_app
from contracts import issuing, mirror, payment
from contracts.conftest import alter_app_tables, pay_in_app, shown_in_app, sign
from contracts.models import Invoice, InvoiceStatus
from contracts.shared import SharedInvoice, SharedPayment
from devices.saving import delete_device


def in_days(days: int) -> date:
    return timezone.localdate() + timedelta(days=days)


def make_part(contract, by, amount: str = "100", due_on: date | None = None) -> Invoice:
    """Replace the pending invoice by one with these values."""
    return payment.create_invoice(
        contract.client, amount=Decimal(amount), description="Часть", due_on=due_on or in_days(20), by=by
    )


def due_day(row: SharedInvoice) -> date:
    return row.due_date if type(row.due_date) is date else timezone.localdate(row.due_date)


def test_signing_mirrors_the_invoice(shape, signed):
    invoice, row = signed.invoices.get(), SharedInvoice.objects.get()

    assert (row.pk, row.client_id, row.contract_number) == (invoice.pk, signed.client.user_id, signed.number)
    assert (row.amount, row.description) == (300, invoice.description)
    assert due_day(row) == invoice.due_on
    assert shown_in_app(signed.client) == [invoice.pk]


@pytest.mark.parametrize(("amount", "whole"), [("100.01", 101), ("100.50", 101), ("100.00", 100)])
def test_whole_rubles_are_rounded_up_and_the_exact_sum_is_in_the_text(shape, signed, anna, amount, whole):
    invoice = make_part(signed, anna, amount)

    row = SharedInvoice.objects.get(pk=invoice.pk)
    if shape == "older" or invoice.amount == whole:
        assert (row.amount, row.description) == (invoice.amount, "Часть")
    else:
        assert (row.amount, row.description) == (whole, f"Часть. Точная сумма: 100,{amount[-2:]}\u00a0₽")


def test_confirmed_payment_hides_the_invoice(shape, signed, anna):
    payment.confirm_payment(signed.invoices.get(), "cash", by=anna)

    assert SharedInvoice.objects.get().status == "paid"
    assert shown_in_app(signed.client) == []


def test_cancelled_invoice_is_hidden_and_keeps_its_row(shape, signed, anna):
    cancelled = signed.invoices.get()
    part = make_part(signed, anna)

    assert shown_in_app(signed.client) == [part.pk]
    assert SharedInvoice.objects.get(pk=cancelled.pk).status == "canceled"


def test_smaller_contract_replaces_the_invoice_in_the_app(shape, signed, anna, make):
    delete_device(make.fresh(signed.client).devices.last(), by=anna)

    second = sign(issuing.issue(make.fresh(signed.client), by=anna), anna)

    assert shown_in_app(signed.client) == [second.invoices.get().pk]


def test_invoice_of_a_deleted_account_is_not_mirrored(signed, anna, make):
    SharedInvoice.objects.all().delete()
    make.delete_account(signed.client)
    signed.refresh_from_db()

    make_part(signed, anna)

    assert mirror.sync_invoices() == mirror.SyncResult(0, 0)
    assert not SharedInvoice.objects.exists()


def test_overdue_invoice_stays_visible_and_its_own_date_does_not_change(shape, signed):
    invoice = signed.invoices.get()
    with time_machine.travel(timezone.now() + timedelta(days=40)):
        assert mirror.sync_invoices() == mirror.SyncResult(1, 0)
        row = SharedInvoice.objects.get()
        assert due_day(row) == in_days(7)
        assert row.description == f"{invoice.description}. Оплатить до {invoice.due_on:%d.%m.%Y}"
        assert mirror.sync_invoices() == mirror.SyncResult(0, 0)
    assert signed.invoices.get().due_on == invoice.due_on


def test_due_date_in_the_app_is_a_week_ahead_at_least(shape, signed, anna):
    invoice = make_part(signed, anna, due_on=in_days(0))

    assert due_day(SharedInvoice.objects.get(pk=invoice.pk)) == in_days(7)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM user_invoices",
        "UPDATE user_invoices SET description = 'x'",
        "UPDATE user_invoices SET due_date = '2020-01-01'",
        "UPDATE user_invoices SET due_date = 'infinity'",
        "UPDATE user_invoices SET contract_number = '1'",
    ],
)
def test_sync_restores_what_the_app_changed(shape, signed, damage):
    before = SharedInvoice.objects.values("id", "amount", "description", "contract_number", "due_date", "status").get()
    alter_app_tables(damage)

    assert mirror.sync_invoices() == mirror.SyncResult(1, 0)

    assert SharedInvoice.objects.values(*before).get() == before
    assert mirror.sync_invoices() == mirror.SyncResult(0, 0)


def test_sync_hides_settled_invoices_that_the_app_still_shows(shape, signed, anna):
    cancelled = signed.invoices.get()
    part = make_part(signed, anna)
    payment.confirm_payment(part, "cash", by=anna)
    open_label = "new" if shape == "app" else "pending"
    SharedInvoice.objects.update(status=open_label, due_date=timezone.now() + timedelta(days=9))

    assert mirror.sync_invoices() == mirror.SyncResult(2, 0)

    assert shown_in_app(signed.client) == []
    assert SharedInvoice.objects.get(pk=cancelled.pk).status == "canceled"


def test_sync_does_not_reopen_what_the_client_paid_in_the_app(shape, signed):
    pay_in_app(signed.invoices.get())

    assert mirror.sync_invoices() == mirror.SyncResult(0, 0)
    assert SharedInvoice.objects.get().status == "paid"


def test_rows_of_other_systems_are_not_changed(shape, signed, make):
    other = make.client()
    values = {"amount": 5, "description": "Подписка", "contract_number": "7", "status": "paid"}
    now = timezone.now()
    row = SharedInvoice.objects.create(
        id=other.pk, client_id=other.user_id, due_date=now, created_at=now, updated_at=now, **values
    )

    SharedInvoice.objects.filter(pk=signed.invoices.get().pk).delete()
    mirror.sync_invoices()

    assert SharedInvoice.objects.values("updated_at", *values).get(pk=row.pk) == {"updated_at": now} | values


def test_shape_changed_by_the_app_is_noticed_at_the_next_write(signed, anna):
    """The cached shape says whole rubles and `new`; the first attempt fails, the second one reads the shape again."""
    mirror.current_shape()
    execute_in_app(
        "CREATE TYPE invoice_status_t AS ENUM ('pending', 'paid', 'canceled');"
        "ALTER TABLE user_invoices ALTER status DROP DEFAULT, ALTER amount TYPE numeric(10, 2),"
        " ALTER status TYPE invoice_status_t USING replace(status, 'new', 'pending')::invoice_status_t"
    )

    invoice = make_part(signed, anna, "100.50")

    row = SharedInvoice.objects.get(pk=invoice.pk)
    assert (row.amount, row.status) == (Decimal("100.50"), "pending")


BROKEN = {
    "no tables": ("DROP TABLE user_invoice_payments, user_invoices", "user_invoices.amount"),
    "no column": ("ALTER TABLE user_invoices DROP due_date", "user_invoices.due_date"),
    "unknown labels": (
        "CREATE TYPE other AS ENUM ('offen', 'bezahlt'); ALTER TABLE user_invoices ALTER status DROP DEFAULT,"
        " ALTER status TYPE other USING NULL",
        "offen, bezahlt",
    ),
    "no payments": ("DROP TABLE user_invoice_payments", "user_invoice_payments.paid_at"),
}


@pytest.mark.parametrize(("sql", "reason"), BROKEN.values(), ids=BROKEN)
def test_unusable_tables_are_reported_and_stop_nothing(issued, anna, as_anna, caplog, sql, reason):
    alter_app_tables(sql)

    contract = sign(issued, anna)
    part = make_part(contract, anna)
    for name in ("done", "card"):
        assert as_anna.get(f"/clients/{contract.client_id}/{name}/").status_code == 200
    assert payment.confirm_payment(part, "cash", by=anna)

    assert reason in mirror.problem()
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert any(f"invoice {part.pk} is not mirrored" in error and reason in error for error in errors)
    with pytest.raises(CommandError, match="Invoices are not mirrored"):
        call_command("sync_invoices", stdout=StringIO())


@pytest.fixture(params=[ROLES.bridge, ROLES.web])
def without_rights(transactional_db, request):
    """One of our roles has no rights on the app's tables of invoices."""
    execute_as_owner(f"REVOKE ALL ON public.user_invoices, public.user_invoice_payments FROM {request.param}")
    yield
    execute_in_app("SELECT 1")  # gives the rights again


@pytest.mark.usefixtures("without_rights")
def test_role_without_rights_stops_nothing(issued, anna, as_anna, caplog):

    contract = sign(issued, anna)
    part = make_part(contract, anna)
    for name in ("done", "card"):
        assert as_anna.get(f"/clients/{contract.client_id}/{name}/").status_code == 200
    assert payment.confirm_payment(part, "cash", by=anna)
    assert f"invoice {part.pk} is not mirrored" in caplog.text


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE user_invoices ADD extra text NOT NULL",
        "ALTER TABLE user_invoices ADD CHECK (amount > 1000) NOT VALID",
        "ALTER TABLE user_invoices ALTER amount TYPE numeric(4, 2) USING 1",
    ],
)
def test_rejected_row_is_logged_and_repaired_later(issued, anna, caplog, sql):
    alter_app_tables(sql)

    contract = sign(issued, anna)

    assert contract.invoices.get().status == InvoiceStatus.PENDING
    assert "is not mirrored" in caplog.text
    assert mirror.sync_invoices() == mirror.SyncResult(0, 1)
    with pytest.raises(CommandError, match="1 invoices could not"):
        call_command("sync_invoices", stdout=StringIO())


def test_problem_is_empty_in_both_shapes(shape):
    assert mirror.problem() == ""


def test_command_mirrors_existing_invoices_and_is_idempotent(shape, signed):
    SharedInvoice.objects.all().delete()

    outputs = [StringIO(), StringIO()]
    for out in outputs:
        call_command("sync_invoices", stdout=out)

    assert [out.getvalue().split(",")[0] for out in outputs] == ["1 invoices mirrored", "0 invoices mirrored"]
    assert shown_in_app(signed.client) == [signed.invoices.get().pk]


def test_new_label_and_column_of_the_app_change_nothing(signed, anna):
    alter_app_tables("ALTER TABLE user_invoices ADD currency text DEFAULT 'RUB'")

    assert shown_in_app(signed.client) == [signed.invoices.get().pk]
    assert make_part(signed, anna).pk in shown_in_app(signed.client)


def test_payments_are_never_written(shape, signed, anna):
    pay_in_app(signed.invoices.get())
    before = SharedPayment.objects.values().get()

    payment.confirm_payment(signed.invoices.get(), "cash", by=anna)

    assert SharedPayment.objects.values().get() == before
