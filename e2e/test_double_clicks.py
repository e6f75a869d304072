"""A double click submits a form once, and its button works again after any outcome.

These tests count requests. How the server handles repeated submits is tested with each view.
"""

import re
import time
from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, Route, expect

from conftest import PASSWORD
from e2e.conftest import LAUNCH_OPTIONS, TIMEOUT_MS, sign_in
from managers import limits
from managers.models import Spending

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def chromium(chromium):
    """Chromium with the back/forward cache, which Playwright disables by default."""
    browser = chromium.browser_type.launch(**LAUNCH_OPTIONS, ignore_default_args=["--disable-back-forward-cache"])
    yield browser
    browser.close()


@pytest.fixture
def plain(open_page, anna) -> Page:
    """The sign-in page, whose form is submitted without HTMX."""
    page = open_page()
    page.route("**/sign-in/", allow_caching)
    page.goto("/sign-in/")
    page.get_by_label("Электронная почта").fill(anna.email)
    password(page).fill(PASSWORD)
    return page


def allow_caching(route: Route) -> None:
    """Replace no-store: with it Chromium does not cache pages that set cookies, unlike other browsers."""
    if route.request.method == "GET":
        response = route.fetch(max_redirects=0)
        route.fulfill(response=response, headers=response.headers | {"cache-control": "private"})
    else:
        route.fallback()


@pytest.fixture
def boosted(open_page, anna, make) -> Page:
    """Step 4, whose form is submitted by HTMX."""
    page = open_page()
    sign_in(page, anna.email)
    page.wait_for_url("**/clients/**")
    page.goto(reverse("contracts:contract", args=[make.awaiting_contract(anna).pk]))
    return page


def password(page: Page) -> Locator:
    return page.get_by_label("Пароль", exact=True)


def sign_in_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Войти")


def issue_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Сформировать договор")


def link_button(page: Page) -> Locator:
    """The button on the page of an issued contract."""
    return page.get_by_role("button", name="Показать QR-код")


def collect_posts(page: Page) -> list:
    """Return a list that collects the POST requests of the page from now on."""
    requests = []
    page.on("request", lambda request: request.method == "POST" and requests.append(request))
    return requests


def hold_post(page: Page) -> list[Route]:
    """Hold back the next POST request until the test continues it. Return the list that will contain it."""
    held = []

    def hold(route: Route) -> None:
        if route.request.method == "POST" and not held:
            held.append(route)
        else:
            route.fallback()

    page.route("**", hold)
    return held


def wait_for_held(page: Page, held: list[Route]) -> Route:
    """Wait for the held request and return it."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while not held and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    return held[0]


@pytest.fixture
def limited(boosted, anna, monkeypatch) -> Page:
    """Step 4 after Анна has reached the daily limit of documents: the form stays on the page."""
    monkeypatch.setattr(limits, "DOCUMENTS", limits.RateLimit("documents", 1, per=timedelta(days=1), what="документов"))
    limits.DOCUMENTS.consume(anna)
    return boosted


def limit_notice(page: Page) -> Locator:
    return page.get_by_role("alert").filter(has_text="Слишком много документов")


def test_double_click_submits_a_plain_form_once(plain):
    posts, held = collect_posts(plain), hold_post(plain)
    box = sign_in_button(plain).bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    plain.mouse.click(*middle)
    wait_for_held(plain, held)  # the browser itself ignores a second click before the submit
    plain.mouse.click(*middle)
    held[0].continue_()

    plain.wait_for_url("**/second-factor/**")
    assert len(posts) == 1


def test_double_click_submits_an_htmx_form_once(limited):
    """If the form stays on the page, HTMX would send the queued second request after the first response."""
    posts, held = collect_posts(limited), hold_post(limited)
    issue_button(limited).dblclick()
    expect(issue_button(limited)).to_have_attribute("aria-busy", "true")
    wait_for_held(limited, held).continue_()

    expect(limit_notice(limited).first).to_be_visible()
    limited.evaluate("new Promise(requestAnimationFrame)")
    assert len(posts) == 1


def test_rejected_plain_form_can_be_submitted_again(plain):
    password(plain).fill("wrong")
    sign_in_button(plain).click()
    expect(plain.get_by_role("alert")).to_be_visible()
    password(plain).fill(PASSWORD)
    sign_in_button(plain).click()

    plain.wait_for_url("**/second-factor/**")


def test_rejected_htmx_form_can_be_submitted_again(limited):
    issue_button(limited).click()
    expect(limit_notice(limited)).to_be_visible()
    Spending.objects.all().delete()
    issue_button(limited).click()

    expect(link_button(limited)).to_be_visible()


def test_plain_form_can_be_submitted_again_after_going_back(plain):
    plain.evaluate("window.isCached = true")
    sign_in_button(plain).click()
    plain.wait_for_url("**/second-factor/**")
    plain.go_back(wait_until="commit")

    assert plain.evaluate("window.isCached")
    with plain.expect_request(lambda request: request.method == "POST"):
        sign_in_button(plain).click()


def test_htmx_form_can_be_submitted_again_after_going_back(boosted):
    held = hold_post(boosted)
    issue_button(boosted).click()
    expect(issue_button(boosted)).to_have_attribute("aria-busy", "true")
    wait_for_held(boosted, held)
    boosted.goto("/healthz")
    boosted.go_back(wait_until="commit")
    issue_button(boosted).click()

    expect(link_button(boosted)).to_be_visible()


def test_stopped_plain_form_can_be_submitted_again(plain):
    """On a hanging connection the user presses the browser's stop button and tries again."""
    held = hold_post(plain)
    sign_in_button(plain).click(no_wait_after=True)
    wait_for_held(plain, held)
    plain.context.new_cdp_session(plain).send("Page.stopLoading")
    sign_in_button(plain).click()

    plain.wait_for_url("**/second-factor/**")


def test_htmx_form_can_be_submitted_again_after_a_lost_connection(boosted):
    boosted.context.set_offline(True)
    issue_button(boosted).click()
    expect(boosted.get_by_text(re.compile("Нет связи|Не отправлено")).first).to_be_visible()
    boosted.context.set_offline(False)
    issue_button(boosted).click()

    expect(link_button(boosted)).to_be_visible()
