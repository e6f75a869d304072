"""SQL of a search: the newest matching clients of a list, and other lists with matches.

A common word is found fastest by reading a list in its order, a rare one by the trigram index. The planner can't tell
them apart (it expects 100 rows where there are 36,000), so both are used in turn: first the newest rows of the list,
then the index for older ones.

Undocumented parts of Django 6.1 that this module depends on; test_newest_found.py checks them:

- `Query.get_compiler(connection=…).compile(query.where)` returns the condition of a queryset as SQL with `%s`, and the
  parameters; columns are qualified by the name of the table;
- it raises `FullResultSet` if the queryset has no condition.
"""

import re
from dataclasses import dataclass

from django.core.exceptions import FullResultSet
from django.db import connection
from django.db.models import Q

from clients.models import Client, ClientQuerySet
from clients.search import index_condition, matches_all_words, words
from foundation.database import prepared

# Newest rows of a list that are read before the index is used: less than ten milliseconds.
NEWEST_ROWS_SCANNED = 8_000
# Newest rows that are read to find out whether another list has matches, and how common the words are.
SAMPLE_SIZE = 1_000
# Rows of a sample that may match the parts of words but not the words: 5,000 rows in a million, read in 20 ms.
MAX_FALSE_MATCHES = 5
# Matches of the index that are checked to find out in which lists they are.
MAX_INDEX_MATCHES_CHECKED = 200
# Phones, contract numbers, postcodes: never common, so only the index is used.
SELECTIVE_WORD = re.compile(r"\d{4}")
TABLE = Client._meta.db_table
NEWEST_FIRST = "ORDER BY created_at DESC, id DESC"


@dataclass(frozen=True)
class ClientListSql:
    """SQL of a list of clients: the ordered list, and the condition for rows of anything with the table's name."""

    ordered_sql: str
    condition: str

    @classmethod
    def from_queryset(cls, rows: ClientQuerySet, **placeholders) -> "ClientListSql":
        """Return the SQL with %(name)s for each placeholder (foundation/database/prepared.py)."""
        ordered_sql = prepared.queryset_sql(rows.newest_first().values("id", "created_at", "search"), **placeholders)
        return cls(ordered_sql, prepared.name_parameters(*_condition(rows), **placeholders))


class SearchSql:
    """SQL of one search. `values` are its parameters; the caller adds the parameters of the lists."""

    def __init__(self, text: str):
        self.values = {}
        self.matches = self._parameterized(matches_all_words("search", text))
        self.parts = self._parameterized(index_condition("search", text, by_parts=True))
        self.whole_words = self._parameterized(index_condition("search", text))
        self.is_selective = any(SELECTIVE_WORD.search(word) for word in words(text))

    def _with_found(self) -> str:
        """WITH clause whose table `found` has all matches of the index, with the columns that conditions of lists need.

        Parts of words, such as «моско», may match many more rows than the words; a sample of all clients shows whether.
        """
        rows = f"SELECT id, created_at, status, manager_id FROM {TABLE} WHERE {self.matches} AND"  # noqa: S608
        sample = f"SELECT search FROM {TABLE} {NEWEST_FIRST} LIMIT {SAMPLE_SIZE}"  # noqa: S608
        # Materialized: combined with an index of the list, the trigram index would be slower.
        return f"""
            WITH sample AS MATERIALIZED (
                SELECT count(*) <= {MAX_FALSE_MATCHES} AS is_by_parts
                FROM ({sample}) AS {TABLE} WHERE {self.parts} AND NOT {self.matches}
            ),
            found AS MATERIALIZED (
                {rows} {self.parts} AND (SELECT is_by_parts FROM sample)
                UNION ALL {rows} {self.whole_words} AND NOT (SELECT is_by_parts FROM sample)
            )
        """  # noqa: S608

    def newest(self, rows: ClientListSql, limit: int) -> str:
        """WITH clause whose last table `newest` has the ids of the newest `limit` matches in `rows`."""
        older = f"SELECT id, created_at FROM found AS {TABLE} WHERE {rows.condition}"  # noqa: S608
        if self.is_selective:
            newest = f"SELECT id FROM ({older} {NEWEST_FIRST} LIMIT {limit}) AS older"  # noqa: S608
            return f"{self._with_found()}, newest AS MATERIALIZED ({newest})"
        return f"""
            {self._with_found()},
            scanned_to AS MATERIALIZED (
                SELECT created_at, id FROM ({rows.ordered_sql} OFFSET {NEWEST_ROWS_SCANNED} LIMIT 1) AS listed
            ),
            newest AS MATERIALIZED (
                ({self._matches_in_newest(rows, NEWEST_ROWS_SCANNED)} LIMIT {limit})
                UNION ALL
                (SELECT id FROM ({older}) AS older
                 WHERE EXISTS (SELECT FROM scanned_to)
                   AND (created_at, id) <= (SELECT created_at, id FROM scanned_to) {NEWEST_FIRST} LIMIT {limit})
                LIMIT {limit}
            )
        """  # noqa: S608  the parts are SQL of the ORM

    def visible_matches(self, visible: ClientListSql) -> str:
        """One more table of the same WITH clause, which `exists_in` needs."""
        limit = MAX_INDEX_MATCHES_CHECKED
        return f"seen AS MATERIALIZED (SELECT * FROM found AS {TABLE} WHERE {visible.condition} LIMIT {limit})"  # noqa: S608

    def exists_in(self, rows: ClientListSql) -> str:
        """SQL condition: `rows` has a match among its newest, or among the checked matches of the index."""
        by_index = f"EXISTS (SELECT FROM seen AS {TABLE} WHERE {rows.condition})"
        return by_index if self.is_selective else f"EXISTS ({self._matches_in_newest(rows, SAMPLE_SIZE)}) OR {by_index}"

    def _matches_in_newest(self, rows: ClientListSql, limit: int) -> str:
        """Ids of the matches among the newest `limit` rows of the list, in its order."""
        return f"SELECT id FROM ({rows.ordered_sql} LIMIT {limit}) AS {TABLE} WHERE {self.matches}"  # noqa: S608

    def _parameterized(self, condition: Q) -> str:
        sql, parameters = _condition(Client.objects.filter(condition))
        names = {f"word_{number}": value for number, value in enumerate(parameters, start=len(self.values))}
        self.values |= names
        return f"({prepared.name_parameters(sql, parameters, **names)})"


def _condition(rows: ClientQuerySet) -> tuple[str, tuple]:
    try:
        return rows.query.get_compiler(connection=connection).compile(rows.query.where)
    except FullResultSet:
        return "TRUE", ()
