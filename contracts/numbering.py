"""Contract numbers such as `ИВ-261123-01`: two letters of the surname, the Moscow day, the day's running number."""

from datetime import date

from django.db import connection


def next_number(surname: str, day: date) -> str:
    """A number that no other contract has; concurrent callers get different ones. A failed issue leaves a gap."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO manager_contract_numbers (day, last) VALUES (%s, 1)"
            " ON CONFLICT (day) DO UPDATE SET last = manager_contract_numbers.last + 1 RETURNING last",
            [day],
        )
        (running,) = cursor.fetchone()
    return f"{surname_letters(surname)}-{day:%y%m%d}-{running:02}"


def surname_letters(surname: str) -> str:
    """The first two letters, upper case; a surname of one letter gives it twice.

    >>> letters("Иванов"), letters("д'Артаньян"), letters("О")
    ('ИВ', 'ДА', 'ОО')
    """
    found = [letter for letter in surname.upper() if letter.isalpha()]
    return "".join((found * 2)[:2]) or "ХХ"
