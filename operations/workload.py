"""Ages of pending work from a few index lookups, independent of the number of clients."""

from datetime import datetime

from django.utils import timezone

from clients.models import Client, Status
from contracts.models import Invoice, InvoiceStatus
from support.models import OPEN_STATUSES, Ticket


def queue_ages() -> dict[str, float]:
    """Return the age in seconds of the oldest new client, open ticket and unpaid invoice; 0 if there is none."""
    new = Client.objects.filter(status=Status.NEW, manager=None).order_by("created_at", "id").values_list("created_at")
    invoices = Invoice.objects.filter(status=InvoiceStatus.PENDING).order_by("created_at").values_list("created_at")
    waiting = {"new_clients": [new], "open_tickets": _open_tickets_by_status(), "unpaid_invoices": [invoices]}
    now = timezone.now()
    return {queue: _age([rows.first() for rows in kinds], now) for queue, kinds in waiting.items()}


def _open_tickets_by_status() -> list:
    """One query per status, because the index starts with it.

    Ordered by the last change: the age of a ticket is the time since its last activity.
    """
    ordered = Ticket.objects.order_by("updated_at", "id").values_list("updated_at")
    return [ordered.filter(status=status) for status in OPEN_STATUSES]


def _age(rows: list, now: datetime) -> float:
    return max([0.0, *((now - row[0]).total_seconds() for row in rows if row)])
