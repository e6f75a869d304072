"""Contract numbers such as `ИВ-261123-01`: two letters of the surname, the Moscow day, the day's running number."""

from datetime import date

from django.db import connection


def next_number(surname: str, day: date) -> str:
    """Return the next contract number, unique under concurrency. A failed issue leaves a gap."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO manager_contract_numbers (day, last) VALUES (%s, 1)"
            " ON CONFLICT (day) DO UPDATE SET last = manager_contract_numbers.last + 1 RETURNING last",
            [day],
        )
        (running,) = cursor.fetchone()
    return f"{surname_letters(surname)}-{day:%y%m%d}-{running:02}"


def surname_letters(surname: str) -> str:
    """Return the first two letters in upper case; the letter of a one-letter surname is doubled.

    >>> surname_letters("Иванов"), surname_letters("д'Артаньян"), surname_letters("О")
    ('ИВ', 'ДА', 'ОО')
    """
    letters = [letter for letter in surname.upper() if letter.isalpha()]
    return "".join((letters * 2)[:2]) or "ХХ"
