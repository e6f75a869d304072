"""WCAG 2.2 AA, as far as a machine can tell, of every page in light and dark."""

from base64 import b32decode

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django_otp.oath import TOTP
from playwright.sync_api import expect

from conftest import PASSWORD
from contracts import issuing
from contracts.conftest import sign
from e2e.conftest import DESKTOP, PHONE, sign_in, too_wide

pytestmark = pytest.mark.e2e

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def addresses(make, anna) -> list[str]:
    """One address of each page that a manager sees."""
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
def test_every_page_is_accessible_and_fits_the_screen(open_page, screenshot, anna, addresses, viewport, scheme):
    page = open_page(viewport, color_scheme=scheme, reduced_motion="reduce")
    sign_in(page, anna.email)
    page.wait_for_url("**/clients/**")

    problems = {}
    for address in addresses:
        page.goto(address)
        screenshot(page, f"{scheme}-{viewport['width']}/{address.strip('/').split('/')[-1]}")
        found = Axe().run(page, options=RULES)
        if found.violations_count:
            problems[address] = found.generate_report()
        if too_wide(page) > 0:
            problems[address] = f"{too_wide(page)} px wider than the screen"
    assert problems == {}


def test_the_way_in_is_accessible(open_page):
    page = open_page(reduced_motion="reduce")
    for address in (reverse("managers:sign_in"), "/password-reset/"):
        page.goto(address)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_setting_up_the_second_factor_is_accessible_and_fits_the_screen(open_page, anna, scheme):
    page = open_page(PHONE, color_scheme=scheme, reduced_motion="reduce")
    page.goto(reverse("managers:sign_in"))
    page.get_by_label("Электронная почта").fill(anna.email)
    page.get_by_label("Пароль", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    key = b32decode(page.locator(".key").inner_text().replace(" ", ""))
    problems = [Axe().run(page, options=RULES), too_wide(page)]
    page.get_by_label("Код из приложения", exact=True).fill(f"{TOTP(key).token():06}")
    page.get_by_role("button", name="Подтвердить").click()
    page.get_by_role("link", name="Коды сохранены").wait_for()
    problems += [Axe().run(page, options=RULES), too_wide(page)]

    assert [problems[0].violations_count, problems[1], problems[2].violations_count, problems[3]] == [0, 0, 0, 0]


def test_pages_of_support_are_accessible(open_page, vera, anna, make):
    sign(issuing.issue(make.awaiting_contract(anna), by=anna), anna)
    page = open_page(reduced_motion="reduce")
    sign_in(page, vera.email)
    for link in (None, "Обслуживание устройств"):
        if link:
            page.get_by_role("link", name=link).first.click()
            expect(page.get_by_role("heading", level=1)).to_have_text(link)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
