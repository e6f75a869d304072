"""How a search is read. The text searched is a column of `manager_clients` that triggers keep (see its migration):
name, phone, e-mail, addresses and contract numbers, in lower case, with ё as е.
"""

import re
import unicodedata

from django.core.exceptions import FullResultSet
from django.db import connection
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan

MAX_LENGTH = 100
PHONE_LIKE = re.compile(r"[\d\s()+.\-–—]*\d[\d\s()+.\-–—]*")
PUNCTUATION = ".,;:!?«»\"'()"
# How many of the newest rows of a list are read before the index is asked: about ten milliseconds.
WALKED = 8_000
# Phones, contract numbers, postcodes: never common, so the index is asked at once.
RARE = re.compile(r"\d{4}")


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
    found, wanted = Q(), words(text)
    telling = [word for word in wanted if len(word) > 2 or word.isdigit()]
    for word in wanted:
        # «ул», «г»: asking the index for these too takes longer than it saves.
        if telling and word not in telling:
            found &= Q(GreaterThan(StrIndex(column, Value(f" {word}")), 0))
            continue
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


def newest(rows: QuerySet, text: str, most: int) -> tuple[str, list]:
    """SQL that begins with WITH, and its values: `found` are the clients in whose text every word of `text` occurs, of
    whatever list, with what lists go by; `newest` are the ids of the newest `most` of `rows` among them.

    A common word is found soonest by reading the list in its order, a rare one by the trigram index. The planner can't
    tell them apart (it expects 100 rows where there are 36,000), so both are tried in turn: the newest rows of the
    list first, and the index only for what is older than those.
    """
    table = rows.model._meta.db_table
    wanted = rows.model._base_manager.filter(match("search", text))
    found, found_values = _sql(wanted.values("id", "created_at", "status", "manager_id"))
    belongs, belongs_values = condition(rows)
    order = f"ORDER BY created_at DESC, id DESC LIMIT {most}"
    # Materialized: combined with an index of the list, the trigram index would be slower.
    found = f"found AS MATERIALIZED ({found})"
    older = f"SELECT id, created_at FROM found AS {table} WHERE {belongs}"  # noqa: S608
    if any(RARE.search(word) for word in words(text)):
        sql = f"WITH {found}, newest AS MATERIALIZED (SELECT id FROM ({older} {order}) AS older)"  # noqa: S608
        return sql, [*found_values, *belongs_values]
    newest_first = rows.order_by("-created_at", "-id")
    near, near_values = _sql(newest_first.values("id", "search")[:WALKED])
    edge, edge_values = _sql(newest_first.values("id", "created_at")[WALKED : WALKED + 1])
    matches, matches_values = condition(wanted)
    sql = f"""
        WITH {found}, edge AS MATERIALIZED ({edge}), newest AS MATERIALIZED (
            (SELECT id FROM ({near}) AS {table} WHERE {matches} LIMIT {most})
            UNION ALL
            (SELECT id FROM ({older}) AS older
             WHERE (SELECT true FROM edge) AND (created_at, id) <= (SELECT created_at, id FROM edge) {order})
            LIMIT {most}
        )
    """  # noqa: S608  the ORM wrote the parts
    return sql, [*found_values, *edge_values, *near_values, *matches_values, *belongs_values]


def condition(rows: QuerySet) -> tuple[str, tuple]:
    """What `rows` are filtered by, as SQL over anything that is called as their table, and its values."""
    try:
        return rows.query.get_compiler(connection=connection).compile(rows.query.where)
    except FullResultSet:
        return "TRUE", ()


def _sql(rows: QuerySet) -> tuple[str, tuple]:
    return rows.query.sql_with_params()
