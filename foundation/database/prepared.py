"""Queries that nearly every page asks, or every contract: written by the ORM once per process, planned by PostgreSQL
once per connection.

Writing such a query takes the ORM longer than PostgreSQL needs to answer it, and planning it as long as running it.
What differs from page to page is written as a stand-in first, a value that nothing has.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from uuid import UUID

from django.db import NotSupportedError, connection, models
from django.db.backends.postgresql.base import ServerBindingCursor
from psycopg.sql import Literal

ANYBODY = UUID(int=0)


def sql_of(queryset: models.QuerySet, **stand_ins) -> str:
    """SQL of the queryset with %(name)s wherever it has the stand-in of that name."""
    return with_names(*queryset.query.sql_with_params(), **stand_ins)


def with_names(sql: str, parameters: Sequence, **stand_ins) -> str:
    """The same SQL with %(name)s for each parameter that is the stand-in of that name, and the other ones written out.

    They have to be: of a plan for any value, PostgreSQL can't tell that an index for certain values has all the rows.
    """
    names = {value: f"%({name})s" for name, value in stand_ins.items()}
    written = (names.get(value) or Literal(value).as_string().replace("%", "%%") for value in parameters)
    return re.sub("%[s%]", lambda found: next(written) if found[0] == "%s" else found[0], sql)


def rows(sql: str, **values) -> list[tuple]:
    """The rows of SQL from `sql_of`, with the values that belong in the places of the stand-ins."""
    try:
        return _rows(sql, values)
    except NotSupportedError:
        if connection.in_atomic_block:
            raise
        # A column that a plan of before gives has another type now, as after a migration.
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        return _rows(sql, values)


def _rows(sql: str, values: Mapping) -> list[tuple]:
    connection.ensure_connection()
    make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with make(_PreparedCursor(connection.connection)) as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def columns_of(model: type[models.Model], path: str = "") -> list[str]:
    """What a queryset of values has to list for `instance`; `path` leads to the model, such as `client__user`."""
    return [f"{path}__{field.attname}" if path else field.attname for field in model._meta.concrete_fields]


def instance[M: models.Model](model: type[M], row: Sequence) -> M:
    """The object that a row begins with, as a queryset would have loaded it."""
    names = columns_of(model)
    return model.from_db(connection.alias, names, row[: len(names)])


def instances(models: Iterable[type[models.Model]], row: Sequence) -> list[models.Model]:
    """The objects of several models that a row holds, one after another."""
    values = iter(row)
    return [instance(model, list(islice(values, len(columns_of(model))))) for model in models]


class _PreparedCursor(ServerBindingCursor):
    """Prepares what it is asked, on connections that allow it (foundation/database/configuration.py)."""

    def execute(self, query, params=None):
        return super().execute(query, params, prepare=True)
