"""Ten backup codes in case the authenticator is lost."""

import re
from collections.abc import Iterator
from itertools import islice

import pytest
from django.test import Client as Browser
from django_otp.plugins.otp_static.models import StaticToken

from conftest import authenticator_of, browser_for, next_code, wrong_codes
from managers.models import Authenticator
from managers.test_second_factor import APP, BACKUP, CODE, is_in, set_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def without_app(anna) -> Browser:
    """A browser of Анна, who has entered her password and has no authenticator yet."""
    return browser_for(anna, verified=False)


@pytest.fixture
def codes(without_app) -> list[str]:
    return set_up(without_app)


@pytest.fixture
def wrong(codes) -> Iterator[str]:
    return wrong_codes(Authenticator.objects.get().bin_key)


def test_each_code_works_once(codes, anna):
    for code in codes[:2]:
        browser = browser_for(anna, verified=False)
        assert browser.post(CODE, {"code": code}).status_code == 302
        assert is_in(browser)
        again = browser_for(anna, verified=False)
        assert again.post(CODE, {"code": code}).status_code == 422

    assert "Осталось неиспользованных кодов: <strong>8</strong>" in browser.get(BACKUP).text


def test_codes_are_stored_as_keyed_hashes_per_user(codes, anna, boris):
    stored = repr(StaticToken.objects.values())

    assert not any(code.replace(" ", "") in stored for code in codes)
    authenticator_of(boris)
    assert browser_for(boris, verified=False).post(CODE, {"code": codes[0]}).status_code == 422


def test_codes_are_shown_once(codes, without_app):
    for url in (APP, BACKUP, CODE):
        assert codes[0] not in without_app.get(url, follow=True).text


def test_valid_app_code_replaces_backup_codes(codes, without_app, anna):
    response = without_app.post(BACKUP, {"code": next_code(anna)})

    new = re.findall(r"<li>(\d{5} \d{5})</li>", response.text)
    assert len(set(new) - set(codes)) == 10
    assert browser_for(anna, verified=False).post(CODE, {"code": codes[0]}).status_code == 422
    assert browser_for(anna, verified=False).post(CODE, {"code": new[0]}).status_code == 302


def test_backup_code_or_wrong_code_does_not_replace_them(codes, wrong, without_app):
    responses = [without_app.post(BACKUP, {"code": code}) for code in (codes[0], next(wrong))]

    assert [response.status_code for response in responses] == [422, 422]
    assert StaticToken.objects.count() == 10


def test_replacement_has_the_same_guess_limit(wrong, without_app):
    responses = [without_app.post(BACKUP, {"code": code}) for code in islice(wrong, 6)]

    assert [response.status_code for response in responses] == [422] * 5 + [429]
