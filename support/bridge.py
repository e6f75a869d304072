"""The one place that writes to the tables of the client's conversation.

Everything runs in the caller's transaction: the fact and the message that tells of it appear together or not at all.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from clients.models import Client
from managers.models import Manager
from support import log
from support.models import OPEN_STATUSES, Author, Message, Ticket, TicketStatus

SUBJECT = "Обслуживание устройств"
# A deed posts its messages as of one moment, a microsecond apart.
SAME_OPERATION = timedelta(seconds=1)


class TicketClosed(Exception):
    """The conversation is over: it takes no answer unless it is opened again."""


def notify_client(
    client: Client, body: str, *, by: Manager | None, now: datetime, log_text: str | None = None
) -> Ticket | None:
    """Post `body` to the client's open ticket, and to the manager's log (as `log_text` where that differs). To the log
    alone when the app has deleted the account: nobody would read what stands under it.

    Raises TransactionManagementError outside a transaction.
    """
    ticket = client.account and open_ticket(client, now=now)
    if ticket:
        post(ticket, body, now=now)
    log.add_event(client, log_text or body, by=by, now=now)
    return ticket


def open_ticket(client: Client, *, now: datetime) -> Ticket:
    """The client's ticket that goes on, or a new one; concurrent callers get the same. Call it in a transaction."""
    client = client.lock()
    # Held, so that the app can't delete or close it between our look and our message.
    going_on = Ticket.objects.filter(user_id=client.user_id, status__in=OPEN_STATUSES).select_for_update(no_key=True)
    ticket = (
        going_on.filter(pk=client.support_ticket_id).first()
        or going_on.order_by("-created_at", "-id").first()
        or Ticket.objects.create(user_id=client.user_id, subject=SUBJECT, created_at=now, updated_at=now)
    )
    if client.support_ticket_id != ticket.pk:
        Client.objects.filter(pk=client.pk).update(support_ticket_id=ticket.pk)
    return ticket


def post(
    ticket: Ticket, body: str, *, now: datetime, status: TicketStatus | None = None, pk: UUID | None = None
) -> Message:
    """Post as support; with `status`, move the ticket there. Messages of one `now` keep the order of posting."""
    ours = Message.objects.filter(ticket=ticket, author=Author.SUPPORT, created_at__range=(now, now + SAME_OPERATION))
    last = ours.aggregate(at=Max("created_at"))["at"]
    # The app sorts by this time alone.
    at = last + timedelta(microseconds=1) if last else now
    message = Message.objects.create(
        pk=pk or uuid4(), ticket=ticket, author=Author.SUPPORT, body=body, created_at=at, updated_at=at
    )
    changed = {"updated_at": at} | ({"status": status} if status else {})
    Ticket.objects.filter(pk=ticket.pk).update(**changed)
    return message


@transaction.atomic
def answer(
    ticket: Ticket, body: str, *, by: Manager, reopen: bool = False, form_id: UUID | None = None
) -> tuple[Message, bool]:
    """Answer the client, who is now to reply; the same from one form is posted once. Returns the message, and whether
    it was posted now.

    Raises TicketClosed for one that is over, unless `reopen`, and Ticket.DoesNotExist when the app has deleted it.
    """
    client, ticket = _lock(ticket)
    pk = log.id_from_form(form_id, ticket.pk, body)
    if sent := Message.objects.filter(pk=pk).first():
        return sent, False
    if not (ticket.is_open or reopen):
        raise TicketClosed
    now = timezone.now()
    message = post(ticket, body, now=now, status=TicketStatus.PENDING, pk=pk)
    if client:
        log.add_event(client, f"Ответ поддержки: {body}", by=by, now=now)
    return message, True


@transaction.atomic
def set_status(ticket: Ticket, status: TicketStatus, *, by: Manager) -> None:
    """Move the ticket to `status`; nothing happens when it is there. Raises Ticket.DoesNotExist."""
    client, ticket = _lock(ticket)
    if ticket.status == status:
        return
    now = timezone.now()
    Ticket.objects.filter(pk=ticket.pk).update(status=status, updated_at=now)
    if client:
        label = TicketStatus(status).label.lower()
        log.add_event(client, f"Обращение «{ticket.subject}»: {label}", by=by, now=now)


def delete_conversation(client: Client) -> dict[str, int]:
    """Delete the client's whole conversation; returns how many rows of which table. Call it in a transaction."""
    tickets = Ticket.objects.filter(user_id=client.user_id)
    messages = Message.objects.filter(ticket__in=tickets).delete()[0]
    Client.objects.filter(pk=client.pk).update(support_ticket_id=None)
    return {Message._meta.db_table: messages, Ticket._meta.db_table: tickets.delete()[0]}


def _lock(ticket: Ticket) -> tuple[Client | None, Ticket]:
    # The client first: every deed on a client takes its locks in this order. An account may have no client.
    client = Client.objects.filter(user_id=ticket.user_id).first()
    client = client and client.lock_for_any_manager()
    return client, Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
