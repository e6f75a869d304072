"""Prepared statements for queries of nearly every page: session, list, counts.

The ORM compiles them once per process; PostgreSQL prepares them once per connection.
Compiling such a query takes longer than answering it (`bench/tricks.py` prints how long). Values that differ from
request to request are compiled as placeholders: values that no row has.

Undocumented parts of Django 6.1 that this module depends on, each checked by test_prepared.py:

- `Query.sql_with_params()` returns SQL with `%s` for each parameter, and the parameters;
- `CursorWrapper.cursor` is the psycopg cursor that runs the statements, and can be replaced;
- `connection.connection` is the psycopg connection.
"""

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

import psycopg
from django.db import NotSupportedError, connection, models
from psycopg.sql import Literal

PLACEHOLDER_ID = UUID(int=0)


def queryset_sql(queryset: models.QuerySet, **placeholders) -> str:
    """SQL of the queryset with %(name)s for each value that is the placeholder of that name."""
    return name_parameters(*queryset.query.sql_with_params(), **placeholders)


def name_parameters(sql: str, parameters: Sequence, **placeholders) -> str:
    """SQL with %(name)s for each parameter that is the placeholder of that name, and the other parameters inlined.

    Constants must be inlined: planning for any value, PostgreSQL does not use a partial index.
    """
    names = {value: f"%({name})s" for name, value in placeholders.items()}
    texts = (names.get(value) or Literal(value).as_string().replace("%", "%%") for value in parameters)
    return re.sub("%[s%]", lambda match: next(texts) if match[0] == "%s" else match[0], sql)


def fetch_rows(sql: str, **values) -> list[tuple]:
    """Rows of SQL from `queryset_sql`, with a value for each placeholder."""
    try:
        return _execute(sql, values)
    except NotSupportedError:
        if connection.in_atomic_block:
            raise
        # A migration changed the type of a column since the statement was prepared.
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        return _execute(sql, values)


def _execute(sql: str, values: Mapping) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.cursor = _PreparingCursor(connection.connection)
        cursor.execute(sql, values)
        return cursor.fetchall()


class _PreparingCursor(psycopg.Cursor):
    """Prepares each statement, on connections that allow it (foundation/database/configuration.py)."""

    def execute(self, query, params=None):
        return super().execute(query, params, prepare=True)


def column_names(model: type[models.Model], path: str = "") -> list[str]:
    """Columns that `build_instance` needs, for `values_list`; `path` leads to the model, such as `client__user`."""
    return [f"{path}__{field.attname}" if path else field.attname for field in model._meta.concrete_fields]


def build_instance[M: models.Model](model: type[M], row: Sequence) -> M:
    """Model instance from the first columns of a row, as a queryset would load it."""
    names = column_names(model)
    return model.from_db(connection.alias, names, row[: len(names)])
