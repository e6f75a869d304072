"""What was signed and paid, by whom and when, and how long each step took: read through indexes of their times."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from clients.models import Status
from contracts.models import Contract, Invoice, InvoiceStatus

LONGEST = 92
# Steps of so many changes, evenly spread over the period, tell the median of all within about a hundredth of them.
SAMPLE = 3000


@dataclass(frozen=True)
class Period:
    """Whole Moscow days, both included; LONGEST of them at most."""

    first: date
    last: date

    @classmethod
    def latest(cls, days: int) -> "Period":
        today = timezone.localdate()
        return cls(today - timedelta(days=days - 1), today)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The first moment, and the first one after."""
        moments = (datetime.combine(day, time.min) for day in (self.first, self.last + timedelta(days=1)))
        first, after = map(timezone.make_aware, moments)
        return first, after


class Done(NamedTuple):
    """By one manager on one day."""

    day: date
    manager_id: UUID
    signed: int = 0
    paid: int = 0
    amount: Decimal = Decimal("0.00")


class StepTime(NamedTuple):
    """How long clients stayed in a status: by half and by nine tenths of them not longer, in seconds."""

    status: str
    count: int  # of those looked at
    median: float
    ninetieth: float


def done(period: Period) -> list[Done]:
    """Contracts signed and invoices paid, day by day and manager by manager."""
    first, after = period.bounds
    found = {}
    signed = Contract.objects.filter(signed_at__gte=first, signed_at__lt=after)
    for day, manager, count in _by_day(signed, "signed").annotate(Count("signed_at")).order_by():
        found[day, manager] = Done(day, manager, signed=count)
    paid = Invoice.objects.filter(status=InvoiceStatus.PAID, paid_at__gte=first, paid_at__lt=after)
    for day, manager, count, amount in _by_day(paid, "paid").annotate(Count("paid_at"), Sum("amount")).order_by():
        before = found.get((day, manager), Done(day, manager))
        found[day, manager] = before._replace(paid=count, amount=amount)
    return sorted(found.values(), key=lambda row: (row.day, str(row.manager_id)))


def _by_day(rows, deed: str):
    return rows.values_list(TruncDate(f"{deed}_at"), f"{deed}_by")


def step_times(period: Period) -> list[StepTime]:
    """In the order of the steps; those that nobody left in the period are not there."""
    with connection.cursor() as cursor:
        cursor.execute(CHANGES, period.bounds)
        every = max(1, cursor.fetchone()[0] // SAMPLE)
        cursor.execute(STEP_TIMES, [*period.bounds, every])
        found = {row[0]: StepTime(*row) for row in cursor.fetchall()}
    return [found[status] for status in Status.values if status in found]


def totals(rows: list[Done]) -> Iterator[Done]:
    """Of each manager, in the period as a whole; the one with most signatures first. `day` is the last."""
    found: dict[UUID, Done] = {}
    for row in rows:
        had = found.get(row.manager_id, Done(row.day, row.manager_id))
        found[row.manager_id] = Done(
            row.day, row.manager_id, had.signed + row.signed, had.paid + row.paid, had.amount + row.amount
        )
    return iter(sorted(found.values(), key=lambda row: (-row.signed, -row.amount, str(row.manager_id))))


# Forward on the client's way. Each may be read in the index changes_by_step alone.
FORWARD = "to_status IN ('in_verification', 'awaiting_contract', 'awaiting_payment', 'processed')"
CHANGES = f"SELECT count(*) FROM manager_client_changes WHERE {FORWARD} AND at >= %s AND at < %s"  # noqa: S608

STEP_TIMES = f"""
    WITH sampled AS MATERIALIZED (
        SELECT id FROM manager_client_changes WHERE {FORWARD} AND at >= %s AND at < %s AND id %% %s = 0
    ), taken AS (
        SELECT change.from_status AS status, extract(epoch FROM change.at - coalesce(before.at, client.created_at)) AS s
        FROM sampled
        JOIN manager_client_changes change USING (id)
        JOIN manager_clients client ON client.id = change.client_id
        LEFT JOIN LATERAL (
            SELECT at FROM manager_client_changes earlier
            WHERE earlier.client_id = change.client_id AND earlier.id < change.id
                AND earlier.from_status <> earlier.to_status
            ORDER BY earlier.id DESC LIMIT 1
        ) before ON true
        WHERE change.from_status <> change.to_status
            AND (change.from_status, change.to_status) NOT IN (
                ('processed', 'awaiting_contract'), ('awaiting_payment', 'awaiting_contract')
            )
    )
    SELECT status, count(*),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY s), percentile_cont(0.9) WITHIN GROUP (ORDER BY s)
    FROM taken GROUP BY status
"""  # noqa: S608
