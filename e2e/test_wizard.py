"""The whole way of one client, as a manager walks it: on a phone with JavaScript, on a desktop without."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from clients.models import Client, Status
from contracts.conftest import code_sent_to
from contracts.models import Contract
from devices.models import Device, SharedDevicePhoto
from e2e.conftest import DESKTOP, PHONE, photo, sign_in
from managers.models import Manager

pytestmark = pytest.mark.e2e

Shot = Callable[[Page, str], None]


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Далее").click()


def title(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def fill_passport(page: Page) -> None:
    page.get_by_label("Фамилия").fill("Ёлкина")
    page.get_by_label("Имя", exact=True).fill("Юлия")
    page.get_by_label("Отчество").fill("Сергеевна")
    page.get_by_label("Серия и номер").fill("46 13 №348353")
    page.get_by_label("Кем выдан").fill("ГУ МВД России по Московской области")
    page.get_by_label("Код подразделения").fill("500001")
    page.get_by_label("Дата выдачи").fill("2015-03-20")
    page.get_by_label("Адрес регистрации").fill("Московская область, г. Химки, ул. Мира, д. 3, кв. 14")
    page.locator("input[type=file]").first.set_input_files(photo("passport"))


def read_and_agreed(page: Page) -> None:
    page.get_by_label("Клиент прочитал и согласен").check()


def add_device(page: Page) -> None:
    page.get_by_role("link", name="Добавить устройство").click()
    page.get_by_label("Название").fill("Бирюса 118")
    page.get_by_label("Тип").select_option(label="холодильник")
    page.locator("input[type=file]").set_input_files([photo("front"), photo("back")])
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_text("Бирюса 118").first).to_be_visible()


def take_client(page: Page, manager: Manager, shot: Shot) -> None:
    page.goto("/")
    shot(page, "sign-in")
    sign_in(page, manager.email)
    expect(page.get_by_text("Ёлкина Юлия")).to_be_visible()
    shot(page, "list")


def check_contact(page: Page, shot: Shot) -> None:
    page.get_by_role("link", name="Ёлкина Юлия").first.click()
    title(page, "Шаг 1 — Данные")
    shot(page, "step-1")
    go_on(page)


def take_passport(page: Page, shot: Shot) -> None:
    title(page, "Шаг 2 — Паспорт")
    read_and_agreed(page)
    go_on(page)

    title(page, "Шаг 2 — Паспорт")
    expect(page.get_by_label("Фамилия")).to_be_visible()
    fill_passport(page)
    shot(page, "step-2")
    go_on(page)


def list_devices(page: Page, shot: Shot) -> None:
    title(page, "Шаг 3 — Устройства")
    add_device(page)
    page.get_by_label("Домашний").check()
    expect(page.get_by_text("150,00").first).to_be_visible()
    shot(page, "step-3")
    go_on(page)


def sign_contract(page: Page, client: Client, shot: Shot) -> None:
    title(page, "Шаг 4 — Договор")
    page.get_by_role("button", name="Сформировать договор").click()
    read_and_agreed(page)
    page.get_by_role("button", name="Запросить код").click()
    expect(page.get_by_text("Код отправлен клиенту").first).to_be_visible()
    shot(page, "step-4")
    code = code_sent_to(client)
    page.get_by_label("Код из приложения").fill(f"{code[:3]} {code[3:]}")
    page.get_by_label("Клиент прочитал договор").check()
    page.get_by_label("Код из приложения").press("Enter")
    title(page, "Договор подписан")


def confirm_payment(page: Page, shot: Shot, *, asked: bool) -> None:
    page.get_by_role("button", name="Подтвердить оплату").click()
    if asked:
        page.get_by_role("button", name="Деньги поступили").click()
    title(page, "Успешно оформлен")
    shot(page, "done")


def look_at_card(page: Page, shot: Shot) -> None:
    page.get_by_role("link", name="Карточка клиента").click()
    expect(page.get_by_text("получена").first).to_be_visible()
    shot(page, "card")


@pytest.fixture
def client(make) -> Client:
    """One of four who wait, in an office with a tariff and a type of devices."""
    make.tariff()
    make.type("холодильник")
    client = make.client(name="Ёлкина Юлия", phone="9771232323")
    for name in ("Соколов Артём", "Кузнецова Анна", "Лебедев Игорь"):
        make.client(name=name)
    return client


@pytest.mark.parametrize("javascript", [True, False], ids=["phone", "desktop-without-javascript"])
def test_from_a_new_client_to_a_paid_contract(open_page, screenshot, client, make, anna, javascript):
    page = open_page(PHONE if javascript else DESKTOP, java_script_enabled=javascript)
    shot = screenshot if javascript else (lambda page, name: None)

    take_client(page, anna, shot)
    check_contact(page, shot)
    take_passport(page, shot)
    list_devices(page, shot)
    sign_contract(page, client, shot)
    confirm_payment(page, shot, asked=javascript)
    look_at_card(page, shot)

    client = make.fresh(client)
    assert (client.status, client.manager) == (Status.PROCESSED, anna)
    assert client.passport.digits == "4613348353"
    assert Contract.objects.get().signed_by == anna
    assert Device.objects.get().photos.count() == SharedDevicePhoto.objects.count() == 2
