"""The one place that writes to the tables of the client's conversation.

Everything runs in the caller's transaction: the fact and the message that tells of it appear together or not at all.
"""

from datetime import datetime

from clients.models import Client
from managers.models import Manager
from support import log
from support.models import GOING_ON, Author, Message, Ticket, TicketStatus

SUBJECT = "Обслуживание устройств"


def tell_client(
    client: Client, body: str, *, by: Manager | None, now: datetime, logged_as: str | None = None
) -> Ticket:
    """Post `body` to the client's open ticket, and to the manager's log (as `logged_as` where that differs)."""
    ticket = open_ticket(client, now=now)
    post(ticket, body, now=now)
    log.event(client, logged_as or body, by=by, now=now)
    return ticket


def open_ticket(client: Client, *, now: datetime) -> Ticket:
    """The client's ticket that goes on, or a new one; concurrent callers get the same. Call it in a transaction."""
    client = client.locked()
    going_on = Ticket.objects.filter(user_id=client.user_id, status__in=GOING_ON)
    ticket = (
        going_on.filter(pk=client.support_ticket_id).first()
        or going_on.order_by("-created_at").first()
        or Ticket.objects.create(user_id=client.user_id, subject=SUBJECT, created_at=now, updated_at=now)
    )
    if client.support_ticket_id != ticket.pk:
        Client.objects.filter(pk=client.pk).update(support_ticket_id=ticket.pk)
    return ticket


def post(ticket: Ticket, body: str, *, now: datetime, status: TicketStatus | None = None) -> Message:
    """Post as support; with `status`, move the ticket there."""
    message = Message.objects.create(ticket=ticket, author=Author.SUPPORT, body=body, created_at=now, updated_at=now)
    changed = {"updated_at": now} | ({"status": status} if status else {})
    Ticket.objects.filter(pk=ticket.pk).update(**changed)
    return message


def set_status(ticket: Ticket, status: TicketStatus, *, now: datetime) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(status=status, updated_at=now)
