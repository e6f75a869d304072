"""Search queries: words and conditions on the search text of a client.

The search text is a column of `manager_clients` that triggers maintain (clients/sql/search_text.sql): name, phone,
e-mail, addresses and contract numbers, in lower case, with ё as е.
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
    """Normalize text for search. Must equal the SQL function privet_fold()."""
    return text.lower().replace("ё", "е")


def words(text: str) -> list[str]:
    """Return the folded words of a query. A phone number in any notation is one word: its ten digits.

    >>> words("Иванов, Пётр"), words("+7(977)123-23-23"), words("977 123"), words("Иванов 8-977-123-23-23")
    (['иванов', 'петр'], ['9771232323'], ['977123'], ['иванов', '9771232323'])
    """
    # Some keyboards type й and ё as two code points.
    text = fold(unicodedata.normalize("NFC", text[:MAX_LENGTH]).replace("\x00", " ")).strip()
    parts = [text] if PHONE_LIKE.fullmatch(text) else text.split()
    found = [national_digits(part) if PHONE_LIKE.fullmatch(part) else part.strip(PUNCTUATION) for part in parts]
    return [word for word in found if word]


def national_digits(number: str) -> str:
    """Return the digits of a phone number or a part of one, without the prefix +7 or 8 if it certainly has one."""
    digits = re.sub(r"\D", "", number)
    if number.startswith("+7") or (len(digits) == 11 and digits[0] in "78"):
        return digits[1:]
    return digits


def matches_all_words(column: str, text: str) -> Q:
    """Return the condition that `column` contains every word of `text`."""
    condition = Q()
    for variants in _variants(sorted(words(text), key=len, reverse=True), text):  # the rarest first
        condition &= _any(Q(GreaterThan(StrIndex(column, Value(variant)), 0)) for variant in variants)
    return condition


def index_condition(column: str, text: str, by_parts: bool = False) -> Q:
    """Return a condition that every match fulfils and that a trigram index can answer.

    With `by_parts`, the index looks for parts of words: it is faster, but has false matches.
    """
    all_words = words(text)
    # «ул», «г»: looking these up in the index takes longer than it saves.
    indexable = [word for word in all_words if len(word) > 2 or word.isdigit()]
    condition = Q()
    for variants in _variants(indexable or all_words, text):
        alternatives = [index_parts(variant) if by_parts else [variant] for variant in variants]
        condition &= _any(
            reduce(and_, (Q(**{f"{column}__contains": part}) for part in parts)) for parts in alternatives
        )
    return condition


def index_parts(text: str) -> list[str]:
    """Return the prefixes of the words and the numbers that a searched word consists of.

    The index reads the rows of every trigram, and trigrams of word endings and word boundaries are in half of all rows.

    >>> index_parts("октябрьская"), index_parts("ivanov1985@mail.e"), index_parts("ми-261123-1002"), index_parts(" ул")
    (['октяб'], ['ivano', '1985', 'mail'], ['261123', '1002'], [' ул'])
    """
    found = re.findall(r"\d{3,}|[^\W\d_]{3,}", text)
    return [piece if piece.isdigit() else piece[:PREFIX_LENGTH] for piece in found] or [text]


def _variants(words: list[str], text: str) -> Iterator[list[str]]:
    """For each of `words`, yield the strings that it may stand for in the query `text`."""
    number = fold(text[:MAX_LENGTH]).strip()
    for word in words:
        # A trigram index finds nothing shorter than three characters, except at the start of a word.
        variants = [word if len(word) > 2 else f" {word}"]
        if re.fullmatch(r"[78]\d{3,9}", word):  # an incomplete phone number
            variants.append(word[1:])
        if re.fullmatch(r"\d+-\d+", number):  # a contract number without its letters
            variants.append(number)
        yield variants


def _any(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions)
