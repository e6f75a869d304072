"""How a search is read. The text searched is a column of `manager_clients` that triggers keep (see its migration):
name, phone, e-mail, addresses and contract numbers, in lower case, with ё as е.
"""

import re
import unicodedata

from django.db.models import Q

MAX_LENGTH = 100
PHONE_LIKE = re.compile(r"[\d\s()+.\-–—]*\d[\d\s()+.\-–—]*")
PUNCTUATION = ".,;:!?«»\"'()"


def fold(text: str) -> str:
    """The form in which text is stored and looked for. Must equal SQL's privet_fold()."""
    return text.lower().replace("ё", "е")


def words(text: str) -> list[str]:
    """The words of a query, folded; a phone number, however it is written, is one word: its ten digits.

    >>> words("Иванов, Пётр"), words("+7(977)123-23-23"), words("977 123"), words("Иванов 8-977-123-23-23")
    (['иванов', 'петр'], ['9771232323'], ['977123'], ['иванов', '9771232323'])
    """
    # Some keyboards write й and ё as two characters.
    text = fold(unicodedata.normalize("NFC", text[:MAX_LENGTH]).replace("\x00", " ")).strip()
    parts = [text] if PHONE_LIKE.fullmatch(text) else text.split()
    found = [national(part) if PHONE_LIKE.fullmatch(part) else part.strip(PUNCTUATION) for part in parts]
    return [word for word in found if word]


def national(number: str) -> str:
    """The digits of what may be a phone number or a part of one, without +7 or 8 when it has them for sure."""
    digits = re.sub(r"\D", "", number)
    if number.startswith("+7") or (len(digits) == 11 and digits[0] in "78"):
        return digits[1:]
    return digits


def match(column: str, text: str) -> Q:
    """The condition that every word of `text` occurs in `column`."""
    found = Q()
    for word in words(text):
        here = _contains(column, word)
        if re.fullmatch(r"[78]\d{3,9}", word):  # a phone number that is still being typed
            here |= _contains(column, word[1:])
        found &= here
    number = fold(text[:MAX_LENGTH]).strip()
    if re.fullmatch(r"\d+-\d+", number):  # the digits of a contract's number, typed without its letters
        found |= _contains(column, number)
    return found


def _contains(column: str, word: str) -> Q:
    # A trigram index finds nothing shorter than three characters, except at the start of a word.
    return Q(**{f"{column}__contains": word if len(word) > 2 else f" {word}"})
