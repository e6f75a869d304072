"""Pages of the list of tickets, of a ticket's messages and of a client log, with keyset pagination."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clients import cursor
from foundation.database import clamped_times
from support import log
from support.models import Author, LogEntry, Message, Ticket, TicketQuerySet

PAGE_SIZE = 25
MESSAGES_PER_PAGE = 100


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


def ticket_page(*, status: str = "", text: str = "", after: str = "") -> Page:
    """Return 25 tickets, newest activity first, each with `last_message`.

    `status` and `text` filter the tickets; `after` is the cursor of the previous page. Raises InvalidPosition.
    """
    rows = Ticket.objects.newest_first()
    if status:
        rows = rows.filter(status=status)
    if after:
        rows = rows.older_than(*_decode_position(after))
    # Two limited searches, each with its own index, are cheaper than one with OR, which can't use the indexes.
    found = _merge_results([rows.search_clients(text), rows.search_subject(text)] if text else [rows])
    tickets = found[:PAGE_SIZE]
    _add_last_messages(tickets)
    more = len(found) > PAGE_SIZE
    return Page(tickets, cursor.encode(tickets[-1].updated_at, tickets[-1].pk) if more else None)


def message_page(ticket: Ticket, *, before: str = "") -> Page:
    """Return the last 100 messages before the cursor `before`, oldest first. `next` is the cursor of earlier ones.

    Raises InvalidPosition.
    """
    page = _newest_page(ticket.messages.all(), before)
    return Page(page.rows[::-1], page.next)


def log_page(client, *, before: str = "") -> Page:
    """Return the last 100 entries of the client log before the cursor `before`, newest first.

    Raises InvalidPosition.
    """
    return _newest_page(LogEntry.objects.filter(thread__client=client).select_related("author"), before)


def _newest_page(rows, before: str) -> Page:
    if before:
        at, pk = _decode_position(before)
        at = clamped_times.database_value(at, "created_at", rows.model.objects.filter(pk=pk))
        rows = rows.filter(created_at__lte=at).exclude(created_at=at, id__gte=pk)
    found = list(rows.order_by("-created_at", "-id")[: MESSAGES_PER_PAGE + 1])
    shown = found[:MESSAGES_PER_PAGE]
    for row in shown:
        row.text = log.mask_code(row.body or "")
    return Page(shown, cursor.encode(shown[-1].created_at, shown[-1].pk) if len(found) > MESSAGES_PER_PAGE else None)


def _merge_results(queries: Iterable[TicketQuerySet]) -> list[Ticket]:
    """Return the first PAGE_SIZE + 1 tickets of all queries, without duplicates, newest activity first."""
    found = {
        ticket.pk: ticket for query in queries for ticket in query.prefetch_related("user__client")[: PAGE_SIZE + 1]
    }
    return sorted(found.values(), key=lambda ticket: (ticket.updated_at, ticket.pk), reverse=True)[: PAGE_SIZE + 1]


def _add_last_messages(tickets: list[Ticket]) -> None:
    messages = Message.objects.filter(ticket__in=tickets).order_by("ticket_id", "-created_at", "-id")
    last = {message.ticket_id: message for message in messages.distinct("ticket_id")}
    for ticket in tickets:
        message = last.get(ticket.pk)
        ticket.last_message = message and {
            "text": log.mask_code(message.body or "")[:160],
            "is_from_client": message.author == Author.USER,
        }
