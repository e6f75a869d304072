"""History of our tables: append-only rows with user, IP address and request id.

Triggers (django-pghistory) write the rows, whatever changes a table. Requests and commands add the context. The app's
accounts have no such trigger: `privet.record_contact` writes their history (clients/sql/accounts.sql).
"""

from contextlib import AbstractContextManager, nullcontext

import pghistory
import pgtrigger
from django.db import models
from pghistory.middleware import HistoryMiddleware

from managers.client_ip import client_ip

# Commands that change no data of ours; and the worker, which has a context for each run of a job.
COMMANDS_WITHOUT_CONTEXT = ("migrate", "runserver", "test", "worker")


def append_only_triggers() -> list[pgtrigger.Trigger]:
    """Return the triggers of an append-only table. Only erasure ignores `append_only` (pgtrigger.ignore)."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name="no_truncate",
            operation=pgtrigger.Truncate,
            when=pgtrigger.Before,
            level=pgtrigger.Statement,
            func="RAISE EXCEPTION 'Cannot truncate table %', TG_TABLE_NAME;",
        ),
    ]


def track_history(
    table: str, *, fields: list[str] | None = None, exclude: list[str] | None = None, by_triggers: bool = True
):
    """Class decorator: record the history of a model in `table`.

    Each history row contains the version after an insert or update, or before a delete. `fields` and `exclude` choose
    the columns. If `by_triggers` is false, other code writes the rows, and only for inserts and updates.
    """
    trackers = (
        [pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent()]
        if by_triggers
        else [pghistory.ManualEvent("insert"), pghistory.ManualEvent("update")]
    )

    def decorate(model):
        owner = "client" if any(field.name == "client" for field in model._meta.local_fields) else "pgh_obj"
        indexes = {"pgh_obj": ["pgh_obj", "pgh_id"]} | {owner: [owner, "pgh_id"]}
        return pghistory.track(
            *trackers,
            fields=fields,
            exclude=["id", *(exclude or [])],
            obj_field=pghistory.ObjForeignKey(related_name="history", db_index=False),
            context_field=pghistory.ContextJSONField(),
            context_id_field=None,
            attrs={"pgh_id": models.BigAutoField(primary_key=True)},
            model_name=f"{model.__name__}History",
            meta={
                "db_table": table,
                "verbose_name": f"история: {model._meta.verbose_name}",
                "verbose_name_plural": f"история: {model._meta.verbose_name_plural}",
                "indexes": [
                    models.Index(fields=names, name=f"{model._meta.model_name}_history_{kind}")
                    for kind, names in indexes.items()
                ],
                "triggers": append_only_triggers(),
            },
        )(model)

    return decorate


def history_of(model: type[models.Model]) -> models.QuerySet:
    """Return all history rows of a tracked model."""
    return model.history.rel.related_model.objects.all()


class HistoryContextMiddleware(HistoryMiddleware):
    """Add user, IP address and request id to the history of changes made by a request."""

    def get_context(self, request) -> dict:
        return {"user": super().get_context(request)["user"], "ip": client_ip(request), "request": request.id}


def command_context(arguments: list[str]) -> AbstractContextManager:
    """Return a context that adds the name of a management command to the history of its changes.

    `arguments`: the command line, as in sys.argv.
    """
    name = arguments[1] if len(arguments) > 1 else ""
    return pghistory.context(command=name) if name and name not in COMMANDS_WITHOUT_CONTEXT else nullcontext()
