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
from support import activity, log
from support.models import Author, MaskedMessage, Message, Ticket, TicketActivity, TicketState, TicketStatus

# The subject of the only ticket that gets our notifications. Tickets with other subjects are the client's own.
CONTRACT_SUBJECT = "Оформление договора"
# Anybody who knows a number can have a code for copies sent. So these don't count as an answer in the other ticket.
COPY_SUBJECT = "Копии документов"
# Messages of one operation have the same `now`, and the app's clock may be fast.
CLOCK_SKEW = timedelta(minutes=5)


class TicketClosed(Exception):
    """The ticket is closed; reopen it to answer."""


class ClientWrote(Exception):
    """The client wrote after the page was opened."""


def notify_client(
    client: Client,
    body: str,
    *,
    by: Manager | None,
    now: datetime,
    masked: str | None = None,
    log_text: str | None = None,
) -> Ticket | None:
    """Post `body` to the client's contract ticket, where staff read `masked` if it is given.

    The client log gets `log_text`, or else what staff read in the ticket.

    If the app deleted the account, post only to the log and return None: the client can't read the ticket. Raises
    ClientErased, ClientReassigned, and TransactionManagementError outside a transaction.
    """
    staff_text = body if masked is None else masked
    message = post_to_client(client, body, now=now, masked=masked)
    log.add_event(client, staff_text if log_text is None else log_text, by=by, now=now)
    return message and message.ticket


def post_to_client(
    client: Client, body: str, *, now: datetime, masked: str | None = None, subject: str = CONTRACT_SUBJECT
) -> Message | None:
    """Post `body` to the client's ticket with `subject`, where staff read `masked` if it is given.

    Returns None if the app deleted the account. Raises as notify_client() does.
    """
    if client.account is None:
        return None
    ticket = contract_ticket(client, now=now) if subject == CONTRACT_SUBJECT else _own_ticket(client, subject, now=now)
    message = post(ticket, body, now=now, status=None if ticket.is_open else TicketStatus.OPEN)
    if masked is not None:
        MaskedMessage.objects.create(message=message, body=masked)
    return message


def contract_ticket(client: Client, *, now: datetime) -> Ticket:
    """Return the client's ticket with CONTRACT_SUBJECT, locked, or a new one; its status may be closed.

    Codes, invoices and consents must not end up in a complaint, so the subject decides, not the ticket that was used
    last. Concurrent callers get the same ticket. Call it in a transaction. Raises ClientErased or ClientReassigned.
    """
    client = client.lock()
    ticket = _own_ticket(client, CONTRACT_SUBJECT, now=now, preferred=client.support_ticket_id)
    if client.support_ticket_id != ticket.pk:
        Client.objects.filter(pk=client.pk).update(support_ticket_id=ticket.pk)
    return ticket


def _own_ticket(client: Client, subject: str, *, now: datetime, preferred: UUID | None = None) -> Ticket:
    """Return the client's ticket with `subject`, locked, or a new one. The caller holds the client's lock."""
    # Locked, so that the app can't delete or close it before we post.
    tickets = Ticket.objects.filter(user_id=client.user_id, subject=subject).select_for_update(no_key=True)
    return (
        tickets.filter(pk=preferred).first()
        or tickets.order_by("-created_at", "-id").first()
        or Ticket.objects.create(user_id=client.user_id, subject=subject, created_at=now, updated_at=now)
    )


def post(
    ticket: Ticket, body: str, *, now: datetime, status: TicketStatus | None = None, pk: UUID | None = None
) -> Message:
    """Post a message as support and set `status` if given. It is later than messages up to CLOCK_SKEW after `now`."""
    recent = Message.objects.filter(ticket=ticket, created_at__range=(now, now + CLOCK_SKEW))
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
    if ticket.state == TicketState.CLOSED and not reopen:
        raise TicketClosed
    now = timezone.now()
    message = post(ticket, body, now=now, status=TicketStatus.PENDING, pk=pk)
    if client:
        log.add_event(client, f"Ответ поддержки: {body}", by=by, now=now)
    return message, True


@transaction.atomic
def set_status(ticket: Ticket, status: TicketStatus, *, by: Manager, last_seen: UUID | None = None) -> None:
    """Change the ticket's status and log it. Do nothing if the ticket already has it. Raise Ticket.DoesNotExist.

    Closing a ticket again after the client has reopened it is a change. Raises ClientWrote if a message that is newer
    than `last_seen` would be closed unread.
    """
    client, ticket = _lock(ticket)
    is_unread = ticket.state == TicketState.WAITING and ticket.last_message and ticket.last_message.pk != last_seen
    if last_seen and is_unread and status == TicketStatus.CLOSED:
        raise ClientWrote
    if ticket.status == status and not ticket.is_reopened:
        return
    now = timezone.now()
    # Not before the last message, or it would reopen the ticket: the app's clock may be fast.
    Ticket.objects.filter(pk=ticket.pk).update(status=status, updated_at=max(now, ticket.last_message_at))
    if client:
        label = TicketStatus(status).label.lower()
        log.add_event(client, f"Обращение «{ticket.subject}»: {label}", by=by, now=now)


def delete_conversation(client: Client) -> dict[str, int]:
    """Delete the client's tickets and messages. Return the number of rows by table. Call it in a transaction."""
    tickets = Ticket.objects.filter(user_id=client.user_id)
    messages = Message.objects.filter(ticket__in=tickets)
    TicketActivity.objects.filter(ticket__in=tickets).delete()
    Client.objects.filter(pk=client.pk).update(support_ticket_id=None)
    return {
        table_name(MaskedMessage): MaskedMessage.objects.filter(message__in=messages).delete()[0],
        table_name(Message): messages.delete()[0],
        table_name(Ticket): tickets.delete()[0],
    }


def _lock(ticket: Ticket) -> tuple[Client | None, Ticket]:
    # Lock the client first, as every operation does, to avoid deadlocks. An account may have no client.
    client = Client.objects.filter(user_id=ticket.user_id).first()
    client = client and client.lock_for_any_manager()
    ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
    return client, activity.load_last_messages([ticket])[0]
