"""Rubles: `Decimal` with two places, in figures and in words."""

import re
from decimal import ROUND_HALF_UP, Decimal

from num2words import num2words

from foundation.russian.plurals import plural

KOPECK = Decimal("0.01")
NBSP = "\u00a0"


def round_to_kopecks(amount: Decimal) -> Decimal:
    """Round to whole kopecks, half a kopeck up, as invoices are rounded."""
    return amount.quantize(KOPECK, rounding=ROUND_HALF_UP)


def parse_rubles(text: str) -> Decimal | None:
    """Parse an amount such as «1 500,50 ₽». Return None for an empty text; raise ValueError if it is not an amount."""
    text = re.sub(r"\s|₽|руб\.?", "", text)
    if text and not re.fullmatch(r"[-−–]?[0-9]+([.,][0-9]{1,2})?", text):
        raise ValueError(text[:20])
    return Decimal(re.sub("[−–]", "-", text).replace(",", ".")) if text else None


def format_rubles(amount: Decimal) -> str:
    """Format as «1 000,00 ₽» with non-breaking spaces."""
    whole, kopecks = f"{round_to_kopecks(amount):,.2f}".split(".")
    return f"{whole.replace(',', NBSP)},{kopecks}{NBSP}₽"


def rubles_in_words(amount: Decimal) -> str:
    """Format as «Одна тысяча рублей 00 копеек»: rubles in words, kopecks in figures, as in contracts."""
    amount = round_to_kopecks(amount)
    rubles, kopecks = divmod(int(abs(amount) * 100), 100)
    words = ("минус " if amount < 0 else "") + num2words(rubles, lang="ru", to="cardinal")
    ruble = plural(rubles, "рубль", "рубля", "рублей")
    kopeck = plural(kopecks, "копейка", "копейки", "копеек")
    return f"{words[:1].upper()}{words[1:]} {ruble} {kopecks:02d} {kopeck}"
