"""After an error the invalid field is visible and focused, also in long forms."""

import pytest
from playwright.sync_api import expect

from e2e.conftest import sign_in
from e2e.test_wizard import fill_passport, press_next

pytestmark = pytest.mark.e2e


@pytest.fixture
def phone(open_page, anna):
    page = open_page()
    sign_in(page, anna.email)
    return page


def open_step(page, client, step: str) -> None:
    page.goto(f"/clients/{client.pk}/{step}/")


def test_invalid_field_is_visible_on_a_long_page(phone, make, anna):
    open_step(phone, make.consented(anna), "passport")
    fill_passport(phone)
    address = phone.get_by_label("Адрес регистрации")
    address.fill("")
    press_next(phone)

    expect(phone.get_by_text("Напишите адрес регистрации")).to_be_in_viewport()
    expect(address).to_be_focused()


def test_invalid_field_is_visible_in_a_dialog(phone, make, anna):
    make.tariff()
    make.type("холодильник")
    client = make.consented(anna)
    make.passport(client, anna)
    open_step(phone, client, "devices")
    phone.get_by_role("link", name="Добавить устройство").click()
    phone.get_by_label("Название").fill("Бирюса 118")
    phone.get_by_label("Тип").select_option(label="холодильник")
    phone.get_by_label("Характеристики").fill("🙂")
    phone.get_by_role("button", name="Сохранить").click()

    expect(phone.get_by_label("Характеристики")).to_be_focused()
    expect(phone.get_by_text("Уберите значки")).to_be_in_viewport()


def test_edit_button_puts_the_cursor_at_the_end(phone, make):
    open_step(phone, make.client(email="anna@mail.ru"), "contact")
    phone.get_by_role("button", name="Изменить: электронная почта").click()
    phone.keyboard.type("x")

    expect(phone.get_by_role("textbox", name="Электронная почта")).to_have_value("anna@mail.rux")
