"""How a search is answered: SQL for the newest clients of a list that it finds, and for where else it finds somebody.

A common word is found soonest by reading a list in its order, a rare one by the trigram index. The planner can't tell
them apart (it expects 100 rows where there are 36,000), so both are tried in turn: the newest rows of the list first,
and the index only for what is older than those.
"""

import re
from dataclasses import dataclass

from django.core.exceptions import FullResultSet
from django.db import connection
from django.db.models import Q

from clients.models import Client, ClientQuerySet
from clients.search import index_condition, matches_all_words, words
from foundation.database import prepared

# How many of the newest rows of a list are read before the index is asked: less than ten milliseconds.
WALKED = 8_000
# The same to tell whether somebody is in another list, and how common words are.
SAMPLED = 1_000
# So many of a sample may have the parts of words but not the words: five thousand rows in a million, read in 20 ms.
IN_VAIN = 5
# How many of those that the index finds are looked at to tell in which lists they are.
LOOKED_AT = 200
# Phones, contract numbers, postcodes: never common, so the index is asked at once.
RARE = re.compile(r"\d{4}")
TABLE = Client._meta.db_table
NEWEST_FIRST = "ORDER BY created_at DESC, id DESC"


@dataclass(frozen=True)
class Rows:
    """SQL of a list of clients: the list in its order; what holds of those in it, over anything called as the table."""

    listed: str
    condition: str

    @classmethod
    def of(cls, rows: ClientQuerySet, **stand_ins) -> "Rows":
        """With %(name)s wherever `rows` have the stand-in of that name (foundation/database/prepared.py)."""
        listed = prepared.queryset_sql(rows.newest_first().values("id", "created_at", "search"), **stand_ins)
        return cls(listed, prepared.name_parameters(*_condition(rows), **stand_ins))


class Search:
    """SQL of one search, and `values` by their names in it; those of the lists come from the caller."""

    def __init__(self, text: str):
        self.values = {}
        self.matches = self._named(matches_all_words("search", text))
        self.parts = self._named(index_condition("search", text, by_parts=True))
        self.whole = self._named(index_condition("search", text))
        self.is_rare = any(RARE.search(word) for word in words(text))

    def _found(self) -> str:
        """WITH, and as its table `found`: all that the index finds, of whatever list, with what lists go by.

        Parts of words, such as «моско», may be in many more rows than the words are; a sample of all clients tells.
        """
        rows = f"SELECT id, created_at, status, manager_id FROM {TABLE} WHERE {self.matches} AND"  # noqa: S608
        sample = f"SELECT search FROM {TABLE} {NEWEST_FIRST} LIMIT {SAMPLED}"  # noqa: S608
        # Materialized: combined with an index of the list, the trigram index would be slower.
        return f"""
            WITH sample AS MATERIALIZED (
                SELECT count(*) <= {IN_VAIN} AS is_by_parts
                FROM ({sample}) AS {TABLE} WHERE {self.parts} AND NOT {self.matches}
            ),
            found AS MATERIALIZED (
                {rows} {self.parts} AND (SELECT is_by_parts FROM sample)
                UNION ALL {rows} {self.whole} AND NOT (SELECT is_by_parts FROM sample)
            )
        """  # noqa: S608

    def newest(self, rows: Rows, most: int) -> str:
        """WITH, and as its last table `newest`: the ids of the newest `most` of `rows` that are found."""
        older = f"SELECT id, created_at FROM found AS {TABLE} WHERE {rows.condition}"  # noqa: S608
        if self.is_rare:
            newest = f"SELECT id FROM ({older} {NEWEST_FIRST} LIMIT {most}) AS older"  # noqa: S608
            return f"{self._found()}, newest AS MATERIALIZED ({newest})"
        return f"""
            {self._found()},
            walked_to AS MATERIALIZED (
                SELECT created_at, id FROM ({rows.listed} OFFSET {WALKED} LIMIT 1) AS listed
            ),
            newest AS MATERIALIZED (
                ({self._among(rows, WALKED)} LIMIT {most})
                UNION ALL
                (SELECT id FROM ({older}) AS older
                 WHERE EXISTS (SELECT FROM walked_to)
                   AND (created_at, id) <= (SELECT created_at, id FROM walked_to) {NEWEST_FIRST} LIMIT {most})
                LIMIT {most}
            )
        """  # noqa: S608  the ORM wrote the parts

    def seen(self, visible: Rows) -> str:
        """A further table of the same WITH, which `has_any` needs."""
        return f"seen AS MATERIALIZED (SELECT * FROM found AS {TABLE} WHERE {visible.condition} LIMIT {LOOKED_AT})"  # noqa: S608

    def has_any(self, rows: Rows) -> str:
        """Whether anybody of `rows` is found, going by the newest of them and by some of what the index finds."""
        by_index = f"EXISTS (SELECT FROM seen AS {TABLE} WHERE {rows.condition})"
        return by_index if self.is_rare else f"EXISTS ({self._among(rows, SAMPLED)}) OR {by_index}"

    def _among(self, rows: Rows, most: int) -> str:
        """Those who match among the newest `most` of the list, in its order."""
        return f"SELECT id FROM ({rows.listed} LIMIT {most}) AS {TABLE} WHERE {self.matches}"  # noqa: S608

    def _named(self, wanted: Q) -> str:
        sql, parameters = _condition(Client.objects.filter(wanted))
        names = {f"word_{place}": value for place, value in enumerate(parameters, start=len(self.values))}
        self.values |= names
        return f"({prepared.name_parameters(sql, parameters, **names)})"


def _condition(rows: ClientQuerySet) -> tuple[str, tuple]:
    try:
        return rows.query.get_compiler(connection=connection).compile(rows.query.where)
    except FullResultSet:
        return "TRUE", ()
