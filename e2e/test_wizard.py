"""All steps for one client: on a phone with JavaScript, on a desktop without."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from clients.models import Client, Status
from contracts.conftest import code_sent_to
from contracts.models import Contract
from devices.models import Device, SharedDevicePhoto
from e2e.conftest import DESKTOP, PHONE, open_other_way, photo, sign_in
from managers.models import Manager

pytestmark = pytest.mark.e2e

Screenshot = Callable[[Page, str], None]


def press_next(page: Page) -> None:
    page.get_by_role("button", name="Далее").click()


def expect_title(page: Page, text: str) -> None:
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


def check_agreement(page: Page) -> None:
    page.get_by_label("Клиент прочитал и согласен").check()


def add_device(page: Page) -> None:
    page.get_by_role("link", name="Добавить устройство").click()
    page.get_by_label("Название").fill("Бирюса 118")
    page.get_by_label("Тип").select_option(label="холодильник")
    page.locator("input[type=file]").set_input_files([photo("front"), photo("back")])
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_text("Бирюса 118").first).to_be_visible()


def open_list(page: Page, manager: Manager, screenshot: Screenshot) -> None:
    page.goto("/")
    screenshot(page, "sign-in")
    sign_in(page, manager.email)
    expect(page.get_by_text("Ёлкина Юлия")).to_be_visible()
    screenshot(page, "list")


def confirm_contact(page: Page, screenshot: Screenshot) -> None:
    page.get_by_role("link", name="Ёлкина Юлия").first.click()
    expect_title(page, "Шаг 1 — Данные")
    screenshot(page, "step-1")
    press_next(page)


def enter_passport(page: Page, screenshot: Screenshot) -> None:
    expect_title(page, "Шаг 2 — Паспорт")
    open_other_way(page)
    check_agreement(page)
    press_next(page)

    expect_title(page, "Шаг 2 — Паспорт")
    expect(page.get_by_label("Фамилия")).to_be_visible()
    fill_passport(page)
    screenshot(page, "step-2")
    press_next(page)


def enter_devices(page: Page, screenshot: Screenshot) -> None:
    expect_title(page, "Шаг 3 — Устройства")
    add_device(page)
    page.get_by_label("Домашний").check()
    expect(page.get_by_text("150,00").first).to_be_visible()
    screenshot(page, "step-3")
    press_next(page)


def sign_contract(page: Page, client: Client, screenshot: Screenshot) -> None:
    expect_title(page, "Шаг 4 — Договор")
    page.get_by_role("button", name="Сформировать договор").click()
    page.get_by_role("button", name="Показать QR-код").click()
    expect(page.locator("#link-url")).to_be_visible()
    screenshot(page, "step-4")
    open_other_way(page)
    check_agreement(page)
    page.get_by_role("button", name="Запросить код").click()
    expect(page.get_by_text("Код отправлен клиенту").first).to_be_visible()
    code = code_sent_to(client)
    page.get_by_label("Код", exact=True).fill(f"{code[:3]} {code[3:]}")
    page.get_by_label("Клиент прочитал договор").check()
    page.get_by_label("Код", exact=True).press("Enter")
    expect_title(page, "Договор подписан")


def confirm_payment(page: Page, screenshot: Screenshot) -> None:
    page.get_by_role("link", name="Подтвердить оплату").click()
    page.get_by_label("Наличные").check()
    page.get_by_role("button", name="Деньги поступили").click()
    expect_title(page, "Успешно оформлен")
    screenshot(page, "done")


def open_card(page: Page, screenshot: Screenshot) -> None:
    page.get_by_role("link", name="Карточка клиента").click()
    expect(page.get_by_text("получена").first).to_be_visible()
    screenshot(page, "card")


@pytest.fixture
def client(make) -> Client:
    """One of four unclaimed clients, with a tariff and a device type."""
    make.tariff()
    make.type("холодильник")
    client = make.client(name="Ёлкина Юлия", phone="9771232323")
    for name in ("Соколов Артём", "Кузнецова Анна", "Лебедев Игорь"):
        make.client(name=name)
    return client


@pytest.mark.parametrize("javascript", [True, False], ids=["phone", "desktop-without-javascript"])
def test_new_client_to_paid_contract(open_page, screenshot, client, make, anna, javascript):
    page = open_page(PHONE if javascript else DESKTOP, java_script_enabled=javascript)
    if not javascript:
        screenshot = lambda page, name: None  # noqa: E731

    open_list(page, anna, screenshot)
    confirm_contact(page, screenshot)
    enter_passport(page, screenshot)
    enter_devices(page, screenshot)
    sign_contract(page, client, screenshot)
    confirm_payment(page, screenshot)
    open_card(page, screenshot)

    client = make.fresh(client)
    assert (client.status, client.manager) == (Status.PROCESSED, anna)
    assert client.passport.digits == "4613348353"
    assert Contract.objects.get().signed_by == anna
    assert Device.objects.get().photos.count() == SharedDevicePhoto.objects.count() == 2
