"""Timeline of a client, newest first: log events, notes, and changes of status and manager."""

from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from clients.models import Client
from support.models import LogEntry, LogKind

MAX_ENTRIES = 200


@dataclass(frozen=True)
class TimelineEntry:
    at: datetime
    by: str
    text: str
    is_note: bool = False


def timeline(client: Client) -> list[TimelineEntry]:
    """Return the newest MAX_ENTRIES entries."""
    entries = LogEntry.objects.filter(thread__client=client).select_related("author").order_by("-created_at", "-id")
    changes = client.changes.select_related("by", "from_manager", "to_manager").order_by("-at", "-id")
    logged = (
        TimelineEntry(
            entry.created_at, entry.author.name if entry.author else "", entry.body, entry.kind == LogKind.NOTE
        )
        for entry in entries[:MAX_ENTRIES]
    )
    changed = (
        TimelineEntry(change.at, change.by.name if change.by else "", str(change)) for change in changes[:MAX_ENTRIES]
    )
    return sorted(chain(logged, changed), key=lambda entry: entry.at, reverse=True)[:MAX_ENTRIES]
