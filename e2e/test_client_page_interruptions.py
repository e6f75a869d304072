"""The client's page and the manager's status when the connection, a code, the link or the session ends."""

import pytest
from django.db.models import F
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from contracts.conftest import code_sent_to
from contracts.models import Contract, SigningCode
from e2e.client_page import (
    Desk,
    code_field,
    expect_title,
    get_code,
    issue_contract,
    open_link,
    press,
    sit_down,
    tick_all,
)
from e2e.conftest import open_other_way
from e2e.test_double_clicks import hold_post, wait_for_held
from links.models import Link
from managers.models import Session
from messaging.codes import CODE_LIFETIME

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("public_address")]

POLLS = 2  # of three seconds each


@pytest.fixture
def contract(make, anna) -> Contract:
    return issue_contract(make, anna)


@pytest.fixture
def desk(open_page, anna, contract) -> Desk:
    return sit_down(open_page(), anna, contract.client)


@pytest.fixture
def phone(open_page, desk) -> Page:
    """The client's phone with the contract."""
    page = open_page()
    open_link(page, desk.show_code())
    return page


def wait_for_polls(desk: Desk, number: int = POLLS) -> None:
    for _ in range(number):
        with desk.page.expect_event("requestfinished", lambda request: "/links/" in request.url):
            pass


def no_connection(phone: Page):
    return phone.get_by_role("alert").filter(has_text="Нет связи с интернетом")


def test_phone_offline_keeps_ticks_and_code(phone, contract):
    tick_all(phone)
    phone.context.set_offline(True)
    press(phone, "Получить код")
    expect(no_connection(phone)).to_be_in_viewport()
    assert all(box.is_checked() for box in phone.locator("#sign input[type=checkbox]").all())
    phone.context.set_offline(False)
    expect(no_connection(phone)).to_be_hidden()
    press(phone, "Получить код")

    expect(phone.get_by_text("Код отправлен")).to_be_visible()
    assert SigningCode.objects.count() == 1
    code_field(phone).fill(code_sent_to(contract.client))
    phone.context.set_offline(True)
    press(phone, "Подписать договор")
    expect(no_connection(phone)).to_be_in_viewport()
    phone.context.set_offline(False)
    press(phone, "Подписать договор")
    expect_title(phone, "Договор подписан")


def test_connection_lost_on_the_way_keeps_ticks(phone, contract):
    """The browser shows its own error page, and the back button returns to the page. It does not save the code."""

    def lose_connection(name: str) -> None:
        phone.route("**/page/*/*/", lambda route: route.abort())
        press(phone, name)
        phone.wait_for_url("chrome-error://**")
        phone.unroute("**/page/*/*/")
        phone.go_back()

    tick_all(phone)
    lose_connection("Получить код")
    for box in phone.locator("#sign input[type=checkbox]").all():
        expect(box).to_be_checked()
    press(phone, "Получить код")
    code_field(phone).fill(code_sent_to_after(phone, contract))
    lose_connection("Подписать договор")
    code_field(phone).fill(code_sent_to(contract.client))
    press(phone, "Подписать договор")
    expect_title(phone, "Договор подписан")


def code_sent_to_after(phone: Page, contract: Contract) -> str:
    expect(phone.get_by_text("Код отправлен")).to_be_visible()
    return code_sent_to(contract.client)


def click_twice(phone: Page, name: str) -> None:
    """The second click comes while the answer to the first one is on its way."""
    held = hold_post(phone)
    box = phone.get_by_role("button", name=name, exact=True)
    box.scroll_into_view_if_needed()
    place = box.bounding_box()
    middle = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    phone.mouse.click(*middle)
    wait_for_held(phone, held)
    phone.mouse.click(*middle)
    held[0].continue_()


@pytest.mark.parametrize("javascript", [True, False])
def test_double_click_sends_one_code_and_signs_once(open_page, desk, contract, javascript):
    phone = open_page(java_script_enabled=javascript)
    open_link(phone, desk.show_code())
    tick_all(phone)
    click_twice(phone, "Получить код")
    expect(phone.get_by_text("Код отправлен")).to_be_visible()
    expect(phone.get_by_role("alert").filter(visible=True)).to_have_count(0)
    assert SigningCode.objects.count() == 1
    phone.unroute("**")

    code_field(phone).fill(code_sent_to(contract.client))
    click_twice(phone, "Подписать договор")
    expect_title(phone, "Договор подписан")
    expect(phone.get_by_role("alert").filter(visible=True)).to_have_count(0)


