"""Roubles: `Decimal` with two places, in figures and in words."""

import re
from decimal import ROUND_HALF_UP, Decimal

from num2words import num2words

from foundation.russian.plurals import plural

KOPECK = Decimal("0.01")
NBSP = "\u00a0"


def round_to_kopecks(amount: Decimal) -> Decimal:
    """To whole kopecks, half a kopeck up, as invoices are rounded."""
    return amount.quantize(KOPECK, rounding=ROUND_HALF_UP)


def parse_rubles(text: str) -> Decimal | None:
    """«1 500,50 ₽», with a comma or a point, as people write it; None for nothing, ValueError for what is no sum."""
    text = re.sub(r"\s|₽|руб\.?", "", text)
    if text and not re.fullmatch(r"[-−–]?[0-9]+([.,][0-9]{1,2})?", text):
        raise ValueError(text[:20])
    return Decimal(re.sub("[−–]", "-", text).replace(",", ".")) if text else None


def format_rubles(amount: Decimal) -> str:
    """«1 000,00 ₽», with spaces that do not break."""
    whole, kopecks = f"{round_to_kopecks(amount):,.2f}".split(".")
    return f"{whole.replace(',', NBSP)},{kopecks}{NBSP}₽"


def rubles_in_words(amount: Decimal) -> str:
    """«Одна тысяча рублей 00 копеек»: whole roubles in words, kopecks in figures, as contracts write it."""
    amount = round_to_kopecks(amount)
    roubles, kopecks = divmod(int(abs(amount) * 100), 100)
    words = ("минус " if amount < 0 else "") + num2words(roubles, lang="ru", to="cardinal")
    rouble = plural(roubles, "рубль", "рубля", "рублей")
    kopeck = plural(kopecks, "копейка", "копейки", "копеек")
    return f"{words[:1].upper()}{words[1:]} {rouble} {kopecks:02d} {kopeck}"
