"""Check digits of Russian company and bank details, which find most typing errors."""

import re

INN_WEIGHTS = (2, 4, 10, 3, 5, 9, 4, 6, 8)
INN_12_WEIGHTS = ((7, *INN_WEIGHTS), (3, 7, *INN_WEIGHTS))
ACCOUNT_WEIGHTS = (7, 1, 3) * 8


def is_inn(text: str) -> bool:
    """Whether `text` is a taxpayer number: 10 digits of a company, or 12 of a sole trader (order SAE-3-09/539@)."""
    if re.fullmatch(r"[0-9]{10}", text):
        return _check_digit(text, INN_WEIGHTS) == text[9]
    if re.fullmatch(r"[0-9]{12}", text):
        return all(_check_digit(text, weights) == text[len(weights)] for weights in INN_12_WEIGHTS)
    return False


def is_kpp(text: str) -> bool:
    """Whether `text` is a code of the reason for registration: 9 characters, without check digits."""
    return re.fullmatch(r"[0-9]{4}[0-9A-Z]{2}[0-9]{3}", text) is not None


def is_ogrn(text: str) -> bool:
    """Whether `text` is a registration number: 13 digits of a company, or 15 of a sole trader (order 74н)."""
    if not re.fullmatch(r"[0-9]{13}|[0-9]{15}", text):
        return False
    return str(int(text[:-1]) % (len(text) - 2))[-1] == text[-1]


def is_bik(text: str) -> bool:
    """Whether `text` is a bank identifier of Russia (Bank of Russia, regulation 732-П)."""
    return re.fullmatch(r"04[0-9]{7}", text) is not None


def is_account(text: str, bik: str) -> bool:
    """Whether `text` is a settlement account at the bank (Bank of Russia, order 515 of 8 September 1997)."""
    return is_bik(bik) and re.fullmatch(r"[0-9]{20}", text) is not None and _has_account_key(bik[-3:] + text)


def is_correspondent_account(text: str, bik: str) -> bool:
    """Whether `text` is the correspondent account of the bank at the Bank of Russia."""
    return is_bik(bik) and re.fullmatch(r"301[0-9]{17}", text) is not None and _has_account_key("0" + bik[4:6] + text)


def _check_digit(text: str, weights: tuple[int, ...]) -> str:
    total = sum(weight * int(digit) for weight, digit in zip(weights, text, strict=False))
    return str(total % 11 % 10)


def _has_account_key(digits: str) -> bool:
    products = (weight * int(digit) for weight, digit in zip(ACCOUNT_WEIGHTS, digits, strict=False))
    return sum(products) % 10 == 0
