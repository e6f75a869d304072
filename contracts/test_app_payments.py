"""Payments in the app are claims until somebody confirms them."""

import re
import uuid
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.utils import timezone

from clients import tabs
from clients.models import Client, Status
from contracts import app_payments, issuing
from contracts.conftest import alter_app_tables, pay_in_app, shown_in_app, sign
from contracts.models import ContractEvent, Invoice, InvoiceStatus, PaymentClaim
from contracts.shared import SharedInvoice, SharedPayment
from contracts.statistics import ClaimTotals, Period, claim_totals, totals_by_day, unchecked_claims
from contracts.test_pages import url
from support.models import LogEntry

NOTICE = "Оплачен в приложении — сверьте"


def claim_entries() -> int:
    return LogEntry.objects.filter(body__contains="оплачен в приложении").count()


def dismiss(browser, invoice: Invoice, *claims: PaymentClaim):
    data = {"invoice": invoice.pk, "claim": [claim.pk for claim in claims]}
    return browser.post(url("payment_dismissal", invoice.contract.client), data)


# Noting


def test_payment_in_the_app_is_noted_once_and_changes_nothing_else(shape, invoice, make):
    pay_in_app(invoice)

    assert [app_payments.note_claims() for _ in range(3)] == [1, 0, 0]

    claim = PaymentClaim.objects.get()
    assert (claim.invoice, claim.amount, claim.resolved_at) == (invoice, 300, None)
    assert claim.payment_id == SharedPayment.objects.get().pk
    assert claim_entries() == 1
    assert Invoice.objects.get().status == InvoiceStatus.PENDING
    assert make.fresh(invoice.contract.client).status == Status.AWAITING_PAYMENT


def test_mark_without_a_payment_row_is_a_claim_with_an_unknown_amount(shape, invoice, as_anna):
    SharedInvoice.objects.update(status="paid")

    page = as_anna.get(url("done", invoice.contract.client)).text

    assert NOTICE in page
    assert "сумма неизвестна" in page
    assert [app_payments.note_claims() for _ in range(2)] == [0, 0]
    assert claim_entries() == PaymentClaim.objects.count() == 1


@pytest.mark.parametrize("name", ["done", "card"])
def test_pages_show_time_and_amount_and_note_it_themselves(as_anna, invoice, name):
    pay_in_app(invoice)
    paid_at = timezone.localtime(SharedPayment.objects.get().paid_at)

    for _ in range(2):
        page = as_anna.get(url(name, invoice.contract.client)).text

    assert NOTICE in page
    assert f"{paid_at:%d.%m.%Y %H:%M}" in page
    assert "300,00\u00a0₽" in page
    assert "Сумма отличается" not in page
    assert claim_entries() == 1


def test_step_4_shows_the_claim(as_anna, anna, invoice, make):
    make.device(make.fresh(invoice.contract.client), anna, title="Плита")
    pay_in_app(invoice)

    assert NOTICE in as_anna.get(url("contract", invoice.contract.client)).text


def test_list_and_support_card_show_the_claim_when_the_worker_has_noted_it(as_anna, as_vera, invoice):
    pay_in_app(invoice, amount=120)
    app_payments.note_claims()

    listed = as_anna.get("/clients/?tab=mine").text
    card = as_vera.get(f"/support/clients/{invoice.contract.client_id}/").text

    paid_at = timezone.localtime(PaymentClaim.objects.get().paid_at)
    for page in (listed, card):
        assert NOTICE in page
        assert "120,00\u00a0₽" in page
        assert f"{paid_at:%d.%m.%Y %H:%M}" in page


def test_list_reads_claims_with_one_query_and_only_for_signed_clients(
    as_anna, anna, invoice, make, django_assert_num_queries
):
    pay_in_app(invoice)
    app_payments.note_claims()
    for _ in range(3):
        make.verified(anna)
    cards = tabs.page("mine", anna, "", "", 0).cards

    with django_assert_num_queries(1):
        tabs.add_payment_claims(cards)
    with django_assert_num_queries(0):
        tabs.add_payment_claims([card for card in cards if card["status"] == "in_verification"])

    assert [card["id"] for card in cards if "payment_claim" in card] == [str(invoice.contract.client_id)]


def test_other_managers_do_not_see_the_claim(as_boris, invoice):
    pay_in_app(invoice)
    app_payments.note_claims()

    assert NOTICE not in as_boris.get("/clients/?tab=work").text
    assert as_boris.get(url("done", invoice.contract.client)).status_code == 404


