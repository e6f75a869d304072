"""Confirming a payment and undoing it on a phone: WCAG 2.2 AA, no sideways scrolling, large targets."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from contracts import issuing
from contracts.conftest import pay_in_app, sign
from contracts.models import Invoice, Payment
from e2e.client_page import expect_title, press
from e2e.conftest import PHONE, overflow_width, sign_in, small_targets
from e2e.test_accessibility import RULES

pytestmark = pytest.mark.e2e


@pytest.fixture
def invoice(make, anna) -> Invoice:
    return sign(issuing.issue(make.awaiting_contract(anna, devices=2), by=anna), anna).invoices.get()


def sit_down(page: Page, by, invoice: Invoice) -> Page:
    sign_in(page, by.email)
    page.wait_for_url("**/clients/**")
    page.goto(reverse("contracts:done", args=[invoice.contract.client_id]))
    return page


@pytest.fixture
def check(screenshot):
    """A function that checks a page and takes its picture."""

    def check_page(page: Page, state: str) -> None:
        screenshot(page, f"payments/{state}")
        results = Axe().run(page, options=RULES)
        assert not results.violations_count, results.generate_report()
        assert (overflow_width(page), small_targets(page)) == (0, []), state

    return check_page


def confirm(page: Page, method: str) -> None:
    page.get_by_role("link", name="Подтвердить оплату").click()
    page.get_by_label(method).check()
    press(page, "Деньги поступили")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_payment_is_confirmed_and_undone(open_page, check, invoice, anna, gleb, scheme):
    page = sit_down(open_page(PHONE, color_scheme=scheme, reduced_motion="reduce"), anna, invoice)
    check(page, f"{scheme}-pending")
    page.get_by_role("link", name="Подтвердить оплату").click()
    expect_title(page, "Подтвердить оплату")
    check(page, f"{scheme}-form")
    page.get_by_label("Примечание").fill("Чек 15")
    press(page, "Деньги поступили")
    expect(page.get_by_text("Выберите, как оплачено.")).to_be_in_viewport()
    check(page, f"{scheme}-without-a-method")
    page.get_by_label("Терминал").check()
    press(page, "Деньги поступили")
    expect_title(page, "Успешно оформлен")
    expect(page.get_by_text("подтверждена: терминал.")).to_be_in_viewport()
    check(page, f"{scheme}-confirmed")
    page.get_by_role("link", name="Отменить").click()
    expect_title(page, "Отменить оплату")
    check(page, f"{scheme}-undo")
    press(page, "Отменить оплату")
    expect_title(page, "Договор подписан")
    expect(page.get_by_text("отменена, клиент получил сообщение")).to_be_in_viewport()
    confirm(page, "Наличные")
    expect_title(page, "Успешно оформлен")

    admin = sit_down(open_page(PHONE, color_scheme=scheme, reduced_motion="reduce"), gleb, invoice)
    admin.get_by_role("link", name="Отменить оплату").click()
    press(admin, "Отменить оплату")
    expect(admin.get_by_text("Напишите причину отмены.")).to_be_in_viewport()
    check(admin, f"{scheme}-undo-without-a-reason")
    admin.get_by_label("Причина").fill("Деньги не пришли")
    press(admin, "Отменить оплату")
    expect_title(admin, "Договор подписан")
    assert list(Payment.objects.order_by("confirmed_at").values_list("method", "note", "undo_reason")) == [
        ("terminal", "Чек 15", ""),
        ("cash", "", "Деньги не пришли"),
    ]


def test_claim_is_confirmed_without_javascript(open_page, check, invoice, anna):
    pay_in_app(invoice)
    page = sit_down(open_page(PHONE, java_script_enabled=False), anna, invoice)
    press(page, "Подтвердить оплату")
    expect_title(page, "Успешно оформлен")
    expect(page.get_by_text("подтверждена: карта в приложении.")).to_be_visible()
    page.get_by_role("link", name="Отменить").click()
    press(page, "Отменить оплату")
    expect_title(page, "Договор подписан")
    expect(page.get_by_text("Оплачен в приложении — сверьте")).to_be_visible()


def test_claim_on_the_phone(open_page, check, invoice, anna):
    pay_in_app(invoice)
    page = sit_down(open_page(PHONE, reduced_motion="reduce"), anna, invoice)
    check(page, "claim")
