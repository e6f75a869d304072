"""The ten codes for the day when the app of the second factor is lost."""

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
def fresh(anna) -> Browser:
    """Анна, who has no app yet, after her first password."""
    return browser_for(anna, verified=False)


@pytest.fixture
def codes(fresh) -> list[str]:
    return set_up(fresh)


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


def test_they_are_kept_as_a_keyed_hash_of_this_person(codes, anna, boris):
    kept = repr(StaticToken.objects.values())

    assert not any(code.replace(" ", "") in kept for code in codes)
    authenticator_of(boris)
    assert browser_for(boris, verified=False).post(CODE, {"code": codes[0]}).status_code == 422


def test_they_are_shown_once(codes, fresh):
    for address in (APP, BACKUP, CODE):
        assert codes[0] not in fresh.get(address, follow=True).text


def test_valid_app_code_replaces_backup_codes(codes, fresh, anna):
    answer = fresh.post(BACKUP, {"code": next_code(anna)})

    new = re.findall(r"<li>(\d{5} \d{5})</li>", answer.text)
    assert len(set(new) - set(codes)) == 10
    assert browser_for(anna, verified=False).post(CODE, {"code": codes[0]}).status_code == 422
    assert browser_for(anna, verified=False).post(CODE, {"code": new[0]}).status_code == 302


def test_they_are_not_made_anew_for_a_backup_code_or_a_wrong_one(codes, wrong, fresh):
    answers = [fresh.post(BACKUP, {"code": code}) for code in (codes[0], next(wrong))]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert StaticToken.objects.count() == 10


def test_they_are_guessed_under_the_same_limit(wrong, fresh):
    answers = [fresh.post(BACKUP, {"code": code}) for code in islice(wrong, 6)]

    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
