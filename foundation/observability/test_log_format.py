import logging

import pytest
from django.db import IntegrityError, transaction

from clients.models import AppUser
from foundation.observability.log_format import RedactingFormatter


def formatted(error: Exception) -> str:
    record = logging.LogRecord("privet", logging.ERROR, "", 0, "refused: %s", (error,), (type(error), error, None))
    return RedactingFormatter("{levelname} {message}", style="{").format(record)


def test_row_values_of_a_database_error_are_redacted(make):
    make.user(phone="9771234567")
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        make.user(phone="9771234567")
    assert "9771234567" in str(refused.value)

    text = formatted(refused.value)

    assert "9771234567" not in text
    assert "users_phone_key" in text


def test_row_values_with_several_lines_are_redacted(make):
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        AppUser.objects.create(phone="9771234567", name=None, address="ул. Лесная\n\nкв. 12")
    assert "кв. 12" in str(refused.value)

    assert "кв. 12" not in formatted(refused.value)


def test_other_lines_are_unchanged():
    assert formatted(ValueError("first\nsecond")) == "ERROR refused: first\nsecond\nValueError: first\nsecond"
