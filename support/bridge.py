"""The only module that writes to the shared tables of tickets and messages.

notify_client() runs in the caller's transaction, so a change and its message are committed together.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from clients.models import Client
from foundation.database.shared import table_name
from managers.models import Manager
from support import log
from support.models import OPEN_STATUSES, Author, Message, Ticket, TicketStatus

SUBJECT = "Обслуживание устройств"
# Messages of one operation have the same `now` and are stored one microsecond apart.
SAME_OPERATION = timedelta(seconds=1)


class TicketClosed(Exception):
    """The ticket is closed; reopen it to answer."""


def notify_client(
    client: Client, body: str, *, by: Manager | None, now: datetime, log_text: str | None = None
) -> Ticket | None:
    """Post `body` to the client's open ticket, and `log_text` or else `body` to the client log.

    If the app deleted the account, post only to the log and return None: the client can't read the ticket. Raises
    ClientErased, ClientReassigned, and TransactionManagementError outside a transaction.
    """
    ticket = client.account and open_ticket(client, now=now)
    if ticket:
        post(ticket, body, now=now)
    log.add_event(client, log_text or body, by=by, now=now)
    return ticket


def open_ticket(client: Client, *, now: datetime) -> Ticket:
    """Return the client's open ticket, locked, or a new one. Concurrent callers get the same. Call it in a transaction.

    Raises ClientErased or ClientReassigned.
    """
    client = client.lock()
    # Lock the ticket, so that the app can't delete or close it before we post.
    tickets = Ticket.objects.filter(user_id=client.user_id, status__in=OPEN_STATUSES).select_for_update(no_key=True)
    ticket = (
        tickets.filter(pk=client.support_ticket_id).first()
        or tickets.order_by("-created_at", "-id").first()
        or Ticket.objects.create(user_id=client.user_id, subject=SUBJECT, created_at=now, updated_at=now)
    )
    if client.support_ticket_id != ticket.pk:
        Client.objects.filter(pk=client.pk).update(support_ticket_id=ticket.pk)
    return ticket


def post(
    ticket: Ticket, body: str, *, now: datetime, status: TicketStatus | None = None, pk: UUID | None = None
) -> Message:
    """Post a message as support and set `status` if given. Messages with the same `now` keep the order of posting."""
    recent = Message.objects.filter(ticket=ticket, author=Author.SUPPORT, created_at__range=(now, now + SAME_OPERATION))
    last = recent.aggregate(at=Max("created_at"))["at"]
    # The app sorts by created_at alone, so the times must differ.
    at = last + timedelta(microseconds=1) if last else now
    message = Message.objects.create(
        pk=pk or uuid4(), ticket=ticket, author=Author.SUPPORT, body=body, created_at=at, updated_at=at
    )
    changes = {"updated_at": at} | ({"status": status} if status else {})
    Ticket.objects.filter(pk=ticket.pk).update(**changes)
    return message


@transaction.atomic
def answer(
    ticket: Ticket, body: str, *, by: Manager, reopen: bool = False, form_id: UUID | None = None
) -> tuple[Message, bool]:
    """Post an answer and wait for the client's reply. A repeated submit of one form is posted once.

    Returns the message and whether it was created by this call. Raises TicketClosed if the ticket is closed, unless
    `reopen` is true, and Ticket.DoesNotExist if the app deleted it.
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
    """Change the ticket's status and log it. Do nothing if the ticket already has it. Raise Ticket.DoesNotExist."""
    client, ticket = _lock(ticket)
    if ticket.status == status:
        return
    now = timezone.now()
    Ticket.objects.filter(pk=ticket.pk).update(status=status, updated_at=now)
    if client:
        label = TicketStatus(status).label.lower()
        log.add_event(client, f"Обращение «{ticket.subject}»: {label}", by=by, now=now)


def delete_conversation(client: Client) -> dict[str, int]:
    """Delete the client's tickets and messages. Return the number of rows by table. Call it in a transaction."""
    tickets = Ticket.objects.filter(user_id=client.user_id)
    messages = Message.objects.filter(ticket__in=tickets).delete()[0]
    Client.objects.filter(pk=client.pk).update(support_ticket_id=None)
    return {table_name(Message): messages, table_name(Ticket): tickets.delete()[0]}


def _lock(ticket: Ticket) -> tuple[Client | None, Ticket]:
    # Lock the client first, as every operation does, to avoid deadlocks. An account may have no client.
    client = Client.objects.filter(user_id=ticket.user_id).first()
    client = client and client.lock_for_any_manager()
    return client, Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
