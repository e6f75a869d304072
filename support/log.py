"""The manager's own log of a client: events of the work and notes."""

from datetime import datetime

from clients.models import Client
from managers.models import Manager
from support.models import LogEntry, LogKind, Thread


def event(client: Client, body: str, *, by: Manager | None, now: datetime) -> None:
    """Record what happened, in the caller's transaction."""
    _append(client, LogKind.EVENT, body, by, now)


def note(client: Client, body: str, *, by: Manager, now: datetime) -> None:
    """Record what a manager wants remembered."""
    _append(client, LogKind.NOTE, body, by, now)


def _append(client: Client, kind: LogKind, body: str, by: Manager | None, now: datetime) -> None:
    thread, _ = Thread.objects.get_or_create(client=client)
    LogEntry.objects.create(thread=thread, kind=kind, author=by, body=body, created_at=now)
