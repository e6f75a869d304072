"""Every state of the client's page and of the manager's panel: WCAG 2.2 AA, no sideways scrolling, large targets."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from contracts import issuing
from contracts.conftest import code_sent_to, wrong_code
from e2e.client_page import (
    CONSENT,
    Desk,
    code_field,
    expect_title,
    get_code,
    issue_contract,
    open_link,
    press,
    sit_down,
    visit,
)
from e2e.conftest import DESKTOP, PHONE, overflow_width, small_targets
from e2e.test_accessibility import RULES
from links.models import Link

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("public_address")]

NARROW = {"width": 320, "height": 740}
LOOKS = [(NARROW, "light"), (PHONE, "dark"), (DESKTOP, "light")]


@pytest.fixture(params=LOOKS, ids=["320-light", "360-dark", "1280-light"])
def looks(request) -> dict:
    """Options of open_page."""
    viewport, scheme = request.param
    return {"viewport": viewport, "color_scheme": scheme, "reduced_motion": "reduce"}


@pytest.fixture
def check(screenshot, looks):
    """A function that checks a page. What is wrong is reported at the end, with the names of the states."""
    problems = {}

    def check_page(page: Page, state: str) -> None:
        page.wait_for_load_state("load")
        screenshot(page, f"{looks['color_scheme']}-{looks['viewport']['width']}/{state}")
        results = Axe().run(page, options=RULES)
        found = {
            "axe": results.generate_report() if results.violations_count else "",
            "too wide": overflow_width(page),
            "too small": small_targets(page),
        }
        if any(found.values()):
            problems[state] = found

    yield check_page
    assert problems == {}


@pytest.fixture
def desk(open_page, looks, anna, make) -> Desk:
    """Step 2 of a client without a consent."""
    return sit_down(open_page(**looks), anna, make.verified(anna), CONSENT)


@pytest.fixture
def phone(open_page, looks) -> Page:
    return open_page(**looks)


def test_consent(desk, phone, check):
    check(desk.page, "panel-of-consent")
    phone.goto(desk.show_code())
    check(desk.page, "panel-of-consent-with-code")
    check(phone, "first-page-of-consent")
    press(phone, "Продолжить")
    expect_title(phone, "Согласие на обработку персональных данных")
    check(phone, "consent")
    press(phone, "Дать согласие")
    expect(phone.get_by_text("Отметьте, что вы прочитали")).to_be_in_viewport()
    check(phone, "consent-without-tick")
    phone.get_by_label("Я прочитал").check()
    press(phone, "Дать согласие")
    expect_title(phone, "Согласие записано")
    check(phone, "consent-given")


def test_contract(desk, phone, check, make, anna):
    contract = issue_contract(make, anna, devices=2)
    desk = visit(desk.page, contract.client)
    check(desk.page, "panel")
    phone.goto(desk.show_code())
    check(desk.page, "panel-with-code")
    check(phone, "first-page")
    press(phone, "Продолжить")
    expect_title(phone, f"Договор {contract.number}")
    check(phone, "contract")
    expect(desk.done("Страница открыта")).to_be_visible()
    check(desk.page, "panel-opened")
    press(phone, "Получить код")
    expect(phone.get_by_text("Отметьте, что вы прочитали документ")).to_be_in_viewport()
    check(phone, "contract-without-ticks")
    show_passport(phone, contract, check)
    get_code(phone)
    check(phone, "code-sent")
    expect(desk.done("Код отправлен")).to_be_visible()
    check(desk.page, "panel-code-sent")
    code_field(phone).fill(wrong_code(code_sent_to(contract.client)))
    press(phone, "Подписать договор")
    expect(phone.get_by_text("Неверный код")).to_be_in_viewport()
    check(phone, "wrong-code")
    code_field(phone).fill(code_sent_to(contract.client))
    press(phone, "Подписать договор")
    expect_title(phone, "Договор подписан")
    phone.get_by_text("Как проверить файл").click()
    check(phone, "signed")


def show_passport(phone: Page, contract, check) -> None:
    phone.get_by_text("Показать номер паспорта и PDF").click()
    phone.get_by_label("Последние 4 цифры").fill("0000")
    press(phone, "Показать")
    expect(phone.get_by_text("Цифры не совпадают")).to_be_in_viewport()
    check(phone, "wrong-digits")
    phone.get_by_label("Последние 4 цифры").fill(contract.client.user.phone[-4:])
    press(phone, "Показать")
    expect(phone.get_by_role("link", name="Открыть как PDF")).to_be_visible()


def test_refusal(desk, phone, check, make, anna):
    contract = issue_contract(make, anna)
    desk = visit(desk.page, contract.client)
    open_link(phone, desk.show_code())
    press(phone, "Позвать менеджера")
    expect(phone.get_by_text("Вы позвали менеджера")).to_be_in_viewport()
    check(phone, "called")
    expect(desk.advice).to_contain_text("Клиент зовёт вас")
    check(desk.page, "panel-called")
    phone.locator("#refusal > summary").click()
    press(phone, "Отказаться")
    expect(phone.get_by_text("Выберите причину")).to_be_in_viewport()
    check(phone, "refusal-without-reason")
    phone.get_by_label("Хочу подумать").check()
    press(phone, "Отказаться")
    expect_title(phone, "Вы отказались")
    check(phone, "refused")
    expect(desk.advice).to_contain_text("Клиент отказался")
    check(desk.page, "panel-refused")


def test_link_that_no_longer_works(desk, phone, check, make, anna, open_page, looks):
    client = issue_contract(make, anna).client
    desk = visit(desk.page, client)
    url = desk.show_code()
    open_link(phone, url)
    stranger = open_page(**looks)
    stranger.goto(url)
    expect_title(stranger, "Ссылка уже открыта на другом устройстве")
    check(stranger, "taken")
    desk.page.goto(url)
    expect_title(desk.page, "Эту страницу открывает клиент")
    check(desk.page, "opened-by-manager")
    make.device(make.fresh(client), anna, title="Утюг")
    issuing.issue(make.fresh(client), by=anna)
    phone.reload()
    expect_title(phone, "Этот договор заменён")
    check(phone, "replaced")
    desk = visit(desk.page, client)
    desk.show_code()
    Link.objects.update(expires_at=timezone.now())
    expect(desk.advice).to_contain_text("Ссылка больше не действует")
    check(desk.page, "panel-expired")
    phone.reload()
    expect_title(phone, "Ссылка не действует")
    check(phone, "ended")


def test_full_screen_code(desk, phone, check):
    url = desk.show_code()
    dialog = desk.page.get_by_role("dialog", name="QR-код для клиента")
    press(desk.page, "На весь экран")
    expect(dialog).to_be_visible()
    check(desk.page, "full-screen-code")
    desk.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(desk.page.get_by_role("button", name="На весь экран")).to_be_focused()

    press(desk.page, "На весь экран")
    open_link(phone, url)
    expect(dialog).to_be_hidden()  # nobody else can use the code
    expect(desk.page.get_by_role("heading", name="Страница клиента")).to_be_focused()


def test_address_can_be_copied_and_shared(open_page, anna, make):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.add_init_script("navigator.share = async (data) => { window.shared = data; }")
    desk = sit_down(page, anna, make.verified(anna), CONSENT)
    url = desk.show_code()
    press(page, "Скопировать")
    expect(page.get_by_text("Ссылка скопирована.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == url
    press(page, "Поделиться")
    assert page.evaluate("shared.url") == url
    assert "согласие на обработку ваших данных" in page.evaluate("shared.text")
    assert page.get_by_role("link", name="СМС").get_attribute("href").startswith("sms:+7977")
