"""Automatic checks of WCAG 2.2 AA for every page, in light and dark mode."""

from base64 import b32decode

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django_otp.oath import TOTP
from playwright.sync_api import expect

from conftest import PASSWORD
from contracts import issuing
from contracts.conftest import sign
from e2e.conftest import DESKTOP, PHONE, overflow_width, sign_in

pytestmark = pytest.mark.e2e

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def urls(make, anna) -> list[str]:
    """One URL of each page that managers use."""
    make.client()
    waiting = issuing.issue(make.awaiting_contract(anna, devices=2), by=anna)
    stale = issuing.issue(make.awaiting_contract(anna), by=anna)
    make.device(make.fresh(stale.client), anna, title="Плита")
    signed = sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    steps = ["clients:contact", "passport:passport", "devices:devices"]
    return [
        *(f"{reverse('clients:list')}?tab={tab}" for tab in ("new", "work", "processed", "mine")),
        reverse("clients:add"),
        reverse("managers:sessions"),
        reverse("managers:backup_codes"),
        *(reverse(step, args=[waiting.client.pk]) for step in steps),
        reverse("devices:add", args=[waiting.client.pk]),
        *(reverse("contracts:contract", args=[contract.client.pk]) for contract in (waiting, stale)),
        *(reverse(f"contracts:{page}", args=[signed.client.pk]) for page in ("done", "card", "invoice")),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_every_page_is_accessible_and_fits_the_screen(open_page, screenshot, anna, urls, viewport, scheme):
    page = open_page(viewport, color_scheme=scheme, reduced_motion="reduce")
    sign_in(page, anna.email)
    page.wait_for_url("**/clients/**")

    problems = {}
    for url in urls:
        page.goto(url)
        screenshot(page, f"{scheme}-{viewport['width']}/{url.strip('/').split('/')[-1]}")
        results = Axe().run(page, options=RULES)
        if results.violations_count:
            problems[url] = results.generate_report()
        if overflow_width(page) > 0:
            problems[url] = f"{overflow_width(page)} px wider than the screen"
    assert problems == {}


def test_sign_in_pages_are_accessible(open_page):
    page = open_page(reduced_motion="reduce")
    for url in (reverse("managers:sign_in"), "/password-reset/"):
        page.goto(url)
        results = Axe().run(page, options=RULES)
        assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_second_factor_setup_is_accessible_and_fits_the_screen(open_page, anna, scheme):
    page = open_page(PHONE, color_scheme=scheme, reduced_motion="reduce")
    page.goto(reverse("managers:sign_in"))
    page.get_by_label("Электронная почта").fill(anna.email)
    page.get_by_label("Пароль", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    key = b32decode(page.locator(".key").inner_text().replace(" ", ""))
    problems = [Axe().run(page, options=RULES), overflow_width(page)]
    page.get_by_label("Код из приложения", exact=True).fill(f"{TOTP(key).token():06}")
    page.get_by_role("button", name="Подтвердить").click()
    page.get_by_role("link", name="Коды сохранены").wait_for()
    problems += [Axe().run(page, options=RULES), overflow_width(page)]

    assert [problems[0].violations_count, problems[1], problems[2].violations_count, problems[3]] == [0, 0, 0, 0]


def test_support_pages_are_accessible(open_page, vera, anna, make):
    sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    page = open_page(reduced_motion="reduce")
    sign_in(page, vera.email)
    for link in (None, "Оформление договора"):
        if link:
            page.get_by_role("link", name=link).first.click()
            expect(page.get_by_role("heading", level=1)).to_have_text(link)
        results = Axe().run(page, options=RULES)
        assert results.violations_count == 0, results.generate_report()
