"""The client reads, accepts and signs on their phone; the manager sees it without reloading."""

import json

import pytest
from playwright.sync_api import Page, expect

from contracts.conftest import code_sent_to
from contracts.models import Contract
from e2e.client_page import (
    CONSENT,
    Desk,
    code_field,
    expect_title,
    get_code,
    issue_contract,
    open_link,
    paste,
    press,
    read_to_the_end,
    sit_down,
    tick_all,
    visit,
)
from e2e.conftest import overflow_width
from e2e.test_no_personal_data_left import READ_STORAGE
from foundation.storage import object_storage
from links.models import Place

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("public_address")]

# Width in CSS pixels, colours, JavaScript. 160 px are a screen of 320 px with the text at 200 %.
PHONES = [
    (320, "light", True),
    (360, "dark", True),
    (160, "light", True),
    (320, "dark", False),
    (360, "light", False),
]


@pytest.fixture
def contract(make, anna) -> Contract:
    return issue_contract(make, anna, devices=2)


@pytest.fixture
def desk(open_page, anna, contract) -> Desk:
    """Step 4 on Анна's screen."""
    return sit_down(open_page(), anna, contract.client)


@pytest.fixture
def phone(open_page, desk) -> Page:
    """The client's phone with the contract."""
    page = open_page()
    open_link(page, desk.show_code())
    return page


def take_out_phone(open_page, width: int, scheme: str, javascript: bool) -> Page:
    return open_page({"width": width, "height": 740}, color_scheme=scheme, java_script_enabled=javascript)


@pytest.mark.parametrize(("width", "scheme", "javascript"), PHONES)
def test_client_signs_the_contract(open_page, desk, contract, width, scheme, javascript):
    phone = take_out_phone(open_page, width, scheme, javascript)
    open_link(phone, desk.show_code())
    expect(desk.done("Страница открыта")).to_be_visible()
    assert overflow_width(phone) == 0
    if javascript:
        read_to_the_end(phone)
        expect(desk.done("Дочитано до конца")).to_be_visible()
    get_code(phone)
    expect(desk.done("Код отправлен")).to_be_visible()
    expect(desk.done("Согласия даны")).to_be_visible()
    code = code_sent_to(contract.client)
    enter = paste if javascript else lambda field, text: field.fill(text)
    enter(code_field(phone), f"{code[:3]} {code[3:]}")
    assert overflow_width(phone) == 0
    press(phone, "Подписать договор")

    expect_title(phone, "Договор подписан")
    desk.page.wait_for_url("**/done/")
    expect_title(desk.page, "Договор подписан")
    with phone.expect_download() as download:
        phone.get_by_role("link", name="Скачать договор (PDF)").click()
    contract.refresh_from_db()
    assert download.value.path().read_bytes() == object_storage.get(contract.pdf_key)
    assert contract.code_entered_on == Place.CLIENT_PAGE


def test_picture_for_the_readme(phone, screenshot):
    expect(phone.get_by_text("Заплатить сейчас")).to_be_visible()
    screenshot(phone, "client-page")


@pytest.mark.parametrize(("width", "scheme", "javascript"), PHONES)
def test_client_gives_the_consent(open_page, make, anna, width, scheme, javascript):
    client = make.verified(anna)
    desk = sit_down(open_page(), anna, client, CONSENT)
    phone = take_out_phone(open_page, width, scheme, javascript)
    open_link(phone, desk.show_code())
    if javascript:
        read_to_the_end(phone)
        expect(desk.done("Дочитано до конца")).to_be_visible()
    assert overflow_width(phone) == 0
    phone.get_by_label("Я прочитал").check()
    press(phone, "Дать согласие")

    expect_title(phone, "Согласие записано")
    expect(desk.page.get_by_label("Фамилия")).to_be_visible()
    assert client.agreements.get().accepted_on == Place.CLIENT_PAGE


def test_page_fits_with_many_devices_and_a_long_word(open_page, make, anna):
    client = make.awaiting_contract(anna, devices=60)
    make.device(client, anna, title="Кондиционер" + "супер" * 20)
    desk = sit_down(open_page(), anna, client)
    press(desk.page, "Сформировать договор")
    expect(desk.page.get_by_role("button", name="Показать QR-код")).to_be_visible()
    phone = open_page({"width": 320, "height": 740})
    open_link(phone, desk.show_code())

    expect(phone.get_by_text("61. Кондиционер")).to_be_attached()
    assert overflow_width(phone) == 0
    card, table = phone.locator("#text").bounding_box(), phone.locator("table.devices").bounding_box()
    assert table["x"] + table["width"] <= card["x"] + card["width"]


def test_jump_to_the_signature_is_not_reading(phone, desk):
    phone.get_by_role("link", name="К подписанию").click()
    expect(phone.get_by_role("heading", name="2. Подпишите")).to_be_in_viewport()
    get_code(phone)
    expect(desk.done("Код отправлен")).to_be_visible()
    expect(desk.done("Дочитано до конца")).to_have_count(0)


