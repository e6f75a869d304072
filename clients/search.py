"""How a search is read. The text searched is a column of `manager_clients` that triggers keep (see its migration):
name, phone, e-mail, addresses and contract numbers, in lower case, with ё as е.
"""

import re

from django.db.models import Q

MAX_LENGTH = 100
PHONE_LIKE = re.compile(r"[\d\s()+.\-–—]+")


def fold(text: str) -> str:
    """The form in which text is stored and looked for. Must equal SQL's privet_fold()."""
    return text.lower().replace("ё", "е")


def words(text: str) -> list[str]:
    """The words of a query, folded; what holds nothing but phone punctuation and digits becomes one run of digits.

    >>> words("Иванов Пётр"), words("+7(977)123-23-23"), words("977 123")
    (['иванов', 'петр'], ['9771232323'], ['977123'])
    """
    text = fold(text[:MAX_LENGTH].replace("\x00", " ")).strip()
    digits = re.sub(r"\D", "", text)
    if not PHONE_LIKE.fullmatch(text) or not digits:
        return text.split()
    national = digits.removeprefix("7") if text.startswith("+7") else digits
    return [national[1:] if len(national) == 11 and national[0] in "78" else national]


def match(column: str, text: str) -> Q:
    """The condition that every word of `text` occurs in `column`."""
    found = Q()
    for word in words(text):
        # A trigram index finds nothing shorter than three characters, except at the start of a word.
        found &= Q(**{f"{column}__contains": word if len(word) > 2 else f" {word}"})
    number = fold(text[:MAX_LENGTH]).strip()
    if re.fullmatch(r"\d+-\d+", number):  # the digits of a contract's number, typed without its letters
        found |= Q(**{f"{column}__contains": number})
    return found
