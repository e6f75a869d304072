"""The pages that confirm the payment of an invoice and undo it."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from clients.models import Status
from contracts import payment
from contracts.conftest import pay_in_app
from contracts.models import Invoice, InvoiceStatus, Payment, PaymentClaim
from contracts.test_app_payments import NOTICE
from contracts.test_pages import url
from support.models import Message

LABELS = ["Перевод по QR-коду", "Карта в приложении", "Терминал", "Наличные", "Другой способ"]


@pytest.fixture
def paid(invoice, anna) -> Invoice:
    payment.confirm_payment(invoice, "cash", by=anna)
    return invoice


def undo_data(paid: Invoice, **fields) -> dict:
    return {"confirmed_at": paid.paid_at.isoformat(), **fields}


def test_form_asks_for_the_method_without_a_default(as_anna, invoice):
    page = as_anna.get(url("payment", invoice)).text

    assert re.findall(r'value="(\w+)" required[^>]*>\s*([^<]+?)</label>', page) == list(
        zip(["qr", "app", "terminal", "cash", "other"], LABELS, strict=True)
    )
    assert " checked" not in page
    assert invoice.number in page
    assert "300,00\u00a0₽" in page
    assert "Иванов Пётр Сергеевич" in page
    assert "danger" not in page.split("<main")[1].split("</main>")[0]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({}, "Выберите, как оплачено."),
        ({"method": ""}, "Выберите, как оплачено."),
        ({"method": "barter"}, "Выберите способ из списка."),
        ({"method": "cash", "note": "я" * 301}, "Сократите до 300 знаков."),
        ({"method": "cash", "note": "a\x07"}, "Уберите"),
        ({"method": "cash\x00"}, "Выберите способ"),
    ],
)
def test_invalid_form_returns_422_with_the_error_and_the_typed_text(as_anna, invoice, typed, message):
    response = as_anna.post(url("payment", invoice), {"note": "Отдал сыну"} | typed)

    assert response.status_code == 422
    assert message in response.text
    assert typed.get("note", "Отдал сыну")[:10] in response.text
    assert Invoice.objects.get().status == InvoiceStatus.PENDING


def test_page_afterwards_shows_the_client_what_was_done_and_the_undo(as_anna, anna, invoice):
    data = {"method": "terminal", "note": " Чек <15> "}

    page = as_anna.post(url("payment", invoice), data, follow=True).text

    until = timezone.localtime(Payment.objects.get().confirmed_at + timedelta(minutes=10))
    shown = re.sub(r"\s+", " ", page)
    assert f"Оплата счёта {invoice.number} подтверждена: терминал." in shown
    assert "Иванов Пётр Сергеевич" in shown
    assert re.search(rf"Терминал, [\d.: ]+, {anna.name}. Чек &lt;15&gt;", shown)
    assert re.search(rf">Отменить</a> .*до <time[^>]*>{until:%H:%M}<", shown)


def test_double_submit_confirms_once(as_anna, invoice):
    for message in ("подтверждена: наличные", "уже оплачен"):
        assert message in as_anna.post(url("payment", invoice), {"method": "cash"}, follow=True).text
    assert Payment.objects.count() == Message.objects.filter(body__contains="получена").count() == 1


def test_cancelled_invoice_returns_409_with_its_state_and_the_typed_note(as_anna, anna, invoice):
    with transaction.atomic():
        payment.cancel_pending_invoices(invoice.contract.client, by=anna, now=timezone.now())

    response = as_anna.post(url("payment", invoice), {"method": "cash", "note": "Отдал сыну"})

    assert response.status_code == 409
    assert "отменён, оплатить его нельзя" in response.text
    assert "Отдал сыну" in response.text
    assert "Деньги поступили" not in response.text
    assert as_anna.get(url("payment", invoice)).url == url("done", invoice.contract.client)


def test_claim_is_confirmed_with_one_click_or_paid_another_way(as_anna, invoice):
    pay_in_app(invoice)
    page = as_anna.get(url("done", invoice.contract.client)).text
    assert '<input type="hidden" name="method" value="app">' in page
    assert "Оплачен иначе" in page
    assert "Клиент отметил счёт оплаченным" in as_anna.get(url("payment", invoice)).text

    page = as_anna.post(url("payment", invoice), {"method": "cash"}, follow=True).text

    assert NOTICE in page
    assert "Счёт уже оплачен. Если деньги пришли ещё раз" in page
    assert PaymentClaim.objects.open().count() == 1


def test_manager_undoes_without_a_reason(as_anna, paid, make):
    page = as_anna.get(url("payment_undo", paid))
    assert page.context["form"].initial["confirmed_at"] == paid.paid_at
    assert "Без причины отменить можно до" in page.text

    response = as_anna.post(url("payment_undo", paid), undo_data(paid), follow=True)

    assert f"Оплата счёта {paid.number} отменена" in response.text
    assert "Подтвердить оплату" in response.text
    assert make.fresh(paid.contract.client).status == Status.AWAITING_PAYMENT
    again = as_anna.post(url("payment_undo", paid), undo_data(paid), follow=True)
    assert "уже отменили" in again.text
    assert Message.objects.filter(body__contains="снята").count() == 1


def test_form_of_the_page_carries_the_exact_time(as_anna, paid):
    """The time identifies the payment: with less than microseconds the undo would do nothing."""
    page = as_anna.get(url("payment_undo", paid)).text
    hidden = re.search(r'name="confirmed_at" value="([^"]+)"', page)[1]

    as_anna.post(url("payment_undo", paid), {"confirmed_at": hidden})

    assert Invoice.objects.get().status == InvoiceStatus.PENDING


def test_later_only_an_admin_is_offered_the_undo(as_anna, as_gleb, paid):
    done = url("done", paid.contract.client)
    assert ">Отменить</a>" in as_anna.get(done).text
    assert ">Отменить оплату</a>" in as_gleb.get(done).text
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        assert url("payment_undo", paid) not in as_anna.get(done).text
        assert url("payment_undo", paid) in as_gleb.get(done).text
        response = as_anna.post(url("payment_undo", paid), undo_data(paid, reason="Ошибка"))

    assert response.status_code == 409
    assert "Позже это делает администратор" in response.text
    assert "Вы написали: Ошибка" in response.text
    assert Invoice.objects.get().status == InvoiceStatus.PAID


def test_admin_gets_422_without_a_reason(as_gleb, gleb, paid):
    response = as_gleb.post(url("payment_undo", paid), undo_data(paid, reason=" "))
    assert response.status_code == 422
    assert "Напишите причину отмены." in response.text

    as_gleb.post(url("payment_undo", paid), undo_data(paid, reason="Деньги не пришли"))
    assert (Payment.objects.get().undone_by, Payment.objects.get().undo_reason) == (gleb, "Деньги не пришли")


@pytest.mark.parametrize("confirmed_at", ["", "nonsense", "\x00", "9999-99-99"])
def test_undo_without_a_time_returns_422(as_anna, paid, confirmed_at):
    response = as_anna.post(url("payment_undo", paid), {"confirmed_at": confirmed_at})

    assert response.status_code == 422
    assert "Откройте эту страницу ещё раз" in response.text
    assert Invoice.objects.get().status == InvoiceStatus.PAID


def test_undo_of_an_unpaid_invoice_does_nothing(as_anna, invoice):
    assert as_anna.get(url("payment_undo", invoice)).url == url("done", invoice.contract.client)

    response = as_anna.post(url("payment_undo", invoice), {"confirmed_at": timezone.now().isoformat(), "reason": "x"})

    assert response.status_code == 302
    assert not Payment.objects.exists()


@pytest.mark.parametrize("name", ["payment", "payment_undo"])
def test_outsiders_can_neither_confirm_nor_undo(as_boris, as_vera, invoice, anna, name):
    if name == "payment_undo":
        payment.confirm_payment(invoice, "cash", by=anna)
    before = Invoice.objects.values().get()
    data = {"method": "cash", "confirmed_at": (invoice.paid_at or timezone.now()).isoformat(), "reason": "x"}

    for browser in (as_boris, as_vera):
        assert browser.get(url(name, invoice)).status_code == 404
        assert browser.post(url(name, invoice), data).status_code == 404

    assert Invoice.objects.values().get() == before


def test_invoice_that_an_earlier_version_marked_as_paid_names_no_method(as_anna, anna, invoice):
    Invoice.objects.update(status="paid", paid_at=timezone.now(), paid_by=anna)

    page = re.sub(r"\s+", " ", as_anna.get(url("done", invoice.contract.client)).text)

    assert re.search(rf"Способ не указан, [\d.: ]+, {anna.name}", page)
    assert ">Отменить</a>" in page