@pytest.mark.parametrize(
    ("details", "warning"),
    [
        ({"amount": 1}, "Сумма отличается от счёта"),
        ({"amount": -300}, "Сумма отличается от счёта"),
        ({"amount": 2_000_000_000}, "Сумма отличается от счёта"),
        ({"payer_id": uuid.UUID(int=5)}, "записан на другого клиента"),
    ],
)
def test_doubtful_payment_is_shown_with_a_warning(as_anna, invoice, details, warning):
    pay_in_app(invoice, **details)

    assert warning in as_anna.get(url("done", invoice.contract.client)).text


@pytest.mark.parametrize("paid_at", ["infinity", "-infinity", "0044-03-15 BC", "2999-01-01"])
def test_impossible_time_of_payment_is_replaced_by_the_current_one(as_anna, invoice, paid_at):
    pay_in_app(invoice, paid_at=paid_at)

    assert as_anna.get(url("done", invoice.contract.client)).status_code == 200
    assert timezone.now() - PaymentClaim.objects.get().paid_at < timedelta(minutes=1)


@pytest.mark.parametrize("amount", ["'NaN'", "'Infinity'", "12345678901234", "9999999999.999"])
def test_impossible_amount_is_unknown(as_anna, invoice, amount):
    pay_in_app(invoice)
    alter_app_tables(f"ALTER TABLE user_invoice_payments ALTER amount TYPE numeric USING {amount}::numeric")

    assert "сумма неизвестна" in as_anna.get(url("done", invoice.contract.client)).text


def test_payment_moved_to_another_invoice_is_noted_once(as_anna, anna, invoice, make):
    other = sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna).invoices.get()
    pay_in_app(invoice)
    app_payments.note_claims()
    SharedPayment.objects.update(invoice_id=other.pk)

    app_payments.note_claims()

    assert PaymentClaim.objects.get().invoice == invoice
    assert as_anna.get(url("done", other.contract.client)).status_code == 200


def test_invoice_from_before_the_client_was_claimed_again_is_ignored(invoice):
    Client.objects.update(claimed_at=timezone.now())
    pay_in_app(invoice)

    assert app_payments.note_claims() == 0
    assert not PaymentClaim.objects.exists()


def test_failed_payments_are_ignored(invoice):
    pay_in_app(invoice)
    SharedPayment.objects.update(status="failed")
    SharedInvoice.objects.update(status="new")

    assert app_payments.note_claims() == 0


