"""Views after the signature: amount due, invoices, confirmation of payment."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest

from clients.models import Status
from contracts import issuing, payment
from contracts.conftest import sign
from contracts.models import Invoice
from contracts.test_pages import url
from devices.saving import delete_device


def invoice_data(**overrides) -> dict:
    return {"amount": "100,50", "description": "Доплата", "due_on": date.today() + timedelta(days=3)} | overrides


def test_done_page_shows_the_amount_due_and_confirms_payment(as_anna, signed, make):
    page = as_anna.get(url("done", signed.client)).text
    assert "300,00\u00a0₽" in page
    assert "Подтвердить оплату" in page

    for _ in range(2):
        response = as_anna.post(url("payment", signed.invoices.get()), {"method": "cash"}, follow=True)

    assert "Успешно оформлен" in response.text
    assert make.fresh(signed.client).status == Status.PROCESSED


def test_done_page_shows_how_much_is_billed(as_anna, anna, signed):
    def notice() -> str:
        page = as_anna.get(url("done", signed.client)).text
        notices = re.findall(r'<div class="notice info"><p>\s*(.*?)\s*</p>', page, re.DOTALL)
        return re.sub(r"[ \n]+", " ", " ".join(notices))

    all_billed = notice()
    soon = date.today() + timedelta(days=7)
    part = payment.create_invoice(signed.client, amount=Decimal(100), description="Часть", due_on=soon, by=anna)
    part_billed = notice()
    payment.confirm_payment(part, "cash", by=anna)
    nothing_billed = notice()

    assert "Счёт пришёл ему" in all_billed
    assert "ещё не выставлен" not in all_billed
    assert 'Выставлено <span class="money">100,00\u00a0₽</span>: счёт пришёл ему' in part_billed
    assert 'На остальные <span class="money">200,00\u00a0₽</span> счёт ещё не выставлен.' in part_billed
    assert nothing_billed.endswith("200,00\u00a0₽</strong>. Счёт на эту сумму ещё не выставлен.")


def test_done_page_of_an_unsigned_client_redirects_to_their_step(as_anna, issued):
    assert as_anna.get(url("done", issued.client)).url == url("contract", issued.client)


def test_new_invoice_replaces_the_pending_one(as_anna, signed):
    response = as_anna.post(url("invoice", signed.client), invoice_data())

    assert response.url == url("done", signed.client)
    assert [str(invoice.amount) for invoice in signed.invoices.filter(status="pending")] == ["100.50"]


@pytest.mark.parametrize(
    "typed",
    [
        {"amount": ""},
        {"amount": "0"},
        {"amount": "-5"},
        {"amount": "300,01"},
        {"amount": "1e999999"},
        {"amount": "1e2"},
        {"amount": "1_0"},
        {"amount": "１００"},
        {"amount": "NaN"},
        {"amount": "Infinity"},
        {"amount": "9" * 1000},
        {"amount": "1.005"},
        {"amount": "сто"},
        {"amount": "1\x00"},
        {"description": ""},
        {"description": "x" * 1_000_000},
        {"description": "a\x00b"},
        {"description": "Доплата \u202e001"},
        {"description": "Доплата 😀"},
        {"description": "Доплата\x07"},
        {"due_on": ""},
        {"due_on": "31.02.2027"},
        {"due_on": "0001-01-01"},
        {"due_on": "01.01.2020"},
        {"due_on": "9999-12-31"},
    ],
)
def test_invalid_invoice_returns_422_and_creates_nothing(as_anna, signed, typed):
    response = as_anna.post(url("invoice", signed.client), invoice_data(**typed))

    assert response.status_code == 422
    assert 'role="alert"' in response.text or "error" in response.text
    assert str(signed.invoices.get().amount) == "300.00"


def test_all_errors_of_an_invoice_are_reported_at_once(as_anna, signed):
    response = as_anna.post(url("invoice", signed.client), invoice_data(amount="999999", due_on="", description=""))

    assert response.status_code == 422
    text = response.text.replace("\u00a0", " ")
    for error in ("Можно выставить не больше 300,00 ₽", "Укажите, до какого дня оплатить", "Напишите, за что счёт"):
        assert error in text


@pytest.mark.parametrize(
    ("typed", "amount"), [("100,5", "100.50"), (" 100.50 ", "100.50"), ("2\u00a000 ₽", "200.00"), ("1 руб.", "1.00")]
)
def test_amount_formats_are_accepted(as_anna, signed, typed, amount):
    as_anna.post(url("invoice", signed.client), invoice_data(amount=typed))

    assert str(signed.invoices.get(status="pending").amount) == amount


def test_invoice_form_is_prefilled_with_the_pending_invoice(as_anna, signed):
    page = as_anna.get(url("invoice", signed.client)).text

    assert 'value="300,00"' in page
    assert signed.number in page


def test_invoice_without_an_amount_due_returns_409(as_anna, issued):
    assert as_anna.post(url("invoice", issued.client), invoice_data()).status_code == 409
    assert not Invoice.objects.exists()


def test_earlier_invoice_can_be_confirmed_while_a_new_contract_is_awaited(as_anna, anna, signed, make):
    client, invoice = signed.client, signed.invoices.get()
    make.device(make.fresh(client), anna, title="Плита")
    step, card = as_anna.get(url("contract", client)).text, as_anna.get(url("card", client)).text

    assert f"Счёт {invoice.number} на" in step
    assert url("card", client) in step
    assert url("payment", invoice) in card

    for message in (f"Оплата счёта {invoice.number} подтверждена: наличные", f"Счёт {invoice.number} уже оплачен"):
        response = as_anna.post(url("payment", invoice), {"method": "cash"}, follow=True)
        assert response.redirect_chain == [(url("card", client), 302)]
        assert message in response.text
        assert "Подтвердить оплату" not in response.text

    assert make.fresh(client).status == Status.AWAITING_CONTRACT
    assert "ещё не оплачен" not in as_anna.get(url("contract", client)).text

    second = sign(issuing.issue(make.fresh(client), by=anna), anna)
    assert second.invoices.get().amount == Decimal("150.00")
    assert make.fresh(client).status == Status.AWAITING_PAYMENT


def test_change_undone_after_payment_processes_the_client(as_anna, anna, signed, make):
    client = signed.client
    device = make.device(make.fresh(client), anna, title="Плита")
    as_anna.post(url("payment", signed.invoices.get()), {"method": "cash"})
    delete_device(device, by=anna)

    as_anna.post(url("kept", client))

    assert make.fresh(client).status == Status.PROCESSED


def test_card_has_no_payment_button_if_the_done_page_has_one(as_anna, signed):
    assert "Подтвердить оплату" not in as_anna.get(url("card", signed.client)).text
