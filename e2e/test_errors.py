"""What was refused is in view, with the cursor in it, however long the form."""

import pytest
from playwright.sync_api import expect

from e2e.conftest import sign_in
from e2e.test_wizard import fill_passport, go_on

pytestmark = pytest.mark.e2e


@pytest.fixture
def phone(open_page, anna):
    page = open_page()
    sign_in(page, anna.email)
    return page


def at(page, client, step: str) -> None:
    page.goto(f"/clients/{client.pk}/{step}/")


def test_the_field_that_was_refused_is_shown_on_a_long_page(phone, make, anna):
    at(phone, make.consented(anna), "passport")
    fill_passport(phone)
    address = phone.get_by_label("Адрес регистрации")
    address.fill("")
    go_on(phone)

    expect(phone.get_by_text("Напишите адрес регистрации")).to_be_in_viewport()
    expect(address).to_be_focused()


def test_the_field_that_was_refused_is_shown_in_a_dialog(phone, make, anna):
    make.tariff()
    make.type("холодильник")
    client = make.consented(anna)
    make.passport(client, anna)
    at(phone, client, "devices")
    phone.get_by_role("link", name="Добавить устройство").click()
    phone.get_by_label("Название").fill("Бирюса 118")
    phone.get_by_label("Тип").select_option(label="холодильник")
    phone.get_by_label("Характеристики").fill("🙂")
    phone.get_by_role("button", name="Сохранить").click()

    expect(phone.get_by_label("Характеристики")).to_be_focused()
    expect(phone.get_by_text("Уберите значки")).to_be_in_viewport()


def test_what_is_typed_after_the_pencil_goes_on_where_the_text_ends(phone, make):
    at(phone, make.client(email="anna@mail.ru"), "contact")
    phone.get_by_role("button", name="Изменить: электронная почта").click()
    phone.keyboard.type("x")

    expect(phone.get_by_role("textbox", name="Электронная почта")).to_have_value("anna@mail.rux")