def test_claim_row_is_immutable(invoice):
    pay_in_app(invoice)
    app_payments.note_claims()

    for change in ({"amount": 1}, {"paid_at": timezone.now()}, {"outcome": "confirmed"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            PaymentClaim.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        PaymentClaim.objects.all().delete()


# Confirming and dismissing


def test_one_click_confirms_the_claim(shape, as_anna, anna, invoice, make):
    pay_in_app(invoice)
    page = as_anna.get(url("done", invoice.contract.client)).text
    assert "Подтвердить оплату" in page

    response = as_anna.post(url("payment", invoice), {"method": "app"}, follow=True)

    claim = PaymentClaim.objects.get()
    assert (claim.outcome, claim.resolved_by) == ("confirmed", anna)
    assert Invoice.objects.get().paid_by == anna
    assert make.fresh(invoice.contract.client).status == Status.PROCESSED
    assert NOTICE not in response.text
    assert app_payments.note_claims() == 0


def test_dismissed_claim_reopens_the_invoice_in_the_app(shape, as_anna, anna, invoice):
    pay_in_app(invoice)
    app_payments.note_claims()
    claim = PaymentClaim.objects.get()
    assert shown_in_app(invoice.contract.client) == []

    for _ in range(2):
        assert dismiss(as_anna, invoice, claim).status_code == 302

    claim.refresh_from_db()
    assert (claim.outcome, claim.resolved_by) == ("rejected", anna)
    assert shown_in_app(invoice.contract.client) == [invoice.pk]
    assert Invoice.objects.get().status == InvoiceStatus.PENDING
    assert LogEntry.objects.filter(body__contains="не поступила").count() == 1
    assert app_payments.note_claims() == 0


def test_client_can_pay_again_after_a_dismissal(shape, as_anna, invoice):
    pay_in_app(invoice)
    app_payments.note_claims()
    dismiss(as_anna, invoice, PaymentClaim.objects.get())

    pay_in_app(invoice)

    assert app_payments.note_claims() == 1
    assert sorted(PaymentClaim.objects.values_list("outcome", flat=True)) == ["", "rejected"]


def test_payment_that_the_page_did_not_show_is_not_dismissed(as_anna, invoice):
    pay_in_app(invoice)
    app_payments.note_claims()
    shown = PaymentClaim.objects.get()
    pay_in_app(invoice)

    response = dismiss(as_anna, invoice, shown)

    assert response.status_code == 409
    assert "ещё одна оплата" in response.text
    assert "Оплат несколько" in response.text
    assert PaymentClaim.objects.open().count() == claim_entries() == 2
    assert SharedInvoice.objects.get().status == "paid"


@pytest.mark.parametrize("invoice_id", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
def test_dismissal_for_an_unknown_invoice_returns_409(as_anna, invoice, invoice_id):
    response = as_anna.post(
        url("payment_dismissal", invoice.contract.client), {"invoice": invoice_id, "claim": "garbage"}
    )

    assert response.status_code == 409


def test_support_and_other_managers_cannot_dismiss(as_boris, as_vera, invoice):
    pay_in_app(invoice)
    app_payments.note_claims()

    for browser in (as_boris, as_vera):
        assert dismiss(browser, invoice, PaymentClaim.objects.get()).status_code == 404
    assert PaymentClaim.objects.open().count() == 1


# Trusted payments


def test_trusted_payment_is_confirmed_by_the_worker(shape, settings, invoice, make):
    settings.APP_PAYMENTS = "trusted"
    pay_in_app(invoice)

    call_command("sync_invoices", stdout=StringIO())

    assert Invoice.objects.get().status == InvoiceStatus.PAID
    assert (Invoice.objects.get().paid_by, PaymentClaim.objects.get().outcome) == (None, "confirmed")
    assert make.fresh(invoice.contract.client).status == Status.PROCESSED
    assert ContractEvent.objects.filter(what="bill_paid", by=None).count() == 1
    assert claim_entries() == 1


def test_trusted_payment_is_confirmed_when_the_page_is_opened(settings, as_anna, invoice):
    settings.APP_PAYMENTS = "trusted"
    pay_in_app(invoice)

    page = as_anna.get(url("done", invoice.contract.client)).text

    assert "Успешно оформлен" in page
    assert NOTICE not in page


def test_claims_noted_before_are_confirmed_when_payments_become_trusted(settings, invoice):
    pay_in_app(invoice)
    app_payments.note_claims()
    settings.APP_PAYMENTS = "trusted"

    assert [app_payments.note_claims() for _ in range(2)] == [1, 0]
    assert Invoice.objects.get().status == InvoiceStatus.PAID


@pytest.mark.parametrize("details", [{"amount": 299}, {"payer_id": uuid.UUID(int=5)}, None])
def test_doubtful_payment_is_never_trusted(settings, invoice, details):
    settings.APP_PAYMENTS = "trusted"
    if details is None:
        SharedInvoice.objects.update(status="paid")
    else:
        pay_in_app(invoice, **details)

    app_payments.note_claims()

    assert Invoice.objects.get().status == InvoiceStatus.PENDING
    assert PaymentClaim.objects.open().count() == 1


def test_double_payment_is_never_trusted(settings, invoice):
    pay_in_app(invoice)
    pay_in_app(invoice)
    settings.APP_PAYMENTS = "trusted"

    app_payments.note_claims()

    assert PaymentClaim.objects.open().count() == 2
    assert Invoice.objects.get().status == InvoiceStatus.PENDING


# Statistics


def test_claims_are_counted_apart_from_payments(as_gleb, as_anna, invoice):
    pay_in_app(invoice, amount=250)
    app_payments.note_claims()
    today = Period.latest(1)

    assert unchecked_claims() == ClaimTotals("", 1, Decimal("250.00"))
    assert claim_totals(today) == [ClaimTotals("", 1, Decimal("250.00"))]
    assert totals_by_day(today)[0].paid == 0
    page = re.sub(r"\s+", " ", as_gleb.get("/statistics/").text)
    assert 'Счетов ждёт сверки сейчас: 1, на <span class="money">250,00 ₽</span>' in page

    as_anna.post(url("payment", invoice), {"method": "app"})

    assert unchecked_claims() == ClaimTotals("", 0, Decimal("0.00"))
    assert [row.outcome for row in claim_totals(today)] == ["confirmed"]
    assert totals_by_day(today)[0].amount == Decimal("300.00")
