"""What happened, as rows that are written once: the history of our tables, and who changed what in which request.

The history is written by triggers (django-pghistory), whoever changes a row; the context is what the request says.
"""

from contextlib import AbstractContextManager, nullcontext

import pghistory
import pgtrigger
from django.db import models
from pghistory.middleware import HistoryMiddleware

from managers.client_ip import client_ip

# Their statements are not ours, or change nothing.
COMMANDS_WITHOUT_CONTEXT = ("migrate", "runserver", "test")


def append_only_triggers() -> list[pgtrigger.Trigger]:
    """The triggers of a table that only grows. Erasure, and nothing else, passes `append_only` by pgtrigger.ignore."""
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
    """Keep the history of a model in `table`: a row as it is after each insert and change, and before each removal.

    Without `by_triggers` a trigger of our own writes it, and only inserts and updates.
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
    """All history rows of a tracked model."""
    return model.history.rel.related_model.objects.all()


class HistoryContextMiddleware(HistoryMiddleware):
    """What a request changes is written down with who sent it, from which address, and the request's id."""

    def get_context(self, request) -> dict:
        return {"user": super().get_context(request)["user"], "ip": client_ip(request), "request": request.id}


def command_context(arguments: list[str]) -> AbstractContextManager:
    """What a management command changes is written down with its name."""
    name = arguments[1] if len(arguments) > 1 else ""
    return pghistory.context(command=name) if name and name not in COMMANDS_WITHOUT_CONTEXT else nullcontext()
