"""The client chooses SMS for the code, or gets the link by SMS. The worker sends while both look at their pages."""

import re

import pytest
from playwright.sync_api import Page, expect

from conftest import ROLES, as_role
from contracts import issuing
from contracts.models import Contract
from e2e.client_page import code_field, expect_title, open_link, press, sit_down
from messaging import delivery
from messaging.models import Channel, OutgoingMessage, Purpose

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("public_address")]


@pytest.fixture(autouse=True)
def _outbox(settings):
    settings.SMS_GATEWAY = "outbox"


@pytest.fixture
def contract(make, anna) -> Contract:
    """A contract of a client whose agreement names the phone, and who has a password for the app."""
    client = make.awaiting_contract(anna, password_hash="set in the app")
    return issuing.issue(client, by=anna)


def newest(purpose: Purpose) -> OutgoingMessage:
    return OutgoingMessage.objects.filter(purpose=purpose).latest("created_at")


def send_queued() -> None:
    with as_role(ROLES.maintenance):
        assert delivery.send_next() == 1


def choose_sms(page: Page) -> None:
    page.get_by_role("radio", name=re.compile("^В SMS")).check()


def code_in_sms() -> str:
    return "".join(re.search(r"Код (\d{3}) (\d{3})\b", newest(Purpose.SIGNING_CODE).content.body).groups())


def test_client_chooses_sms_and_sees_that_it_was_sent(open_page, anna, contract):
    desk = sit_down(open_page(), anna, contract.client)
    phone = open_page()
    open_link(phone, desk.show_code())
    for box in phone.locator("#sign input[type=checkbox]").all():
        box.check()
    choose_sms(phone)
    press(phone, "Получить код")
    expect(phone.get_by_text("SMS: отправляется")).to_be_visible()
    expect(desk.advice).to_contain_text("Код отправляется.")
    code_field(phone).fill("12")

    send_queued()

    expect(phone.get_by_text("SMS: отправлено в ")).to_be_visible()
    expect(desk.advice).to_contain_text("Код отправлен в SMS.")
    assert code_field(phone).input_value() == "12"
    assert phone.get_by_role("radio", name=re.compile("^В SMS")).is_checked()
    code_field(phone).fill(code_in_sms())
    press(phone, "Подписать договор")
    expect_title(phone, "Договор подписан")


def test_manager_requests_a_code_by_sms_for_the_client(open_page, anna, contract):
    page = sit_down(open_page(), anna, contract.client).page
    page.locator("summary", has_text="Ввести код за клиента").click()
    page.get_by_label("Клиент прочитал договор").check()
    choose_sms(page)
    press(page, "Запросить код")
    expect(page.get_by_text("SMS: отправляется")).to_be_visible()
    assert page.locator("#request-code").evaluate("button => button === document.activeElement")
    page.get_by_label("Код", exact=True).fill("12")

    send_queued()

    expect(page.get_by_text("SMS: отправлено в ")).to_be_visible()
    assert page.get_by_label("Код", exact=True).input_value() == "12"
    assert page.get_by_label("Клиент прочитал договор").is_checked()
    assert newest(Purpose.SIGNING_CODE).channel == Channel.SMS


def test_link_is_sent_by_sms_and_the_code_is_not(open_page, anna, contract):
    desk = sit_down(open_page(), anna, contract.client)
    press(desk.page, "Отправить ссылку в SMS")
    expect(desk.advice).to_have_text("Клиент открывает ссылку из сообщения на своём телефоне.")
    expect(desk.page.get_by_text("Ссылка, SMS: отправляется")).to_be_visible()
    heading = desk.page.get_by_role("heading", name="Страница клиента")
    assert heading.evaluate("heading => heading === document.activeElement")

    send_queued()

    expect(desk.done("Ссылка, SMS: отправлено")).to_be_visible()
    phone = open_page()
    open_link(phone, re.search(r"http\S+", newest(Purpose.LINK).content.body)[0])
    expect(desk.done("Страница открыта")).to_be_visible()
    expect(phone.get_by_text("В SMS")).to_have_count(0)