def test_code_expires_while_it_is_typed(phone, contract):
    get_code(phone)
    code_field(phone).fill(code_sent_to(contract.client))
    SigningCode.objects.update(sent_at=F("sent_at") - CODE_LIFETIME * 2, expires_at=F("expires_at") - CODE_LIFETIME * 2)
    press(phone, "Подписать договор")
    expect(phone.get_by_text("Срок действия кода истёк")).to_be_in_viewport()
    expect(code_field(phone)).to_be_focused()

    press(phone, "Получить новый код")
    code_field(phone).fill(code_sent_to_after(phone, contract))
    press(phone, "Подписать договор")
    expect_title(phone, "Договор подписан")


def test_reloaded_page_says_that_the_code_has_expired(phone):
    get_code(phone)
    SigningCode.objects.update(sent_at=F("sent_at") - CODE_LIFETIME * 2, expires_at=F("expires_at") - CODE_LIFETIME * 2)
    phone.reload()
    expect(phone.get_by_text("Прежний код больше не действует")).to_be_visible()


def test_page_left_open_overnight(phone, desk):
    get_code(phone)
    Link.objects.update(expires_at=timezone.now())
    code_field(phone).fill("123456")
    press(phone, "Подписать договор")
    expect_title(phone, "Ссылка не действует")
    expect(desk.advice).to_have_text("Ссылка больше не действует. Покажите новый QR-код.")


def test_status_neither_moves_the_focus_nor_repeats_its_text(desk, phone):
    expect(desk.done("Страница открыта")).to_be_visible()
    open_other_way(desk.page)
    box = desk.page.get_by_label("Клиент прочитал и согласен")
    box.check()
    desk.page.evaluate("""() => {
        window.spoken = [];
        const region = document.querySelector("[data-advice]");
        new MutationObserver(() => spoken.push(region.textContent)).observe(region, { childList: true });
    }""")
    top = box.bounding_box()["y"]
    wait_for_polls(desk)
    get_code(phone)
    expect(desk.done("Код отправлен")).to_be_visible()
    wait_for_polls(desk)

    assert [text.split(".")[0] for text in desk.page.evaluate("spoken")] == ["Код отправлен"]
    expect(box).to_be_focused()
    expect(box).to_be_checked()
    # The advice above has become longer, and the browser scrolls by that, so that nothing moves on the screen.
    assert box.bounding_box()["y"] == pytest.approx(top, abs=1)


def answer_503(route: Route) -> None:
    route.fulfill(status=503, body="<h1>Service Unavailable</h1>")


def lose(route: Route) -> None:
    route.abort("internetdisconnected")


@pytest.mark.parametrize("handler", [answer_503, lose])
def test_failed_status_request_is_repeated(desk, phone, handler):
    expect(desk.done("Страница открыта")).to_be_visible()
    desk.page.route("**/links/**", lambda route: handler(route))
    expect(desk.advice).to_contain_text("Статус не обновляется")
    expect(desk.done("Страница открыта")).to_be_visible()
    expect(desk.page.locator("[data-toast]:visible")).to_have_count(0)
    desk.page.unroute("**/links/**")
    expect(desk.advice).to_contain_text("Клиент читает")


def test_status_waits_for_the_sign_in_dialog(desk, contract):
    """Its answer would leave the page, and with it what is typed."""
    desk.show_code()
    open_other_way(desk.page)
    desk.page.get_by_label("Клиент прочитал и согласен").check()
    Session.objects.all().delete()
    press(desk.page, "Запросить код")
    dialog = desk.page.locator("#dialog")
    dialog.get_by_label("Электронная почта").fill("anna@privet.example")
    desk.page.wait_for_timeout(4000)  # longer than the time between two requests

    expect(dialog.get_by_label("Электронная почта")).to_have_value("anna@privet.example")
    expect(desk.page.get_by_label("Клиент прочитал и согласен")).to_be_checked()