def test_manager_sees_a_call_and_a_refusal(phone, desk):
    press(phone, "Позвать менеджера")
    expect(phone.get_by_text("Вы позвали менеджера")).to_be_in_viewport()
    expect(desk.advice).to_have_text("Клиент зовёт вас со своей страницы.")

    phone.locator("#refusal > summary").click()
    phone.get_by_label("Не согласен(на) с суммой").check()
    phone.get_by_label("Что не так").fill("Дорого")
    press(phone, "Отказаться")
    expect_title(phone, "Вы отказались")
    expect(desk.page.get_by_text("Причина: Не согласен(на) с суммой: Дорого")).to_be_visible()
    expect(desk.advice).to_contain_text("Клиент отказался")


def test_second_screen_replaces_the_code_of_the_first(desk, contract, open_page):
    old = desk.show_code()
    other = visit(desk.page.context.new_page(), contract.client)
    new = other.show_code()

    expect(desk.advice).to_have_text("Эта ссылка заменена новой.")
    expect(desk.page.locator(".link-qr").first).to_be_hidden()
    phone = open_page()
    phone.goto(old)
    expect_title(phone, "Ссылка не действует")
    open_link(phone, new)
    expect(other.done("Страница открыта")).to_be_visible()


def test_new_code_is_confirmed_while_the_client_reads(desk, phone):
    expect(desk.done("Страница открыта")).to_be_visible()
    new_code = desk.page.get_by_role("button", name="Показать новый QR-код")
    question = desk.page.get_by_role("dialog").filter(has_text="Клиент уже открыл страницу.")
    new_code.click()
    question.get_by_role("button", name="Отмена").click()
    phone.reload()
    expect(phone.get_by_text("Заплатить сейчас")).to_be_visible()

    new_code.click()
    question.get_by_role("button", name="Показать новый").click()
    expect(desk.page.locator("#link-url")).to_be_visible()
    phone.reload()
    expect_title(phone, "Ссылка не действует")


def test_manager_without_javascript_asks_for_the_status(open_page, anna, contract):
    desk = sit_down(open_page(java_script_enabled=False), anna, contract.client)
    open_link(open_page(), desk.show_code())
    desk.page.get_by_role("link", name="Обновить").click()
    expect(desk.done("Страница открыта")).to_be_visible()


def test_keyboard_is_enough(open_page, desk, contract):
    phone = open_page()
    phone.goto(desk.show_code())
    tab_to(phone, "Продолжить").press("Enter")
    phone.wait_for_url("**/page/**")
    tab_to(phone, "Получить код").press("Enter")
    boxes = phone.locator("#sign input[type=checkbox]")
    expect(boxes.first).to_be_focused()
    phone.keyboard.press("Space")
    phone.keyboard.press("Tab")
    expect(boxes.nth(1)).to_be_focused()
    phone.keyboard.press("Space")
    tab_to(phone, "Получить код").press("Enter")
    expect(phone.get_by_text("Код отправлен")).to_be_visible()
    while not code_field(phone).evaluate("field => field === document.activeElement"):
        phone.keyboard.press("Tab")
    phone.keyboard.type("12345")
    phone.keyboard.press("Enter")
    expect(phone.get_by_text("Код состоит из шести цифр")).to_be_in_viewport()
    expect(code_field(phone)).to_be_focused()
    phone.keyboard.press("Control+A")
    phone.keyboard.type(code_sent_to(contract.client))
    phone.keyboard.press("Enter")
    expect_title(phone, "Договор подписан")


def tab_to(page: Page, name: str):
    """Press Tab until the button has the focus. Return it."""
    button = page.get_by_role("button", name=name, exact=True)
    for _ in range(30):
        if button.evaluate("button => button === document.activeElement"):
            return button
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached with Tab")


def test_token_and_code_are_in_no_referer_and_no_storage(open_page, desk, contract):
    phone, requests = open_page(), []
    for page in (phone, desk.page):
        page.on("request", lambda request: requests.append(request))
    url = desk.show_code()
    open_link(phone, url)
    tick_all(phone)
    press(phone, "Получить код")
    code_field(phone).fill(code_sent_to(contract.client))
    stored = [json.dumps(page.evaluate(READ_STORAGE)) for page in (phone, desk.page)]
    press(phone, "Подписать договор")
    expect_title(phone, "Договор подписан")
    desk.page.wait_for_url("**/done/")

    token = url.split("/")[-2]
    referers = [request.all_headers().get("referer", "") for request in requests]
    assert any("/page/" in referer for referer in referers)
    assert [referer for referer in referers if token in referer] == []
    assert json.loads(stored[0])["local"] == json.loads(stored[0])["session"] == {}
    for secret in (token, code_sent_to(contract.client), contract.client.user.name):
        assert not any(secret in text for text in stored)
