"""History rows for people: who changed which field from what to what, in Russian, newest first."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.core.paginator import Paginator
from django.db import models
from django.db.models import OuterRef, Subquery, Value
from django.utils import timezone
from django.utils.text import capfirst

from foundation.russian import money
from foundation.templatetags import formats
from managers import cipher
from managers.models import Manager

PER_PAGE = 50
LABELS = {"insert": "добавлено", "update": "изменено", "delete": "удалено"}
# Fields that name the owner, which the page already shows.
HIDDEN_FIELDS = {"client", "user", "contract"}
REFERENCED_MODELS = ("managers.Manager", "devices.DeviceType", "devices.Tariff")
# By name, because this module must not import support.
TICKET_MODEL = "support.Ticket"
APP = "«Привет Супер»"


@dataclass(frozen=True)
class FieldChange:
    name: str
    before: str
    after: str

    def __str__(self):
        return f"{self.name}: {self.before} → {self.after}"


@dataclass(frozen=True)
class HistoryEntry:
    at: datetime
    kind: str
    label: str
    who: str
    ip: str
    request: str
    field_changes: list[FieldChange]


class HistoryFeed:
    """Several history tables as one list.

    `sources`: querysets of history models. `kind`: model name of the only source to show. `by`: id of the manager whose
    changes to show. Invalid filters are ignored.
    """

    def __init__(self, sources: Iterable[models.QuerySet], *, kind: str = "", by: str = ""):
        self.sources = {source.model._meta.model_name: source for source in sources}
        self.kind = kind if kind in self.sources else ""
        self.by = by if _is_uuid(by) else ""

    @property
    def kind_choices(self) -> list[tuple[str, str]]:
        return [(name, capfirst(_model_label(source.model))) for name, source in self.sources.items()]

    @cached_property
    def paginator(self) -> Paginator:
        parts = []
        for name, source in self.sources.items():
            if self.kind in ("", name):
                rows = source.filter(pgh_context__user=self.by) if self.by else source
                parts.append(rows.order_by().values_list("pgh_created_at", "pgh_id", Value(name)))
        rows = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
        return Paginator(rows.order_by("-pgh_created_at", "-pgh_id"), PER_PAGE)

    def entries(self, rows: Iterable[tuple]) -> list[HistoryEntry]:
        """Return the entries of one page of `paginator`. The number of queries does not depend on that of the rows."""
        keys_by_model = defaultdict(list)
        for _, pk, name in rows:
            keys_by_model[name].append(pk)
        events = {name: _with_previous_version(self.sources[name].model, keys) for name, keys in keys_by_model.items()}
        pairs = [events[name][pk] for _, pk, name in rows]
        names = _ReferenceNames(pairs)
        return [_build_entry(event, before, names) for event, before in pairs]

    def csv_rows(self) -> Iterable[list]:
        """Yield all entries as rows for CSV_HEADER."""
        for page in self.paginator:
            for entry in self.entries(list(page)):
                changes_text = "; ".join(map(str, entry.field_changes))
                at = f"{timezone.localtime(entry.at):%d.%m.%Y %H:%M:%S}"
                yield [at, entry.kind, entry.label, changes_text, entry.who, entry.ip, entry.request]


CSV_HEADER = ["Когда", "Что", "Как", "Изменения", "Кто", "Адрес", "Запрос"]


def _with_previous_version(model: type[models.Model], keys: list[int]) -> dict:
    """Return {id of the history row: (row, the previous row of the same object or None)}."""
    earlier = model.objects.filter(pgh_obj_id=OuterRef("pgh_obj_id"), pgh_id__lt=OuterRef("pgh_id"))
    previous = Subquery(earlier.order_by("-pgh_id").values("pgh_id")[:1])
    events = model.objects.annotate(previous=previous).in_bulk(keys)
    before = model.objects.in_bulk([event.previous for event in events.values() if event.previous])
    return {pk: (event, before.get(event.previous)) for pk, event in events.items()}


class _ReferenceNames:
    """Display names of the managers, types, tariffs and tickets that a history page refers to."""

    def __init__(self, pairs: list[tuple]):
        keys_by_model = defaultdict(set)
        for pair in pairs:
            for event in filter(None, pair):
                keys_by_model[Manager].add((event.pgh_context or {}).get("user"))
                for field in _shown_fields(event):
                    if model := _referenced_model(field):
                        keys_by_model[model].add(getattr(event, field.attname))
        self.names = {
            model: {str(row.pk): _display_name(row) for row in model.objects.filter(pk__in=keys - {None})}
            for model, keys in keys_by_model.items()
        }

    def __call__(self, model: type[models.Model], key) -> str:
        return self.names.get(model, {}).get(str(key), _deleted_label(model)) if key else "—"


def _referenced_model(field: models.Field) -> type[models.Model] | None:
    """Return the model whose key the field contains, if any."""
    return apps.get_model(TICKET_MODEL) if field.name == "support_ticket_id" else field.related_model


def _display_name(row: models.Model) -> str:
    # Most tickets of a client have the same subject, so show when they were opened.
    return (
        f"{row} от {timezone.localtime(row.created_at):%d.%m.%Y %H:%M}" if row._meta.label == TICKET_MODEL else str(row)
    )


def _deleted_label(model: type[models.Model]) -> str:
    return "удалено" if model._meta.label == TICKET_MODEL else "удалён"


def _build_entry(event, before, names: _ReferenceNames) -> HistoryEntry:
    context = event.pgh_context or {}
    return HistoryEntry(
        at=event.pgh_created_at,
        kind=capfirst(_model_label(type(event))),
        label=LABELS.get(event.pgh_label, event.pgh_label),
        who=_author(context, event, names),
        ip=context.get("ip") or "",
        request=context.get("request") or "",
        field_changes=_field_changes(before, event, names),
    )


def _author(context: dict, event, names: _ReferenceNames) -> str:
    if context.get("user"):
        return names(Manager, context["user"])
    if context.get("command"):
        return f"команда {context['command']}"
    return APP if event._meta.model_name == "appuserhistory" and not context else "—"


def _field_changes(before, event, names: _ReferenceNames) -> list[FieldChange]:
    changes = []
    for field in _shown_fields(event):
        old = _display_value(before, field, names) if before else "—"
        new = _display_value(event, field, names) if event.pgh_label != "delete" else "—"
        if old != new:
            changes.append(FieldChange(str(field.verbose_name), old, new))
    return changes


def _shown_fields(event) -> list[models.Field]:
    own = [
        field for field in event._meta.fields if not field.name.startswith("pgh_") and field.name not in HIDDEN_FIELDS
    ]
    return [field for field in own if not field.is_relation or field.related_model._meta.label in REFERENCED_MODELS]


def _display_value(event, field: models.Field, names: _ReferenceNames) -> str:
    value = getattr(event, field.attname)
    if value in (None, ""):
        return "—"
    if model := _referenced_model(field):
        return names(model, value)
    if field.name == "phone":
        return formats.phone(value)
    if field.name == "series_and_number":
        return _mask_passport_number(value)
    if field.name == "photo":
        return f"есть ({value[-12:-4]})"
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, bool):
        return "да" if value else "нет"
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%d.%m.%Y %H:%M}"
    if isinstance(value, Decimal):
        return money.format_rubles(value)
    return f"{value:%d.%m.%Y}" if isinstance(value, date) else str(value)


def _mask_passport_number(token: str) -> str:
    """Return the masked number. A change of masked digits is not visible here; the client log records it."""
    try:
        digits = cipher.decrypt(token)
    except InvalidToken:
        return "не читается"
    return f"{digits[:2]}•• •••{digits[-3:]}"


def _model_label(model: type[models.Model]) -> str:
    return str(model.pgh_tracked_model._meta.verbose_name)


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False
