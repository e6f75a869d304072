"""Ages of pending work from a few index lookups, independent of the number of clients."""

from datetime import datetime

from django.utils import timezone

from clients.models import Client, Status
from contracts.models import Invoice, InvoiceStatus
from support import activity
from support.models import Ticket, TicketState


def queue_ages() -> dict[str, float]:
    """Return the age in seconds of the oldest new client, waiting ticket and unpaid invoice; 0 if there is none."""
    new = Client.objects.filter(status=Status.NEW, manager=None).order_by("created_at", "id").values_list("created_at")
    invoices = Invoice.objects.filter(status=InvoiceStatus.PENDING).order_by("created_at").values_list("created_at")
    activity.refresh()
    waiting = Ticket.objects.filter(activity__state=TicketState.WAITING)
    tickets = waiting.order_by("activity__last_message_at").values_list("activity__last_message_at")
    queues = {"new_clients": new, "open_tickets": tickets, "unpaid_invoices": invoices}
    now = timezone.now()
    return {queue: _age(rows.first(), now) for queue, rows in queues.items()}


def _age(row: tuple[datetime] | None, now: datetime) -> float:
    return max(0.0, (now - row[0]).total_seconds()) if row else 0.0
