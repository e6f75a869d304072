from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.russian import money

FIGURES = {
    "0": "0,00 ₽",
    "0.01": "0,01 ₽",
    "1": "1,00 ₽",
    "150.5": "150,50 ₽",
    "999.99": "999,99 ₽",
    "1000": "1 000,00 ₽",
    "12345.6": "12 345,60 ₽",
    "1000000.00": "1 000 000,00 ₽",
    "9999999999.99": "9 999 999 999,99 ₽",
    "1E+3": "1 000,00 ₽",
    "-1234.50": "-1 234,50 ₽",
}

WORDS = {
    "0": "Ноль рублей 00 копеек",
    "0.01": "Ноль рублей 01 копейка",
    "0.02": "Ноль рублей 02 копейки",
    "0.11": "Ноль рублей 11 копеек",
    "1": "Один рубль 00 копеек",
    "1.21": "Один рубль 21 копейка",
    "2": "Два рубля 00 копеек",
    "2.02": "Два рубля 02 копейки",
    "5": "Пять рублей 00 копеек",
    "11": "Одиннадцать рублей 00 копеек",
    "12.12": "Двенадцать рублей 12 копеек",
    "14.14": "Четырнадцать рублей 14 копеек",
    "21": "Двадцать один рубль 00 копеек",
    "22.22": "Двадцать два рубля 22 копейки",
    "25": "Двадцать пять рублей 00 копеек",
    "101": "Сто один рубль 00 копеек",
    "111": "Сто одиннадцать рублей 00 копеек",
    "500": "Пятьсот рублей 00 копеек",
    "512.50": "Пятьсот двенадцать рублей 50 копеек",
    "1000": "Одна тысяча рублей 00 копеек",
    "1001": "Одна тысяча один рубль 00 копеек",
    "2000": "Две тысячи рублей 00 копеек",
    "2002": "Две тысячи два рубля 00 копеек",
    "5000": "Пять тысяч рублей 00 копеек",
    "11000": "Одиннадцать тысяч рублей 00 копеек",
    "21000": "Двадцать одна тысяча рублей 00 копеек",
    "22000": "Двадцать две тысячи рублей 00 копеек",
    "1000000.00": "Один миллион рублей 00 копеек",
    "2000000": "Два миллиона рублей 00 копеек",
    "1234567.89": "Один миллион двести тридцать четыре тысячи пятьсот шестьдесят семь рублей 89 копеек",
    "-1": "Минус один рубль 00 копеек",
    "-1234.50": "Минус одна тысяча двести тридцать четыре рубля 50 копеек",
}

ROUNDING = {
    "0.004": "0.00",
    "0.005": "0.01",
    "0.015": "0.02",
    "0.025": "0.03",
    "12.999": "13.00",
    "999999.995": "1000000",
}


@pytest.mark.parametrize(("amount", "figures"), FIGURES.items())
def test_amount_in_figures(amount, figures):
    assert money.format_rubles(Decimal(amount)) == figures.replace(" ", "\u00a0")


@pytest.mark.parametrize(("amount", "words"), WORDS.items())
def test_amount_in_words(amount, words):
    assert money.rubles_in_words(Decimal(amount)) == words


@pytest.mark.parametrize(("amount", "kopecks"), ROUNDING.items())
def test_half_a_kopeck_is_rounded_up_in_figures_and_in_words(amount, kopecks):
    assert money.format_rubles(Decimal(amount)) == money.format_rubles(Decimal(kopecks))
    assert money.rubles_in_words(Decimal(amount)) == money.rubles_in_words(Decimal(kopecks))


@given(st.decimals(min_value=0, max_value=Decimal("9999999999.99"), places=2))
def test_figures_equal_the_amount(amount):
    digits = money.format_rubles(amount).removesuffix("\u00a0₽").replace("\u00a0", "").replace(",", ".")
    assert Decimal(digits) == amount


@given(st.integers(min_value=0, max_value=10**10), st.integers(min_value=0, max_value=99))
def test_nouns_agree_with_their_numbers(rubles, kopecks):
    words = money.rubles_in_words(Decimal(rubles) + Decimal(kopecks) / 100)
    *_, ruble, figures, kopeck = words.split()
    assert figures == f"{kopecks:02}"
    assert words[0].isupper()
    assert ruble == expected(rubles, "рубль", "рубля", "рублей")
    assert kopeck == expected(kopecks, "копейка", "копейки", "копеек")


def expected(number: int, one: str, few: str, many: str) -> str:
    """The plural form, looked up in a table by the last two digits."""
    forms = [many, one, few, few, few] + [many] * 16
    last = number % 100
    return forms[last] if last <= 20 else forms[last % 10]
