"""Models of the tables that «Привет Супер» owns. They are read like other models and written through one SQL function.

Triggers, defaults and constraints that the app defines run during a write. `privet.write_shared` (sql/write_shared.sql)
keeps them from running with the rights of our pages. Our roles have no right to write these tables in another way.
"""

import json
import uuid
from collections.abc import Iterable

from django.db import connection, models, transaction

SCHEMA = "public"


def table(name: str) -> str:
    """Return the value of `Meta.db_table` for a table in the app's schema."""
    return f'"{SCHEMA}"."{name}"'


def table_name(model: type[models.Model]) -> str:
    """Return the name of a model's table without its schema."""
    return model._meta.db_table.rpartition(".")[2].strip('"')


class SharedQuerySet(models.QuerySet):
    """A queryset whose writes go through `privet.write_shared`. Values must be plain, not expressions."""

    def update(self, **values) -> int:
        return self._write_rows("update", values)

    def delete(self) -> tuple[int, dict[str, int]]:
        count = self._write_rows("delete", {})
        return count, {self.model._meta.label: count}

    def bulk_create(self, objs: Iterable[models.Model], **options) -> list[models.Model]:
        if options:
            raise NotImplementedError(f"Shared tables don't support {', '.join(options)}.")
        objects = list(objs)
        with transaction.atomic(savepoint=False):
            for obj in objects:
                obj.save(force_insert=True)
        return objects

    def bulk_update(self, *args, **options):
        raise NotImplementedError("Update rows of shared tables one by one.")

    def _write_rows(self, action: str, values: dict) -> int:
        # The rows are locked first: another transaction may have changed them so that they no longer match.
        with transaction.atomic(savepoint=False):
            ids = list(self.order_by().select_for_update().values_list("pk", flat=True))
            return _write(self.model, action, ids, _database_values(self.model, values)) if ids else 0


class SharedModel(models.Model):
    """Base class of unmanaged models whose primary key is the column `id`."""

    # Whether our pages work without these columns, in versions of the app that lack them.
    optional = False

    objects = SharedQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *, force_insert=False, force_update=False, using=None, update_fields=None) -> None:
        """Insert or update the row. Raises IntegrityError as Django's save() does."""
        names = update_fields or [field.name for field in self._meta.concrete_fields]
        values = {
            self._meta.get_field(name).attname: self._meta.get_field(name).pre_save(self, False) for name in names
        }
        if force_insert or self._state.adding:
            _write(type(self), "insert", [], _database_values(type(self), values))
            self._state.adding, self._state.db = False, connection.alias
        elif not _write(type(self), "update", [self.pk], _database_values(type(self), values)):
            raise self.NotUpdated(f"The row of {self._meta.label} {self.pk} does not exist.")

    def delete(self, **options) -> tuple[int, dict[str, int]]:
        return type(self).objects.filter(pk=self.pk).delete()


def _database_values(model: type[models.Model], values: dict) -> dict:
    """Return the values by column, as the database expects them."""
    fields = {name: model._meta.get_field(name) for name in values}
    return {
        field.column: field.get_db_prep_save(
            values[name].pk if isinstance(values[name], models.Model) else values[name], connection
        )
        for name, field in fields.items()
    }


def _write(model: type[models.Model], action: str, ids: list[uuid.UUID], values: dict) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT privet.write_shared(%s, %s, %s::uuid[], %s::jsonb)",
            [action, table_name(model), ids, json.dumps(values, default=str)],
        )
        return cursor.fetchone()[0]
