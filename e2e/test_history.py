"""Back and forward: the page always matches the URL, even if responses arrive late."""

import re
from contextlib import suppress

import pytest
from django.urls import reverse
from playwright.sync_api import Error, Page, expect

from clients.models import Status
from e2e.conftest import sign_in
from managers.models import Session

pytestmark = pytest.mark.e2e


@pytest.fixture
def client(make):
    return make.client(name="Ёлкина Юлия")


@pytest.fixture
def phone(open_page, anna, client) -> Page:
    """Анна's phone at step 1, opened from the list."""
    page = open_page()
    sign_in(page, anna.email)
    page.get_by_text("Ёлкина Юлия").click()
    expect(step_1_heading(page)).to_be_visible()
    return page


def step_1_heading(page: Page):
    return page.get_by_role("heading", name="Шаг 1 — Данные")


def list_heading(page: Page):
    return page.get_by_role("heading", name="Новые")


def hold(page: Page, url: str) -> list:
    """Hold back responses from `url` until `release`."""
    held = []
    page.route(url, lambda route: held.append(route))
    return held


def release(page: Page, held: list) -> None:
    assert held
    page.unroute_all()
    for route in held:
        with suppress(Error):  # the page may have cancelled the request
            route.fulfill(response=route.fetch())
    # Wait until the browser has processed the responses.
    page.evaluate("fetch('/healthz').then(() => new Promise(requestAnimationFrame))")


def test_late_response_does_not_replace_the_current_page(phone, client, make):
    phone.go_back()
    expect(list_heading(phone)).to_be_visible()
    held = hold(phone, "**/contact/")
    with phone.expect_request("**/contact/"):
        phone.go_forward()
    phone.go_back()
    release(phone, held)

    expect(list_heading(phone)).to_be_visible()
    expect(step_1_heading(phone)).to_be_hidden()
    assert "/contact/" not in phone.url


def test_late_response_to_going_back_does_not_replace_a_newer_page(phone, client, make):
    held = hold(phone, "**/clients/?tab=*")
    with phone.expect_request("**/clients/?tab=*"):
        phone.go_back()
    phone.get_by_role("button", name="Далее").click()
    expect(phone.get_by_role("heading", name="Шаг 2 — Паспорт")).to_be_visible()
    release(phone, held)

    expect(phone.get_by_role("heading", name="Шаг 2 — Паспорт")).to_be_visible()
    assert phone.url.endswith(reverse("passport:passport", args=[client.pk]))
    assert make.fresh(client).status == Status.IN_VERIFICATION


def test_form_is_submitted_to_its_own_url(phone, client, make):
    phone.evaluate("history.replaceState(null, '', '/clients/')")
    phone.evaluate("document.querySelector('#main').replaceWith(document.querySelector('#main').cloneNode(true))")
    phone.evaluate("htmx.process(document.querySelector('#main'))")
    phone.get_by_role("button", name="Далее").click()

    expect(phone.get_by_role("heading", name="Шаг 2 — Паспорт")).to_be_visible()
    assert make.fresh(client).status == Status.IN_VERIFICATION


def test_going_back_after_the_session_ended_shows_the_sign_in(phone):
    Session.objects.all().delete()
    phone.go_back()

    expect(phone.get_by_text("Сеанс закончился. Войдите ещё раз.")).to_be_visible()
    assert re.search(r"/sign-in/\?expired=1&next=/clients/$", phone.url)


def test_going_back_offline_shows_a_retry(phone):
    phone.context.set_offline(True)
    phone.go_back()
    expect(phone.get_by_text("Страница не открылась: нет связи с сервером")).to_be_visible()

    phone.context.set_offline(False)
    phone.get_by_role("button", name="Открыть", exact=True).click()
    expect(list_heading(phone)).to_be_visible()


def test_going_back_to_an_error_response_reloads_the_page(phone):
    phone.get_by_role("link", name="К списку").click()
    expect(list_heading(phone)).to_be_visible()
    phone.route("**/contact/", lambda route: route.fulfill(status=503), times=1)
    phone.go_back()

    expect(step_1_heading(phone)).to_be_visible()
