"""The client list: infinite scroll, search while typing, and restoring it when going back."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from e2e.conftest import DESKTOP, sign_in

pytestmark = pytest.mark.e2e


@pytest.fixture
def many_clients(make):
    now = timezone.now()
    for number in range(70):
        make.user(name=f"Клиент {number:02}", created_at=now - timedelta(minutes=number))


@pytest.fixture
def phone(open_page, many_clients, anna):
    page = open_page()
    sign_in(page, anna.email)
    expect(page.locator(".client")).to_have_count(20)
    return page


def scroll_to_end(page) -> None:
    page.locator("#list-more").scroll_into_view_if_needed()


def test_no_error_is_shown_initially(phone):
    for notice in phone.locator("[data-toast]").all():
        expect(notice).to_be_hidden()


def test_longest_counts_fit_in_the_bar(open_page, make, anna):
    for _ in range(100):
        make.client().reassign(to=anna, by=anna)
    page = open_page()
    sign_in(page, anna.email)

    mine = page.locator("nav.bar a").last
    expect(mine.locator(".count")).to_have_text("99+")
    count, bar = mine.locator(".count").bounding_box(), page.locator("nav.bar").bounding_box()
    assert count["x"] + count["width"] <= bar["x"] + bar["width"] <= page.viewport_size["width"] == 360


@pytest.mark.parametrize("method", ["back", "link"])
def test_list_is_restored_when_going_back(phone, method):
    scroll_to_end(phone)
    expect(phone.locator(".client")).to_have_count(40)
    phone.get_by_text("Клиент 33").click()
    expect(phone.get_by_role("heading", name="Шаг 1 — Данные")).to_be_visible()

    if method == "back":
        phone.go_back()
    else:
        phone.get_by_role("link", name="К списку").click()

    expect(phone.locator(".client")).to_have_count(40)
    expect(phone.get_by_text("Клиент 33")).to_be_in_viewport()
    scroll_to_end(phone)
    expect(phone.locator(".client")).to_have_count(60)


def test_rejected_form_adds_no_history_entry(phone):
    phone.get_by_text("Клиент 03").click()
    phone.get_by_role("button", name="Изменить: телефон").click()
    phone.get_by_label("Телефон", exact=True).fill("123")
    phone.get_by_role("button", name="Далее").click()
    expect(phone.get_by_text("Такого номера нет")).to_be_visible()
    expect(phone.get_by_label("Телефон", exact=True)).to_be_focused()

    phone.go_back()
    expect(phone.get_by_role("heading", name="Новые")).to_be_visible()


def test_search_while_typing_keeps_the_cursor_in_the_field(phone):
    field = phone.get_by_role("searchbox")
    field.press_sequentially("клиент 07", delay=20)

    expect(phone.locator(".client")).to_have_count(1)
    expect(field).to_be_focused()
    assert urlsplit(phone.url)[2:] == (reverse("clients:list"), "", "")

    phone.get_by_role("button", name="Сбросить поиск").click()
    expect(phone.locator(".client")).to_have_count(20)
    expect(phone.get_by_role("searchbox")).to_have_value("")


def side_list_requests(page) -> list[str]:
    """Return a list that collects the URLs of requests for the side list."""
    urls = []
    page.on("request", lambda request: request.headers.get("hx-target") == "beside" and urls.append(request.url))
    return urls


def test_wide_screen_shows_the_side_list(open_page, many_clients, anna):
    page = open_page(DESKTOP)
    requests = side_list_requests(page)
    sign_in(page, anna.email)
    page.get_by_text("Клиент 05").first.click()
    expect(page.get_by_role("heading", name="Шаг 1 — Данные")).to_be_visible()
    expect(page.locator("#beside .client")).to_have_count(20)
    assert len(requests) == 1

    page.locator("#beside").get_by_text("Клиент 08").click()
    expect(page.locator("#beside .client[aria-current]")).to_contain_text("Клиент 08")
    expect(page.locator("#main .crumbs")).to_contain_text("Клиент 08")


def test_phone_does_not_load_the_side_list(phone):
    requests = side_list_requests(phone)
    phone.get_by_text("Клиент 05").click()
    phone.get_by_role("button", name="Далее").click()
    expect(phone.get_by_role("heading", name="Шаг 2 — Паспорт")).to_be_visible()

    expect(phone.locator("#beside .client")).to_have_count(0)
    assert requests == []


def test_side_list_is_updated_after_a_form(open_page, many_clients, anna):
    page = open_page(DESKTOP)
    sign_in(page, anna.email)
    page.get_by_text("Клиент 05").first.click()
    expect(page.locator("#beside .client")).to_have_count(20)

    page.get_by_role("button", name="Далее").click()
    expect(page.get_by_role("heading", name="Шаг 2 — Паспорт")).to_be_visible()
    expect(page.locator("#beside").get_by_text("Клиент 05")).to_have_count(0)
