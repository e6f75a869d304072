"""Model fields for column types of the tables of «Привет Супер»."""

from datetime import UTC

from django.db import models
from django.db.models.lookups import Exact, In


class LabelField(models.CharField):
    """A column of labels: a native enum in one version of the app, text in another.

    Lookups compare the label. Comparing an enum could use a cast that the owner of its type defines: code of the app.
    """


class _ComparedAsText:
    def process_lhs(self, compiler, connection, lhs=None):
        sql, params = super().process_lhs(compiler, connection, lhs)
        return f"concat({sql})", params


@LabelField.register_lookup
class LabelExact(_ComparedAsText, Exact):
    pass


@LabelField.register_lookup
class LabelIn(_ComparedAsText, In):
    pass


class PgEnumField(LabelField):
    """A column of the native PostgreSQL enum type `enum`, read and written as text.

    Unknown labels are returned unchanged.
    """

    def __init__(self, *args, enum: str, **kwargs):
        self.enum = enum
        super().__init__(*args, **kwargs)

    def db_type(self, connection) -> str:
        return self.enum

    def cast_db_type(self, connection) -> str:
        return self.enum

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"enum": self.enum}


class BoundedTextField(models.TextField):
    """A column of the app that may be of any length. Queries read the first `max_read` characters and compare all.

    Undocumented part of Django 6.1 that this field depends on: `select_format` changes the SQL of a selected column
    (test_bounded_reading.py).
    """

    def __init__(self, *args, max_read: int, **kwargs):
        self.max_read = max_read
        super().__init__(*args, **kwargs)

    def select_format(self, compiler, sql, params):
        return f"LEFT({sql}, {self.max_read})", params

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"max_read": self.max_read}


class NaiveUtcDateTimeField(models.DateTimeField):
    """A `timestamp without time zone` column that holds UTC. Values in Python are aware datetimes."""

    def db_type(self, connection) -> str:
        return "timestamp without time zone"

    def from_db_value(self, value, expression, connection):
        return value if value is None else value.replace(tzinfo=UTC)

    def get_db_prep_value(self, value, connection, prepared=False):
        value = super().get_db_prep_value(value, connection, prepared)
        return value.astimezone(UTC).replace(tzinfo=None) if value and value.tzinfo else value
