"""A form that is being sent is not sent again, and whatever becomes of it, its button can be pressed again.

What the server makes of a form that comes twice is tested where its page is; here the requests are counted.
"""

import re
import time
from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, Route, expect

from conftest import PASSWORD
from e2e.conftest import PATIENCE, STARTED, sign_in
from managers import limits
from managers.models import Spending

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def chromium(chromium):
    """One that keeps a page as it was left, for the Back button, as people's browsers do and Playwright's does not."""
    browser = chromium.browser_type.launch(**STARTED, ignore_default_args=["--disable-back-forward-cache"])
    yield browser
    browser.close()


@pytest.fixture
def plain(open_page, anna) -> Page:
    """The sign-in, whose form HTMX leaves to the browser."""
    page = open_page()
    page.route("**/sign-in/", may_be_kept)
    page.goto("/sign-in/")
    page.get_by_label("Электронная почта").fill(anna.email)
    password(page).fill(PASSWORD)
    return page


def may_be_kept(route: Route) -> None:
    """Of pages that say no-store Chromium keeps none that changes cookies; other browsers do."""
    if route.request.method == "GET":
        response = route.fetch(max_redirects=0)
        route.fulfill(response=response, headers=response.headers | {"cache-control": "private"})
    else:
        route.fallback()


@pytest.fixture
def boosted(open_page, anna, make) -> Page:
    """Step 4, whose form HTMX sends."""
    page = open_page()
    sign_in(page, anna.email)
    page.wait_for_url("**/clients/**")
    page.goto(reverse("contracts:contract", args=[make.awaiting_contract(anna).pk]))
    return page


def password(page: Page) -> Locator:
    return page.get_by_label("Пароль", exact=True)


def enter(page: Page) -> Locator:
    return page.get_by_role("button", name="Войти")


def issue(page: Page) -> Locator:
    return page.get_by_role("button", name="Сформировать договор")


def signature(page: Page) -> Locator:
    """What the contract is followed by."""
    return page.get_by_role("button", name="Подписать")


def forms_sent_by(page: Page) -> list:
    """The forms that the page sends from now on."""
    sent = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request))
    return sent


def hold(page: Page) -> list[Route]:
    """Keeps the next form from the server, until the test lets it go on."""
    held = []

    def keep(route: Route) -> None:
        if route.request.method == "POST" and not held:
            held.append(route)
        else:
            route.fallback()

    page.route("**", keep)
    return held


def arrived(page: Page, held: list[Route]) -> Route:
    """The form that is kept from the server, once it came as far."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not held and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    return held[0]


@pytest.fixture
def refused(boosted, anna, monkeypatch) -> Page:
    """Step 4 when Анна has made all the documents that she may make in a day: its form stays when it is refused."""
    monkeypatch.setattr(limits, "DOCUMENTS", limits.RateLimit("documents", 1, per=timedelta(days=1), what="документов"))
    limits.DOCUMENTS.consume(anna)
    return boosted


def refusal(page: Page) -> Locator:
    return page.get_by_role("alert").filter(has_text="Слишком много документов")


def test_a_double_click_sends_a_plain_form_once(plain):
    sent, held = forms_sent_by(plain), hold(plain)
    box = enter(plain).bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    plain.mouse.click(*middle)
    arrived(plain, held)  # of two that are pressed before it is sent the browser itself sends one
    plain.mouse.click(*middle)
    held[0].continue_()

    plain.wait_for_url("**/second-factor/**")
    assert len(sent) == 1


def test_a_double_click_sends_an_htmx_form_once(refused):
    """While the form stays HTMX would send, after the first answer, what it had waiting."""
    sent, held = forms_sent_by(refused), hold(refused)
    issue(refused).dblclick()
    expect(issue(refused)).to_have_attribute("aria-busy", "true")
    arrived(refused, held).continue_()

    expect(refusal(refused).first).to_be_visible()
    refused.evaluate("new Promise(requestAnimationFrame)")
    assert len(sent) == 1


def test_a_plain_form_that_was_refused_is_sent_again(plain):
    password(plain).fill("wrong")
    enter(plain).click()
    expect(plain.get_by_role("alert")).to_be_visible()
    password(plain).fill(PASSWORD)
    enter(plain).click()

    plain.wait_for_url("**/second-factor/**")


def test_an_htmx_form_that_was_refused_is_sent_again(refused):
    issue(refused).click()
    expect(refusal(refused)).to_be_visible()
    Spending.objects.all().delete()
    issue(refused).click()

    expect(signature(refused)).to_be_visible()


def test_a_plain_form_that_was_gone_back_to_is_sent_again(plain):
    plain.evaluate("window.isAsItWasLeft = true")
    enter(plain).click()
    plain.wait_for_url("**/second-factor/**")
    plain.go_back(wait_until="commit")

    assert plain.evaluate("window.isAsItWasLeft")
    with plain.expect_request(lambda request: request.method == "POST"):
        enter(plain).click()


def test_an_htmx_form_that_was_gone_back_to_is_sent_again(boosted):
    held = hold(boosted)
    issue(boosted).click()
    expect(issue(boosted)).to_have_attribute("aria-busy", "true")
    arrived(boosted, held)
    boosted.goto("/healthz")
    boosted.go_back(wait_until="commit")
    issue(boosted).click()

    expect(signature(boosted)).to_be_visible()


def test_a_plain_form_that_was_stopped_is_sent_again(plain):
    """Where a connection does not break but is silent, a person presses the browser's cross and tries again."""
    held = hold(plain)
    enter(plain).click(no_wait_after=True)
    arrived(plain, held)
    plain.context.new_cdp_session(plain).send("Page.stopLoading")
    enter(plain).click()

    plain.wait_for_url("**/second-factor/**")


def test_an_htmx_form_whose_connection_was_lost_is_sent_again(boosted):
    boosted.context.set_offline(True)
    issue(boosted).click()
    expect(boosted.get_by_text(re.compile("Нет связи|Не отправлено")).first).to_be_visible()
    boosted.context.set_offline(False)
    issue(boosted).click()

    expect(signature(boosted)).to_be_visible()
