"""Interruptions: an ended session, a lost connection, a double click."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from conftest import PASSWORD, authenticator_of, next_code, wrong_codes
from contracts import issuing
from contracts.conftest import sign
from e2e.conftest import open_other_way, sign_in
from managers.models import Session
from support.models import LogEntry, LogKind, Message

pytestmark = pytest.mark.e2e


@pytest.fixture
def card(open_page, anna, make):
    """The card of a signed client on Анна's phone."""
    contract = sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    page = open_page()
    sign_in(page, anna.email)
    page.wait_for_url("**/clients/**")
    page.goto(reverse("contracts:card", args=[contract.client.pk]))
    return page


def notes() -> list[str]:
    return [entry.body for entry in LogEntry.objects.filter(kind=LogKind.NOTE)]


def test_ended_session_keeps_typed_text(card, anna):
    card.get_by_label("Заметка").fill("Ключ у соседки")
    Session.objects.all().delete()
    card.get_by_role("button", name="Добавить заметку").click()

    dialog = card.locator("#dialog")
    expect(dialog).to_be_visible()
    assert notes() == []
    dialog.get_by_label("Электронная почта").fill("anna@privet.example")
    dialog.get_by_label("Пароль", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Войти").click()
    dialog.get_by_label("Код", exact=True).fill(next(wrong_codes(authenticator_of(anna).bin_key)))
    dialog.get_by_role("button", name="Продолжить").click()
    expect(dialog.get_by_text("Код не подошёл")).to_be_visible()
    dialog.get_by_label("Код", exact=True).fill(next_code(anna))
    dialog.get_by_role("button", name="Продолжить").click()
    expect(dialog).to_be_hidden()

    expect(card.get_by_label("Заметка")).to_have_value("Ключ у соседки")
    card.get_by_role("button", name="Добавить заметку").click()
    expect(card.get_by_text("Ключ у соседки")).to_be_visible()
    assert notes() == ["Ключ у соседки"]


def test_lost_connection_keeps_typed_text(card):
    card.get_by_label("Заметка").fill("Позвонить завтра")
    card.context.set_offline(True)
    card.get_by_role("button", name="Добавить заметку").click()

    expect(card.get_by_text(re.compile("Нет связи|Не отправлено")).first).to_be_visible()
    expect(card.get_by_label("Заметка")).to_have_value("Позвонить завтра")

    card.context.set_offline(False)
    card.get_by_role("button", name="Добавить заметку").click()
    expect(card.locator(".timeline").get_by_text("Позвонить завтра")).to_be_visible()
    assert notes() == ["Позвонить завтра"]


def test_double_click_adds_one_note(card):
    sent = []
    card.on("request", lambda request: request.method == "POST" and sent.append(request))
    card.get_by_label("Заметка").fill("Один раз")
    card.get_by_role("button", name="Добавить заметку").dblclick()

    expect(card.locator(".timeline").get_by_text("Один раз")).to_be_visible()
    responses = [request.response() for request in sent]
    assert responses
    assert notes() == ["Один раз"]


def test_support_reply_is_sent_to_the_client(open_page, vera, anna, make):
    sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    page = open_page()
    sign_in(page, vera.email)

    page.get_by_role("link", name="Оформление договора").first.click()
    page.get_by_label("Ответ").fill("Мастер приедет в среду 🙂")
    page.get_by_role("button", name="Ответить").click()

    expect(page.get_by_text("Мастер приедет в среду 🙂").first).to_be_visible()
    assert Message.objects.filter(body="Мастер приедет в среду 🙂", author="support").count() == 1


def test_new_code_can_be_requested_after_the_countdown(open_page, anna, make):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    page = open_page()
    page.clock.install()
    sign_in(page, anna.email)
    page.wait_for_url("**/clients/**")
    page.goto(reverse("contracts:contract", args=[contract.client.pk]))
    open_other_way(page)
    page.get_by_role("button", name="Запросить код").click()

    button = page.get_by_role("button", name="Запросить новый код")
    expect(page.get_by_text("Новый код можно запросить через")).to_have_text(re.compile(r"через (1:00|0:[1-5]\d)\.$"))
    expect(button).to_be_disabled()
    page.clock.fast_forward(61_000)
    expect(page.get_by_text("Новый код можно запросить через")).to_be_hidden()
    expect(button).to_be_enabled()


def test_code_can_be_pasted_with_spaces(open_page, anna, make):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)
    page = open_page()
    sign_in(page, anna.email)
    page.wait_for_url("**/clients/**")
    page.goto(reverse("contracts:contract", args=[contract.client.pk]))
    open_other_way(page)
    field = page.get_by_label("Код", exact=True)
    field.evaluate(
        """field => {
            const data = new DataTransfer();
            data.setData("text", " 123 456 ");
            field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }"""
    )

    expect(field).to_have_value("123456")
