"""Roubles: `Decimal` with two places, in figures and in words."""

from decimal import Decimal

from num2words import num2words

KOPECK = Decimal("0.01")
NBSP = "\u00a0"


def in_figures(amount: Decimal) -> str:
    """«1 000,00 ₽», with spaces that do not break."""
    whole, kopecks = f"{amount:,.2f}".split(".")
    return f"{whole.replace(',', NBSP)},{kopecks}{NBSP}₽"


def in_words(amount: Decimal) -> str:
    """«Одна тысяча рублей 00 копеек»: whole roubles in words, kopecks in figures, as contracts write it."""
    roubles, kopecks = divmod(int((amount / KOPECK).to_integral_value()), 100)
    words = num2words(roubles, lang="ru", to="cardinal")
    in_roubles = f"{words[:1].upper()}{words[1:]} {_plural(roubles, 'рубль', 'рубля', 'рублей')}"
    return f"{in_roubles} {kopecks:02d} {_plural(kopecks, 'копейка', 'копейки', 'копеек')}"


def _plural(number: int, one: str, few: str, many: str) -> str:
    if number % 10 == 1 and number % 100 != 11:
        return one
    return few if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else many
