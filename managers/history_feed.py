"""What was changed, from what to what, by whom: rows of history in Russian words, newest first."""

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
# Whose the row is, which the page says already.
HIDDEN_FIELDS = {"client", "user", "contract"}
REFERENCED_MODELS = ("managers.Manager", "devices.DeviceType", "devices.Tariff")
# By name: clients, whose history this is too, know nothing of support.
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
    differences: list[FieldChange]


class HistoryFeed:
    """Histories read as one. `sources` are querysets of history models."""

    def __init__(self, sources: Iterable[models.QuerySet], *, kind: str = "", by: str = ""):
        self.all = {source.model._meta.model_name: source for source in sources}
        self.kind = kind if kind in self.all else ""
        self.by = by if _is_uuid(by) else ""

    @property
    def kind_choices(self) -> list[tuple[str, str]]:
        return [(name, capfirst(_model_label(source.model))) for name, source in self.all.items()]

    @cached_property
    def pages(self) -> Paginator:
        parts = []
        for name, source in self.all.items():
            if self.kind in ("", name):
                rows = source.filter(pgh_context__user=self.by) if self.by else source
                parts.append(rows.order_by().values_list("pgh_created_at", "pgh_id", Value(name)))
        rows = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
        return Paginator(rows.order_by("-pgh_created_at", "-pgh_id"), PER_PAGE)

    def changes(self, rows: Iterable[tuple]) -> list[HistoryEntry]:
        """The changes behind one page of rows: the number of queries does not grow with them."""
        wanted = defaultdict(list)
        for _, pk, name in rows:
            wanted[name].append(pk)
        events = {name: _with_previous_version(self.all[name].model, keys) for name, keys in wanted.items()}
        found = [events[name][pk] for _, pk, name in rows]
        names = _ReferenceNames(found)
        return [_build_entry(event, before, names) for event, before in found]

    def rows(self) -> Iterable[list]:
        """All of it for a table."""
        for page in self.pages:
            for change in self.changes(list(page)):
                told = "; ".join(map(str, change.differences))
                at = f"{timezone.localtime(change.at):%d.%m.%Y %H:%M:%S}"
                yield [at, change.kind, change.label, told, change.who, change.ip, change.request]


CSV_HEADER = ["Когда", "Что", "Как", "Изменения", "Кто", "Адрес", "Запрос"]


def _with_previous_version(model: type[models.Model], keys: list[int]) -> dict:
    earlier = model.objects.filter(pgh_obj_id=OuterRef("pgh_obj_id"), pgh_id__lt=OuterRef("pgh_id"))
    previous = Subquery(earlier.order_by("-pgh_id").values("pgh_id")[:1])
    events = model.objects.annotate(previous=previous).in_bulk(keys)
    before = model.objects.in_bulk([event.previous for event in events.values() if event.previous])
    return {pk: (event, before.get(event.previous)) for pk, event in events.items()}


class _ReferenceNames:
    """Names of the people, types, tariffs and tickets that a page of history speaks of."""

    def __init__(self, found: list[tuple]):
        wanted = defaultdict(set)
        for pair in found:
            for event in filter(None, pair):
                wanted[Manager].add((event.pgh_context or {}).get("user"))
                for field in _shown_fields(event):
                    if model := _referenced_model(field):
                        wanted[model].add(getattr(event, field.attname))
        self.names = {
            model: {str(row.pk): _display_name(row) for row in model.objects.filter(pk__in=keys - {None})}
            for model, keys in wanted.items()
        }

    def __call__(self, model: type[models.Model], key) -> str:
        return self.names.get(model, {}).get(str(key), _deleted_label(model)) if key else "—"


def _referenced_model(field: models.Field) -> type[models.Model] | None:
    """Of what the field holds the key."""
    return apps.get_model(TICKET_MODEL) if field.name == "support_ticket_id" else field.related_model


def _display_name(row: models.Model) -> str:
    # A client's tickets mostly have one subject; when they were opened tells them apart.
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
        differences=_field_changes(before, event, names),
    )


def _author(context: dict, event, names: _ReferenceNames) -> str:
    if context.get("user"):
        return names(Manager, context["user"])
    if context.get("command"):
        return f"команда {context['command']}"
    return APP if event._meta.model_name == "appuserhistory" and not context else "—"


def _field_changes(before, event, names: _ReferenceNames) -> list[FieldChange]:
    found = []
    for field in _shown_fields(event):
        old = _display_value(before, field, names) if before else "—"
        new = _display_value(event, field, names) if event.pgh_label != "delete" else "—"
        if old != new:
            found.append(FieldChange(str(field.verbose_name), old, new))
    return found


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
    """Changed digits that the mask hides are told apart by nothing: that they changed is in the manager's log."""
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
