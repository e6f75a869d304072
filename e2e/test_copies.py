"""A client opens copies of their documents on their phone, as somebody who has never seen the page."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from contracts import issuing
from contracts.conftest import sign
from contracts.models import Contract
from copies.conftest import code_for, work, wrong
from copies.models import CopyCode
from e2e.client_page import code_field, expect_title, paste, press
from e2e.test_client_page_looks import check, looks

__all__ = ["check", "looks"]

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("public_address")]


@pytest.fixture
def signed(make, anna) -> Contract:
    return sign(issuing.issue(make.awaiting_contract(anna, devices=2), by=anna), anna)


def request_code(page: Page, number: str) -> None:
    page.goto(reverse("copies:start"))
    page.get_by_label("Номер договора").fill(number)
    press(page, "Получить код")
    expect_title(page, "Введите код")
    work()


def open_documents(page: Page, contract: Contract) -> None:
    request_code(page, contract.number.lower().replace("-", " "))
    paste(code_field(page), code_for(contract.client))
    press(page, "Открыть документы")
    expect_title(page, "Ваши документы")


@pytest.mark.parametrize("javascript", [True, False])
def test_contract_is_downloaded(open_page, signed, javascript):
    page = open_page(java_script_enabled=javascript)
    request_code(page, signed.number)
    code_field(page).fill(code_for(signed.client))
    press(page, "Открыть документы")
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Договор {signed.number}").click()
    assert download.value.suggested_filename == f"Договор {signed.number}.pdf"

    press(page, "Закрыть документы")
    expect_title(page, "Копии документов")
    page.go_back()
    expect(page.get_by_role("link", name=f"Договор {signed.number}")).to_have_count(0)


def test_every_state_looks_right(open_page, looks, check, signed, settings):
    settings.SMS_GATEWAY = "outbox"
    page = open_page(**looks)
    page.goto(reverse("copies:start"))
    check(page, "copies-number")
    press(page, "Получить код")
    expect(page.get_by_text("Введите номер договора: он")).to_be_in_viewport()
    check(page, "copies-no-number")
    request_code(page, signed.number)
    check(page, "copies-code")
    code_field(page).fill(wrong(code_for(signed.client)))
    press(page, "Открыть документы")
    expect(page.get_by_text("Код не подошёл")).to_be_in_viewport()
    expect(code_field(page)).to_be_focused()
    check(page, "copies-wrong-code")
    code_field(page).fill(code_for(signed.client))
    press(page, "Открыть документы")
    expect_title(page, "Ваши документы")
    check(page, "copies-documents")
    opened = page.url
    press(page, "Закрыть документы")
    page.goto(opened)
    expect(page.get_by_text("Документы закрыты")).to_be_visible()
    check(page, "copies-ended")


def test_phone_offline_keeps_what_was_typed(open_page, signed):
    page = open_page()
    request_code(page, signed.number)
    code_field(page).fill(code_for(signed.client))
    page.context.set_offline(True)
    press(page, "Открыть документы")
    expect(page.get_by_text("Нет связи с интернетом")).to_be_in_viewport()
    page.context.set_offline(False)
    press(page, "Открыть документы")
    expect_title(page, "Ваши документы")


def test_double_click_sends_one_code(open_page, signed):
    page = open_page()
    page.goto(reverse("copies:start"))
    page.get_by_label("Номер договора").fill(signed.number)
    page.get_by_role("button", name="Получить код").dblclick()
    expect_title(page, "Введите код")
    work()
    assert CopyCode.objects.exclude(client=None).count() == 1


def test_ended_page_leads_to_the_copies(open_page, signed):
    page = open_page()
    page.goto("/c/unknown-link-that-has-ended/")
    page.get_by_role("link", name="скачайте копию по номеру договора").click()
    expect_title(page, "Копии документов")
    open_documents(page, signed)
