"""The client log: events of the work with a client, and notes of managers."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4, uuid5

from django.db import transaction
from django.db.models import Max

from clients.models import Client
from managers.models import Manager
from support.models import LogEntry, LogKind, Thread


def add_event(client: Client, body: str, *, by: Manager | None, now: datetime) -> None:
    """Add an event to the client log, in the caller's transaction. `by` is None for actions of the system."""
    _append(client, LogKind.EVENT, body, by, now, uuid4())


@transaction.atomic
def add_note(client: Client, body: str, *, by: Manager, now: datetime, form_id: UUID | None = None) -> None:
    """Add a note of a manager. A repeated submit of one form is recorded once.

    Raises ClientErased or ClientReassigned.
    """
    client, pk = client.lock(), id_from_form(form_id, client.pk, body)
    if not LogEntry.objects.filter(pk=pk).exists():
        _append(client, LogKind.NOTE, body, by, now, pk)


def id_from_form(form_id: UUID | None, owner: UUID, body: str) -> UUID:
    """Return a deterministic id for the row that this form writes, so that a repeated submit finds the same row.

    The id depends on the form, the owner (a client or a ticket) and the text. Without `form_id` it is random.
    """
    return uuid5(form_id, f"{owner} {body}") if form_id else uuid4()


@transaction.atomic(savepoint=False)
def _append(client: Client, kind: LogKind, body: str, by: Manager | None, now: datetime, pk: UUID) -> None:
    thread, _ = Thread.objects.get_or_create(client=client)
    # Entries of one operation have the same `now`. Distinct times keep their order in the timeline.
    last = LogEntry.objects.filter(thread=thread, created_at__gte=now).aggregate(at=Max("created_at"))["at"]
    at = last + timedelta(microseconds=1) if last else now
    LogEntry.objects.create(pk=pk, thread=thread, kind=kind, author=by, body=body, created_at=at)
