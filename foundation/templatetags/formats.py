"""Formats of values on our pages and in documents; built in to every template."""

import re
from datetime import date
from decimal import Decimal

from django import template

from foundation.russian import money

register = template.Library()

MONTHS = "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь".split()


@register.filter
def rubles(amount: Decimal | None) -> str:
    """1000 → «1 000,00 ₽»."""
    return "" if amount is None else money.format_rubles(amount)


@register.filter
def rubles_in_words(amount: Decimal) -> str:
    return money.rubles_in_words(amount)


@register.filter
def phone(digits: str) -> str:
    """9771232323 → «+7 (977) 123-23-23»; anything but ten digits is returned unchanged.

    A number that starts with 0 is not a phone: erasure writes such numbers to the accounts of erased clients.
    """
    if not (digits and len(digits) == 10 and digits.isdigit()):
        return digits or ""
    if digits.startswith("0"):
        return "—"
    return f"+7 ({digits[:3]}) {digits[3:6]}-{digits[6:8]}-{digits[8:]}"


@register.filter
def tel(phone: str) -> str:
    """9771232323, +7 977 123-23-23 and 8 977 123-23-23 → «+79771232323», for a `tel:` link.

    Returns "" for a number that nobody can call.
    """
    text = phone or ""
    digits = re.sub(r"[^0-9]", "", text)
    if len(digits) == 10 and digits.startswith("0"):  # see phone()
        return ""
    if text.lstrip().startswith("+"):
        return f"+{digits}"
    if len(digits) == 11 and digits[0] in "78":
        digits = digits[1:]
    return f"+7{digits}" if len(digits) == 10 else digits


@register.filter
def initials(name: str) -> str:
    """«Иванов Пётр Сергеевич» → «ИП»."""
    return "".join(word[0] for word in name.split()[:2]).upper()


@register.filter
def month(day: date | None) -> str:
    """2026-11-01 → «ноябрь 2026»."""
    return f"{MONTHS[day.month - 1]} {day.year}" if day else ""


@register.filter
def passport_number(digits: str) -> str:
    """4613348353 → «46 13 348353»."""
    return f"{digits[:2]} {digits[2:4]} {digits[4:]}" if len(digits) == 10 else digits


@register.filter
def one_line(text: str) -> str:
    """Join the lines of a text: «Объём 180 л; цвет белый»."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
