"""Guesses made elsewhere do not lock a user out of a browser in which they signed in before."""

from datetime import timedelta

import pytest
from django.core import signing
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from conftest import PASSWORD
from managers import known_browsers
from managers.models import Attempts

pytestmark = pytest.mark.django_db

SIGN_IN, SIGN_OUT = reverse("managers:sign_in"), reverse("managers:sign_out")
ANNA, BORIS = "anna@privet.example", "boris@privet.example"


def sign_in(browser: Browser, email: str = ANNA, password: str = PASSWORD) -> int:
    return browser.post(SIGN_IN, {"email": email, "password": password}).status_code


def lock_out(email: str = ANNA) -> None:
    """Guess until the account and the network address must wait."""
    assert [sign_in(Browser(), email, f"guess {number}") for number in range(6)][-1] == 429
    Attempts.objects.update(wait_until=timezone.now() + timedelta(minutes=15))


@pytest.fixture
def own_phone(anna) -> Browser:
    browser = Browser()
    assert sign_in(browser) == 302
    browser.post(SIGN_OUT)
    return browser


def test_guesses_elsewhere_do_not_block_a_known_browser(own_phone):
    lock_out()

    assert sign_in(own_phone) == 302


def test_account_still_waits_in_other_browsers(own_phone):
    lock_out()

    assert sign_in(Browser()) == 429


def test_guesses_in_a_known_browser_are_limited_too(own_phone):
    assert [sign_in(own_phone, password=f"guess {number}") for number in range(6)] == [422] * 5 + [429]
    assert sign_in(own_phone) == 429
    assert sign_in(Browser()) == 302


def test_browser_is_known_for_one_account_only(own_phone, boris):
    lock_out(BORIS)

    assert sign_in(own_phone, BORIS) == 429


def test_signing_in_again_keeps_the_browser_id(own_phone):
    before = signing.loads(own_phone.cookies["known"].value, salt=known_browsers.SALT)
    sign_in(own_phone)

    assert signing.loads(own_phone.cookies["known"].value, salt=known_browsers.SALT) == before


# Signed when the test runs: signatures contain the time, and parallel test processes need identical parameters.
@pytest.mark.parametrize(
    "cookie",
    [
        lambda: "",
        lambda: "x",
        lambda: "x:y:z",
        lambda: signing.dumps("x", salt=known_browsers.SALT),
        lambda: signing.dumps("x"),
    ],
    ids=["empty", "one character", "three parts", "not a list", "other salt"],
)
def test_invalid_cookie_makes_no_browser_known(own_phone, cookie):
    lock_out()
    own_phone.cookies["known"] = cookie()

    assert sign_in(own_phone) == 429


def test_known_browser_expires_after_180_days(own_phone, time_machine):
    time_machine.move_to(timezone.now() + timedelta(days=181))
    lock_out()

    assert sign_in(own_phone) == 429


def test_cookie_contains_no_email(own_phone):
    assert ANNA not in str(signing.loads(own_phone.cookies["known"].value, salt=known_browsers.SALT))
