"""Pages of the list of tickets, of a ticket's messages and of a client log, with keyset pagination."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch
from django.db.models.functions import Left

from clients import cursor
from clients.models import AppUser, Client
from foundation.database import clamped_times
from support import activity, attachments
from support.models import LogEntry, Message, Ticket, TicketQuerySet, TicketState

PAGE_SIZE = 25
MESSAGES_PER_PAGE = 100
TICKETS_ON_CARD = 50
# Characters of a message in the list.
BEGINNING = 160
# Characters of a message in its ticket: as many as an answer may have, and when it is shown in full.
SHOWN_LENGTH = 4000
FULL_LENGTH = 100_000
MAX_COUNT = 999
NAME_LENGTH = 200


class InvalidPosition(ValueError):
    """The cursor in the URL is invalid."""


@dataclass(frozen=True)
class Page:
    """Rows in the order of the page, and the cursor of the next page (None on the last page)."""

    rows: list
    next: str | None


def _decode_position(text: str) -> tuple[datetime, UUID]:
    position = cursor.decode(text)
    if position is None:
        raise InvalidPosition(text)
    return position


def ticket_page(*, state: str = "", text: str = "", after: str = "") -> Page:
    """Return 25 tickets, the newest message first, each with `last_message` and `state`.

    `state` and `text` filter the tickets; `after` is the cursor of the previous page. Raises InvalidPosition.
    """
    activity.refresh()
    rows = Ticket.objects.last_message_first()
    if state:
        rows = rows.filter(activity__state=state)
    if after:
        rows = rows.older_than(*_decode_position(after))
    # Two limited searches, each with its own index, are cheaper than one with OR, which can't use the indexes.
    found = _merge_results([rows.search_clients(text), rows.search_subject(text)] if text else [rows])
    listed = activity.load_last_messages(found[:PAGE_SIZE], length=BEGINNING)
    more = len(found) > PAGE_SIZE
    return Page(listed, cursor.encode(*_position(listed[-1])) if more else None)


def waiting_count() -> str:
    """Return how many tickets wait for us, up to MAX_COUNT, as text for a badge."""
    count = Ticket.objects.filter(activity__state=TicketState.WAITING)[: MAX_COUNT + 1].count()
    return f"{MAX_COUNT}+" if count > MAX_COUNT else str(count)


def client_tickets(client: Client) -> list[Ticket]:
    """Return up to 50 tickets of the client, the newest message first, each with `last_message` and `state`."""
    found = Ticket.objects.filter(user_id=client.user_id).newest_first()[:TICKETS_ON_CARD]
    return sorted(activity.load_last_messages(found), key=lambda ticket: ticket.last_message_at, reverse=True)


def message_page(ticket: Ticket, *, before: str = "", full: UUID | None = None) -> Page:
    """Return the last 100 messages before the cursor `before`, oldest first. `next` is the cursor of earlier ones.

    Each has its beginning as `text`, and `is_cut` if there is more; of the message with the id `full` up to FULL_LENGTH
    characters. Raises InvalidPosition.
    """
    # One more character tells whether there is more.
    page = _newest_page(ticket.messages.with_staff_text(SHOWN_LENGTH + 1), before)
    files = attachments.files_of(message.pk for message in page.rows)
    whole = ticket.messages.filter(pk=full).with_staff_text(FULL_LENGTH + 1).first() if full else None
    for message in page.rows:
        message.file = files.get(message.pk)
        message.is_full = message == whole
        _cut(message, *((whole.text, FULL_LENGTH) if message.is_full else (message.text, SHOWN_LENGTH)))
    return Page(page.rows[::-1], page.next)


def log_page(client, *, before: str = "") -> Page:
    """Return the last 100 entries of the client log before the cursor `before`, newest first.

    Raises InvalidPosition.
    """
    return _newest_page(LogEntry.objects.filter(thread__client=client).select_related("author"), before)


def _cut(message: Message, text: str | None, length: int) -> None:
    """Set `text` to at most `length` characters, and whether that `is_cut`."""
    message.text, message.is_cut = (text or "")[:length], len(text or "") > length


def _newest_page(rows, before: str) -> Page:
    if before:
        at, pk = _decode_position(before)
        at = clamped_times.database_value(at, "created_at", rows.model.objects.filter(pk=pk))
        rows = rows.filter(created_at__lte=at).exclude(created_at=at, id__gte=pk)
    found = list(rows.order_by("-created_at", "-id")[: MESSAGES_PER_PAGE + 1])
    shown = found[:MESSAGES_PER_PAGE]
    return Page(shown, cursor.encode(shown[-1].created_at, shown[-1].pk) if len(found) > MESSAGES_PER_PAGE else None)


def _merge_results(queries: Iterable[TicketQuerySet]) -> list[Ticket]:
    """Return the first PAGE_SIZE + 1 tickets of all queries, without duplicates, the newest message first."""
    # Only what the list shows: a name or an address may have megabytes.
    users = Prefetch("user", AppUser.objects.only("phone").annotate(short_name=Left("name", NAME_LENGTH)))
    found = {ticket.pk: ticket for query in queries for ticket in query.prefetch_related(users)[: PAGE_SIZE + 1]}
    return sorted(found.values(), key=_position, reverse=True)[: PAGE_SIZE + 1]


def _position(ticket: Ticket) -> tuple[datetime, UUID]:
    return ticket.activity.last_message_at, ticket.pk
