"""Ages of pending work, and the worker's last runs, from a few index lookups, independent of the number of clients."""

from datetime import datetime

from django.utils import timezone

from clients.models import Client, Status
from contracts.models import Invoice, InvoiceStatus
from foundation.worker import registered_jobs
from operations.models import JobRun
from support.models import OPEN_STATUSES, Ticket


def queue_ages() -> dict[str, float]:
    """Return the age in seconds of the oldest new client, open ticket and unpaid invoice; 0 if there is none."""
    new = Client.objects.filter(status=Status.NEW, manager=None).order_by("created_at", "id").values_list("created_at")
    invoices = Invoice.objects.filter(status=InvoiceStatus.PENDING).order_by("created_at").values_list("created_at")
    waiting = {"new_clients": [new], "open_tickets": _open_tickets_by_status(), "unpaid_invoices": [invoices]}
    now = timezone.now()
    return {queue: _age([rows.first() for rows in kinds], now) for queue, kinds in waiting.items()}


def last_successes() -> dict[str, datetime]:
    """Return when each job of the worker last succeeded; jobs that never did are missing."""
    return dict(JobRun.objects.values_list("job", "succeeded_at"))


def job_queue_ages() -> dict[str, float]:
    """Return the age in seconds of the oldest pending item of each job that has a queue; 0 if there is none."""
    now, times = timezone.now(), {job.name: job.oldest() for job in registered_jobs() if job.oldest}
    return {name: max(0.0, (now - oldest).total_seconds()) if oldest else 0.0 for name, oldest in times.items()}


def _open_tickets_by_status() -> list:
    """One query per status, because the index starts with it.

    Ordered by the last change: the age of a ticket is the time since its last activity.
    """
    ordered = Ticket.objects.order_by("updated_at", "id").values_list("updated_at")
    return [ordered.filter(status=status) for status in OPEN_STATUSES]


def _age(rows: list, now: datetime) -> float:
    return max([0.0, *((now - row[0]).total_seconds() for row in rows if row)])
