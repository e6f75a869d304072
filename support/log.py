"""The manager's own log of a client: events of the work and notes."""

import re
from datetime import datetime, timedelta
from uuid import UUID, uuid4, uuid5

from django.db import transaction
from django.db.models import Max

from clients.models import Client
from managers.models import Manager
from support.models import LogEntry, LogKind, Thread

CODE = re.compile(r"(\bкод\b[^.]*: ?)\d{6}\b", re.IGNORECASE)


def add_event(client: Client, body: str, *, by: Manager | None, now: datetime) -> None:
    """Record what happened, in the caller's transaction."""
    _append(client, LogKind.EVENT, body, by, now, uuid4())


@transaction.atomic
def add_note(client: Client, body: str, *, by: Manager, now: datetime, form_id: UUID | None = None) -> None:
    """Record what a manager wants remembered; the same from one form is recorded once."""
    client, pk = client.lock(), id_from_form(form_id, client.pk, body)
    if not LogEntry.objects.filter(pk=pk).exists():
        _append(client, LogKind.NOTE, body, by, now, pk)


def id_from_form(form_id: UUID | None, owner: UUID, body: str) -> UUID:
    """The id of what a form that was opened as `form_id` writes for `owner`; another text is another row."""
    return uuid5(form_id, f"{owner} {body}") if form_id else uuid4()


def mask_code(body: str) -> str:
    """The text as somebody reads it whom the one-time code was not sent to.

    >>> without_code("Код для подписания договора ИВ-261123-01: 123456. Действует 10 минут.")
    'Код для подписания договора ИВ-261123-01: ••••••. Действует 10 минут.'
    """
    return CODE.sub(r"\1••••••", body)


@transaction.atomic(savepoint=False)
def _append(client: Client, kind: LogKind, body: str, by: Manager | None, now: datetime, pk: UUID) -> None:
    thread, _ = Thread.objects.get_or_create(client=client)
    # Entries of one deed have one `now`; the timeline shows them in the order in which they were written.
    last = LogEntry.objects.filter(thread=thread, created_at__gte=now).aggregate(at=Max("created_at"))["at"]
    at = last + timedelta(microseconds=1) if last else now
    LogEntry.objects.create(pk=pk, thread=thread, kind=kind, author=by, body=body, created_at=at)
