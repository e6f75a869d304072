"""How the work stands, at the price of a few index look-ups however many clients there are."""

from datetime import datetime

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from clients.models import Client, Status
from contracts.models import Invoice, InvoiceStatus
from support.models import GOING_ON, Ticket

# Up to so many rows counting takes milliseconds.
COUNTED = 100_000


def clients_by_status() -> dict[str, int]:
    """Counted when they are few, otherwise as PostgreSQL's own statistics estimate them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'manager_clients'::regclass")
        rows = cursor.fetchone()[0]
        if rows <= COUNTED:
            found = dict(Client.objects.values_list("status").annotate(Count("pk")).order_by())
        else:
            cursor.execute(
                "SELECT unnest(most_common_vals::text::text[]), unnest(most_common_freqs) * %s FROM pg_stats"
                " WHERE schemaname = current_schema() AND tablename = 'manager_clients' AND attname = 'status'",
                [rows],
            )
            found = {status: round(count) for status, count in cursor.fetchall()}
    return {status: found.get(status, 0) for status in Status.values}


def queue_ages() -> dict[str, float]:
    """Seconds for which the oldest new client, open ticket and unpaid invoice wait; 0 when there is none."""
    new = Client.objects.filter(status=Status.NEW, manager=None).order_by("created_at", "id").values_list("created_at")
    invoices = Invoice.objects.filter(status=InvoiceStatus.PENDING).order_by("created_at").values_list("created_at")
    waiting = {"new_clients": [new], "open_tickets": _tickets(), "unpaid_invoices": [invoices]}
    now = timezone.now()
    return {queue: _age([rows.first() for rows in kinds], now) for queue, kinds in waiting.items()}


def _tickets() -> list:
    """Of each status by its own: the index begins with it. By the last change, because silence is what waits."""
    ordered = Ticket.objects.order_by("updated_at", "id").values_list("updated_at")
    return [ordered.filter(status=status) for status in GOING_ON]


def _age(rows: list, now: datetime) -> float:
    return max([0.0, *((now - row[0]).total_seconds() for row in rows if row)])
