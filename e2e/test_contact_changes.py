"""A manager changes the phone of a client who uses the app: the client's code, or an admin on a phone, allows it."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from clients.models import AppUser, Client
from contact import codes
from contact.conftest import NEW_PHONE, OLD_EMAIL, OLD_PHONE, code_for, wrong
from e2e.client_page import press
from e2e.conftest import overflow_width, sign_in, small_targets
from e2e.test_accessibility import RULES
from messaging.models import Channel

pytestmark = pytest.mark.e2e

LOOKS = [({"width": 360, "height": 740}, "light", True), ({"width": 320, "height": 740}, "dark", False)]


@pytest.fixture
def client(make, anna) -> Client:
    return make.verified(anna, phone=OLD_PHONE, email=OLD_EMAIL, password_hash="set in the app")


@pytest.fixture(params=LOOKS, ids=["360-light", "320-dark-without-javascript"])
def looks(request) -> dict:
    viewport, scheme, javascript = request.param
    return {"viewport": viewport, "color_scheme": scheme, "java_script_enabled": javascript}


@pytest.fixture
def desk(open_page, anna, client, looks) -> Page:
    """Step 1 on Анна's screen, after the phone was changed."""
    page = open_page(**looks)
    sign_in(page, anna.email)
    page.goto(reverse("clients:contact", args=[client.pk]))
    if looks["java_script_enabled"]:
        page.get_by_label("Изменить: телефон").click()
    page.get_by_label("Телефон", exact=True).fill(NEW_PHONE)
    press(page, "Далее")
    expect(page.get_by_role("heading", name="Изменение ждёт подтверждения")).to_be_visible()
    return page


def phone_of(client: Client) -> str:
    return AppUser.objects.get(pk=client.user_id).phone


def check(page: Page, javascript: bool) -> None:
    """WCAG 2.2 AA, no sideways scrolling, large targets."""
    assert overflow_width(page) == 0
    assert small_targets(page) == []
    if javascript:  # axe is a script
        results = Axe().run(page, options=RULES)
        assert results.violations_count == 0, results.generate_report()


def test_client_names_the_code(desk, client, looks, screenshot):
    check(desk, looks["java_script_enabled"])
    screenshot(desk, f"contact-{looks['viewport']['width']}-ways")
    press(desk, "Отправить код в «Привет Супер»")
    expect(desk.get_by_text("Код: «Привет Супер», ")).to_be_visible()
    code = code_for(client)

    desk.get_by_label("Код, который назвал клиент").fill(wrong(code))
    press(desk, "Подтвердить кодом")
    expect(desk.get_by_text("Неверный код. Осталось попыток: 4.")).to_be_visible()
    if looks["java_script_enabled"]:
        expect(desk.get_by_label("Код, который назвал клиент")).to_be_focused()
    check(desk, looks["java_script_enabled"])
    screenshot(desk, f"contact-{looks['viewport']['width']}-code")
    assert phone_of(client) == OLD_PHONE

    desk.get_by_label("Код, который назвал клиент").fill(f"{code[:3]} {code[3:]}")
    press(desk, "Подтвердить кодом")
    desk.wait_for_url("**/passport/")
    expect(desk.get_by_text("Клиент подтвердил, контакт изменён.")).to_be_visible()
    assert phone_of(client) == NEW_PHONE


def test_admin_allows_it_on_a_phone(desk, open_page, client, gleb, looks, screenshot):
    desk.locator("summary", has_text="Попросить администратора").click()
    desk.get_by_label("Почему меняете").fill("Прежний телефон клиент потерял, паспорт сверил")
    press(desk, "Попросить администратора")
    expect(desk.get_by_text("Администратор ещё не ответил.")).to_be_visible()

    phone = open_page(**looks)
    sign_in(phone, gleb.email)
    phone.goto("/clients/")
    phone.locator(".menu > summary").click()
    screenshot(phone, f"contact-{looks['viewport']['width']}-menu")
    phone.get_by_role("link", name="Изменения контактов").click()
    expect(phone.get_by_text("Прежний телефон клиент потерял")).to_be_visible()
    check(phone, looks["java_script_enabled"])
    screenshot(phone, f"contact-{looks['viewport']['width']}-admin")
    phone.get_by_label("Вижу документы клиента").check()
    press(phone, "Разрешить")
    expect(phone.get_by_text("Разрешено: контакт изменён.")).to_be_visible()

    if not looks["java_script_enabled"]:
        desk.get_by_role("link", name="Обновить").click()
    expect(desk.get_by_text("Администратор Глеб Волков разрешил, контакт изменён.")).to_be_visible()
    screenshot(desk, f"contact-{looks['viewport']['width']}-approved")
    assert phone_of(client) == NEW_PHONE


def test_typed_text_survives_sending_a_code_and_the_updates(open_page, anna, client, gleb):
    page = open_page()
    sign_in(page, anna.email)
    page.goto(reverse("clients:contact", args=[client.pk]))
    page.get_by_label("Изменить: телефон").click()
    page.get_by_label("Телефон", exact=True).fill(NEW_PHONE)
    press(page, "Далее")
    expect(page.get_by_role("heading", name="Изменение ждёт подтверждения")).to_be_visible()
    page.get_by_label("Изменить: адрес").click()
    page.get_by_label("Адрес", exact=True).fill("г. Орёл, ул. Мира, д. 1")
    with page.expect_response("**/code/"):
        press(page, "Отправить код в «Привет Супер»")
    page.get_by_label("Код, который назвал клиент").fill("123")
    with page.expect_response(lambda response: "layout=" in response.url):
        pass

    assert page.get_by_label("Адрес", exact=True).input_value() == "г. Орёл, ул. Мира, д. 1"
    assert page.get_by_label("Код, который назвал клиент").input_value() == "123"


def test_typed_reason_survives_a_code_from_another_tab(open_page, anna, client):
    page = open_page()
    sign_in(page, anna.email)
    page.goto(reverse("clients:contact", args=[client.pk]))
    page.get_by_label("Изменить: телефон").click()
    page.get_by_label("Телефон", exact=True).fill(NEW_PHONE)
    press(page, "Далее")
    page.locator("summary", has_text="Попросить администратора").click()
    page.get_by_label("Почему меняете").fill("Потерял телефон")

    codes.send_code(client.contact_changes.get(), Channel.APP, by=anna)

    expect(page.get_by_label("Код, который назвал клиент")).to_be_visible()
    expect(page.get_by_label("Почему меняете")).to_have_value("Потерял телефон")
    expect(page.get_by_label("Почему меняете")).to_be_focused()
