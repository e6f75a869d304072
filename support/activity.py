"""Which tickets wait for us, computed from their messages.

The app writes messages and changes nothing else. `TicketActivity` stores what the list is filtered and ordered by, and
is brought up to date before it is read.
"""

from collections.abc import Iterable
from datetime import timedelta
from itertools import batched
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from foundation.database import advisory_lock, clamped_times
from support.models import Author, MaskedMessage, Message, Ticket, TicketActivity, TicketState

LOCK = "support.activity"
# A message may be committed after newer ones, and the app's clock may be slow.
OVERLAP = timedelta(hours=1)
CHUNK = 2000
MODELS = (Ticket, Message, TicketActivity)

# The app's `created_at` is UTC without time zone. The planner can't estimate how many rows are recent and would read
# all of TicketActivity for a join, so each recent row looks up its own.
CHANGED = """
    WITH since AS (
        SELECT coalesce(max(last_message_at), '-infinity') - %(overlap)s AS at
        FROM {TicketActivity} WHERE last_message_at <= now()
    )
    SELECT ticket_id FROM {Message} message WHERE created_at >= (SELECT at AT TIME ZONE 'UTC' FROM since)
    GROUP BY ticket_id HAVING least(max(created_at) AT TIME ZONE 'UTC', %(latest)s) IS DISTINCT FROM (
        SELECT last_message_at FROM {TicketActivity} known WHERE known.ticket_id = message.ticket_id
    )
    UNION
    SELECT id FROM {Ticket} ticket
    WHERE updated_at >= (SELECT at FROM since) AND least(updated_at, %(latest)s) IS DISTINCT FROM (
        SELECT ticket_updated_at FROM {TicketActivity} known WHERE known.ticket_id = ticket.id
    )
"""


def load_last_messages(tickets: Iterable[Ticket], *, length: int = 0) -> list[Ticket]:
    """Set `last_message` (or None) and `state` of every ticket.

    The message has the first `length` characters that staff may read as `text`. The body is not loaded: it may have ten
    megabytes.
    """
    tickets = list(tickets)
    newest = Message.objects.filter(ticket__in=tickets).order_by("ticket_id", "-created_at", "-id")
    messages = Message.objects.filter(pk__in=newest.distinct("ticket_id").values("pk"))
    messages = messages.with_staff_text(length) if length else messages.defer("body")
    last = {message.ticket_id: message for message in messages}
    for ticket in tickets:
        ticket.last_message = last.get(ticket.pk)
        ticket.state = state_of(ticket)
    return tickets


def state_of(ticket: Ticket) -> TicketState:
    """Return who has to act. The author of the last message decides; closing the ticket later overrules it.

    A ticket without messages waits for us while it is open: the client has created it and got no answer. Only `user` is
    the client; authors of other app versions are on our side.
    """
    last = ticket.last_message
    if last is None:
        return TicketState.WAITING if ticket.is_open else TicketState.CLOSED
    is_newer = last.created_at > ticket.updated_at  # the app does not update the ticket when it adds a message
    if last.author == Author.USER and (ticket.is_open or is_newer):
        return TicketState.WAITING
    return TicketState.ANSWERED if ticket.is_open else TicketState.CLOSED


def refresh() -> None:
    """Bring `TicketActivity` up to date. One query if nothing changed.

    Reads only what is newer than the newest known message, less OVERLAP; `rebuild` repairs what that misses.
    """
    if not _changed_tickets():
        return
    with transaction.atomic():
        if advisory_lock.try_lock(LOCK):  # otherwise another request is doing it
            _save(_changed_tickets())


@transaction.atomic
def rebuild() -> int:
    """Compute `TicketActivity` of all tickets and return their number. Delete rows of what the app deleted.

    Run it daily: it repairs what `refresh` missed.
    """
    advisory_lock.lock(LOCK)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    TicketActivity.objects.exclude(ticket__in=Ticket.objects.values("pk")).delete()
    # NOT EXISTS, which becomes an anti join: NOT IN would be quadratic with millions of messages.
    MaskedMessage.objects.filter(~Exists(Message.objects.filter(pk=OuterRef("pk")))).delete()
    return _save(Ticket.objects.values_list("pk", flat=True).iterator(CHUNK))


def _changed_tickets() -> list[UUID]:
    """Return the tickets whose newest message or own time differs from their activity."""
    tables = {model.__name__: connection.ops.quote_name(model._meta.db_table) for model in MODELS}
    with connection.cursor() as cursor:
        cursor.execute(CHANGED.format(**tables), {"overlap": OVERLAP, "latest": clamped_times.LATEST})
        return [pk for (pk,) in cursor.fetchall()]


def _save(pks: Iterable[UUID]) -> int:
    """Compute and save the activity of these tickets, in the order of their ids. Return their number."""
    saved = 0
    for chunk in batched(pks, CHUNK, strict=False):
        tickets = load_last_messages(Ticket.objects.filter(pk__in=chunk).order_by("pk"))
        saved += len(tickets)
        TicketActivity.objects.bulk_create(
            [
                TicketActivity(
                    ticket=ticket,
                    state=ticket.state,
                    last_message_at=ticket.last_message_at,
                    ticket_updated_at=ticket.updated_at,
                )
                for ticket in tickets
            ],
            update_conflicts=True,
            unique_fields=["ticket"],
            update_fields=["state", "last_message_at", "ticket_updated_at"],
        )
    return saved
