"""Ages of pending work, and the worker's last runs, from a few index lookups, independent of the number of clients."""

from datetime import datetime

from django.utils import timezone

from clients.models import Client, Status
from contracts.models import Invoice, InvoiceStatus
from foundation.worker import registered_jobs
from operations.models import JobRun
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


def last_successes() -> dict[str, datetime]:
    """Return when each job of the worker last succeeded; jobs that never did are missing."""
    return dict(JobRun.objects.values_list("job", "succeeded_at"))


def job_queue_ages() -> dict[str, float]:
    """Return the age in seconds of the oldest pending item of each job that has a queue; 0 if there is none."""
    now, times = timezone.now(), {job.name: job.oldest() for job in registered_jobs() if job.oldest}
    return {name: max(0.0, (now - oldest).total_seconds()) if oldest else 0.0 for name, oldest in times.items()}


def _age(row: tuple[datetime] | None, now: datetime) -> float:
    return max(0.0, (now - row[0]).total_seconds()) if row else 0.0
