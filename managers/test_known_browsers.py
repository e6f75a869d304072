"""A stranger who guesses without end keeps nobody out of a browser in which they signed in before."""

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


def guess_without_end(email: str = ANNA) -> None:
    """Whatever a stranger did from wherever: the account and the address must wait."""
    assert [sign_in(Browser(), email, f"guess {number}") for number in range(6)][-1] == 429
    Attempts.objects.update(wait_until=timezone.now() + timedelta(minutes=15))


@pytest.fixture
def own_phone(anna) -> Browser:
    browser = Browser()
    assert sign_in(browser) == 302
    browser.post(SIGN_OUT)
    return browser


def test_guesses_elsewhere_do_not_block_a_known_browser(own_phone):
    guess_without_end()

    assert sign_in(own_phone) == 302


def test_elsewhere_the_account_waits_as_before(own_phone):
    guess_without_end()

    assert sign_in(Browser()) == 429


def test_guesses_in_a_known_browser_are_limited_too(own_phone):
    assert [sign_in(own_phone, password=f"guess {number}") for number in range(6)] == [422] * 5 + [429]
    assert sign_in(own_phone) == 429
    assert sign_in(Browser()) == 302


def test_another_account_is_unknown_in_that_browser(own_phone, boris):
    guess_without_end(BORIS)

    assert sign_in(own_phone, BORIS) == 429


def test_signing_in_again_makes_no_new_browser_with_guesses_of_its_own(own_phone):
    before = signing.loads(own_phone.cookies["known"].value, salt=known_browsers.SALT)
    sign_in(own_phone)

    assert signing.loads(own_phone.cookies["known"].value, salt=known_browsers.SALT) == before


# Signed where the test runs: a signature has a time, and processes that share the tests must name them alike.
@pytest.mark.parametrize(
    "cookie",
    [
        lambda: "",
        lambda: "x",
        lambda: "x:y:z",
        lambda: signing.dumps("x", salt=known_browsers.SALT),
        lambda: signing.dumps("x"),
    ],
    ids=["empty", "a letter", "three parts", "no list", "of another purpose"],
)
def test_a_cookie_that_is_not_ours_makes_no_browser_known(own_phone, cookie):
    guess_without_end()
    own_phone.cookies["known"] = cookie()

    assert sign_in(own_phone) == 429


def test_a_browser_is_forgotten_after_half_a_year(own_phone, time_machine):
    time_machine.move_to(timezone.now() + timedelta(days=181))
    guess_without_end()

    assert sign_in(own_phone) == 429


def test_the_cookie_names_nobody(own_phone):
    assert ANNA not in str(signing.loads(own_phone.cookies["known"].value, salt=known_browsers.SALT))
