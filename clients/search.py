"""How a search is read. The text searched is a column of `manager_clients` that triggers keep (see its migration):
name, phone, e-mail, addresses and contract numbers, in lower case, with ё as е.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import and_, or_

from django.db.models import Q, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan

MAX_LENGTH = 100
PHONE_LIKE = re.compile(r"[\d\s()+.\-–—]*\d[\d\s()+.\-–—]*")
PUNCTUATION = ".,;:!?«»\"'()"
PREFIX_LENGTH = 5  # characters


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
    index_parts = [text] if PHONE_LIKE.fullmatch(text) else text.split()
    found = [national_digits(part) if PHONE_LIKE.fullmatch(part) else part.strip(PUNCTUATION) for part in index_parts]
    return [word for word in found if word]


def national_digits(number: str) -> str:
    """The digits of what may be a phone number or a part of one, without +7 or 8 when it has them for sure."""
    digits = re.sub(r"\D", "", number)
    if number.startswith("+7") or (len(digits) == 11 and digits[0] in "78"):
        return digits[1:]
    return digits


def matches_all_words(column: str, text: str) -> Q:
    """The condition that every word of `text` occurs in `column`."""
    every = Q()
    for ways in _variants(sorted(words(text), key=len, reverse=True), text):  # the rarest first
        every &= _any(Q(GreaterThan(StrIndex(column, Value(way)), 0)) for way in ways)
    return every


def index_condition(column: str, text: str, by_parts: bool = False) -> Q:
    """What all that matches fulfils, for a trigram index; by parts of words it answers sooner, with others among it."""
    wanted = words(text)
    # «ул», «г»: asking the index for these too takes longer than it saves.
    telling = [word for word in wanted if len(word) > 2 or word.isdigit()]
    every = Q()
    for ways in _variants(telling or wanted, text):
        asked = [index_parts(way) if by_parts else [way] for way in ways]
        every &= _any(reduce(and_, (Q(**{f"{column}__contains": part}) for part in all_of)) for all_of in asked)
    return every


def index_parts(way: str) -> list[str]:
    """The beginnings of the words, and the numbers, that a word consists of.

    The index reads the rows of every trigram. Those of endings, and of where two words meet, are in half of all rows.

    >>> parts("октябрьская"), parts("ivanov1985@mail.e"), parts("ми-261123-1002"), parts(" ул")
    (['октяб'], ['ivano', '1985', 'mail'], ['261123', '1002'], [' ул'])
    """
    found = re.findall(r"\d{3,}|[^\W\d_]{3,}", way)
    return [piece if piece.isdigit() else piece[:PREFIX_LENGTH] for piece in found] or [way]


def _variants(wanted: list[str], text: str) -> Iterator[list[str]]:
    """What each of the words of `text` may be meant to find."""
    number = fold(text[:MAX_LENGTH]).strip()
    for word in wanted:
        # A trigram index finds nothing shorter than three characters, except at the start of a word.
        ways = [word if len(word) > 2 else f" {word}"]
        if re.fullmatch(r"[78]\d{3,9}", word):  # a phone number that is still being typed
            ways.append(word[1:])
        if re.fullmatch(r"\d+-\d+", number):  # the digits of a contract's number, typed without its letters
            ways.append(number)
        yield ways


def _any(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions)
