"""One-time codes: hashes, attempts, expiry, and when the next one may be requested. An instance of a real model."""

from datetime import timedelta

import pytest
from django.utils import timezone

from contracts.models import SigningCode
from messaging import codes
from messaging.codes import CODE_LIFETIME, CODE_RESEND_DELAY, HOUR, MAX_ATTEMPTS_PER_CODE, MAX_CODES_PER_HOUR

NOW = timezone.now()


@pytest.fixture
def code() -> SigningCode:
    code = SigningCode(pdf_sha256="a" * 64, sent_at=NOW, expires_at=NOW + CODE_LIFETIME)
    code.set_digits("012345")
    return code


@pytest.mark.parametrize("text", ["012345", "012 345", "012-345", " 0 1 2 3 4 5 ", "код 012345"])
def test_digits_match_with_any_separators(code, text):
    assert code.matches(text)


@pytest.mark.parametrize("text", ["", "12345", "0123456", "012346", "O12345", "٠١٢٣٤٥"])
def test_other_text_does_not_match(code, text):
    assert not code.matches(text)


def test_code_is_bound_to_its_purpose_and_its_row(code, settings):
    assert "012345" not in code.code_hash
    code.pdf_sha256 = "b" * 64
    assert not code.matches("012345")
    code.pdf_sha256 = "a" * 64
    assert code.matches("012345")

    settings.CONTRACT_SIGNATURE_SECRET = "another secret"
    assert not code.matches("012345")


def test_same_digits_have_another_hash_in_another_code(code):
    other = SigningCode(pdf_sha256="a" * 64)
    other.set_digits("012345")
    assert other.code_hash != code.code_hash


def test_usable_until_it_expires_is_used_or_has_no_attempts_left(code):
    assert code.is_usable(NOW)
    assert code.is_usable(code.expires_at - timedelta(microseconds=1))
    assert not code.is_usable(code.expires_at)
    code.failed_tries = MAX_ATTEMPTS_PER_CODE - 1
    assert (code.is_usable(NOW), code.attempts_left) == (True, 1)
    code.failed_tries = MAX_ATTEMPTS_PER_CODE + 1
    assert (code.is_usable(NOW), code.attempts_left) == (False, 0)
    code.failed_tries, code.used_at = 0, NOW
    assert not code.is_usable(NOW)


def test_new_digits_are_six_and_differ(monkeypatch):
    assert len({codes.new_digits() for _ in range(20)}) > 10
    monkeypatch.setattr(codes.secrets, "randbelow", lambda below: below // 10**5 - 3)
    assert codes.new_digits() == "000007"
    assert codes.split_digits("000007") == "000 007"


def sent(*ages: timedelta) -> list[SigningCode]:
    return [SigningCode(sent_at=NOW - age) for age in ages]


def test_next_code_at():
    assert codes.next_code_at([], NOW) == NOW
    assert codes.next_code_at(sent(timedelta()), NOW) == NOW + CODE_RESEND_DELAY
    many = [timedelta(minutes=minutes) for minutes in (2, 3, 4, 5, 6)]
    assert len(many) == MAX_CODES_PER_HOUR
    assert codes.next_code_at(sent(*many[1:]), NOW) < NOW
    assert codes.next_code_at(sent(*many), NOW) == NOW - many[-1] + HOUR
