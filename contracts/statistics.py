"""Contracts signed, invoices paid and step durations of a period, read through indexes on the times."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, FilteredRelation, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from clients.models import Status
from contracts.models import Contract, FraudSignal, Invoice, InvoiceStatus, PaymentClaim, PaymentMethod, SignalKind
from contracts.payment_claims import ClaimOutcome
from links.models import Place

MAX_DAYS = 92
# Number of status changes to sample, evenly over the period; the median is accurate to about 1 %.
SAMPLE_SIZE = 2000


@dataclass(frozen=True)
class Period:
    """Whole days in Moscow time, from `first` to `last` inclusive; at most MAX_DAYS."""

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
    def midnights(self) -> list[datetime]:
        """The start of each day, and the end of the last one."""
        days = [*self.days, self.last + timedelta(days=1)]
        return [timezone.make_aware(datetime.combine(day, time.min)) for day in days]

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The start of the first day and the end of the last one."""
        start, *_, end = self.midnights
        return start, end


class Totals(NamedTuple):
    """Totals of one manager on one day. In aggregated rows the day or the manager is None."""

    day: date | None
    manager_id: UUID | None
    signed: int = 0
    paid: int = 0
    amount: Decimal = Decimal("0.00")
    code_by_manager: int = 0  # of `signed`: contracts for which the manager entered the client's code
    signals: int = 0  # fraud signals; not in totals_by_day


class MethodTotals(NamedTuple):
    """Invoices paid by one method."""

    method: PaymentMethod
    paid: int
    amount: Decimal


class ClaimTotals(NamedTuple):
    """Claims with one outcome: number of invoices and the amount that the app reports."""

    outcome: ClaimOutcome
    invoices: int
    amount: Decimal


class StepDuration(NamedTuple):
    """Median and 90th percentile of the time in a status, in seconds."""

    status: str
    count: int  # size of the sample
    median: float
    percentile_90: float


def daily_totals_by_manager(period: Period) -> list[Totals]:
    """Return contracts signed, invoices paid and fraud signals, one row per day and manager."""
    return sorted(_sums(period, "day", "manager_id"), key=lambda row: (row.day, str(row.manager_id)))


def totals_by_day(period: Period) -> list[Totals]:
    """Return the totals of all managers for each day of the period, without signals."""
    midnights = period.midnights
    with connection.cursor() as cursor:
        cursor.execute(TOTALS_BY_DAY_SQL, [period.days, midnights[:-1], midnights[1:]])
        return [Totals(day, None, *sums) for day, *sums in cursor.fetchall()]


def totals_by_manager(period: Period) -> list[Totals]:
    """Return each manager's totals of the whole period, most signatures first."""
    return sorted(_sums(period, "manager_id"), key=lambda row: (-row.signed, -row.amount, str(row.manager_id)))


def _sums(period: Period, *keys: str) -> list[Totals]:
    """Aggregate in the database, with index-only scans of contracts_signed_by, invoices_paid and signals_by_time."""
    start, end = period.bounds
    signed = Contract.objects.filter(signed_at__gte=start, signed_at__lt=end)
    paid = _paid(period)
    signals = _grouped(_signals(period), "at", "manager", keys)
    totals: dict[tuple, Totals] = {}
    counts = {"count": Count("signed_at"), "by_manager": Count("signed_at", filter=Q(code_entered_on=Place.MANAGER))}
    for *key, count, by_manager in _grouped(signed, "signed_at", "signed_by", keys).annotate(**counts).order_by():
        totals[tuple(key)] = _empty_totals(keys, key)._replace(signed=count, code_by_manager=by_manager)
    payments = _grouped(paid, "paid_at", "paid_by", keys)
    for *key, count, amount in payments.annotate(Count("paid_at"), Sum("amount")).order_by():
        row = totals.get(tuple(key)) or _empty_totals(keys, key)
        totals[tuple(key)] = row._replace(paid=count, amount=amount)
    for *key, count in signals.annotate(Count("at")).order_by():
        row = totals.get(tuple(key)) or _empty_totals(keys, key)
        totals[tuple(key)] = row._replace(signals=count)
    return list(totals.values())


def _paid(period: Period) -> QuerySet[Invoice]:
    """Invoices paid in the period. An undone payment is none, also on a day of the past."""
    start, end = period.bounds
    return Invoice.objects.filter(status=InvoiceStatus.PAID, paid_at__gte=start, paid_at__lt=end)


def totals_by_method(period: Period) -> list[MethodTotals]:
    """Return the paid invoices by method, in the order of PaymentMethod. The sums are those of the other totals."""
    sums = _by_method(period).values_list("method").annotate(Count("pk"), Sum("amount"))
    found = {method: MethodTotals(PaymentMethod(method), *values) for method, *values in sums}
    return [found[method] for method in PaymentMethod.values if method in found]


def daily_amounts_by_method(period: Period) -> dict[tuple[date, UUID | None], dict[str, Decimal]]:
    """Return the amounts paid by method, in rubles, for each day and manager."""
    rows = _by_method(period).values_list(TruncDate("paid_at"), "paid_by", "method").annotate(Sum("amount"))
    amounts: dict[tuple, dict] = {}
    for day, manager_id, method, amount in rows:
        amounts.setdefault((day, manager_id), {})[method] = amount
    return amounts


def _by_method(period: Period) -> QuerySet[Invoice]:
    """Invoices with `method`: that of the payment in force, or UNKNOWN if there is none."""
    in_force = FilteredRelation("payments", condition=Q(payments__undone_at=None))
    method = Coalesce("in_force__method", Value(PaymentMethod.UNKNOWN.value))
    return _paid(period).annotate(in_force=in_force).annotate(method=method).order_by()


def _grouped(rows, at: str, by: str, keys: tuple[str, ...]):
    """Group by the day of the column `at` and the manager in the column `by`, or by one of them."""
    columns = {"day": TruncDate(at), "manager_id": F(by)}
    return rows.values_list(*(columns[key] for key in keys))


def _signals(period: Period) -> QuerySet[FraudSignal]:
    start, end = period.bounds
    return FraudSignal.objects.filter(at__gte=start, at__lt=end)


def signals_by_kind(period: Period) -> list[tuple[SignalKind, int]]:
    """Return how many signals of each kind were recorded in the period, in the order of SignalKind."""
    counts = dict(_signals(period).values_list("kind").annotate(Count("at")).order_by())
    return [(kind, counts[kind]) for kind in SignalKind if kind in counts]


def _empty_totals(keys: tuple[str, ...], key: list) -> Totals:
    return Totals(None, None)._replace(**dict(zip(keys, key, strict=True)))


def claim_totals(period: Period) -> list[ClaimTotals]:
    """Return the claims noted in the period, by outcome in the order of ClaimOutcome. They count as no payments."""
    start, end = period.bounds
    noted = PaymentClaim.objects.filter(noted_at__gte=start, noted_at__lt=end).order_by()
    sums = noted.values_list("outcome").annotate(
        Count("invoice", distinct=True), Sum("amount", default=Decimal("0.00"))
    )
    found = {outcome: ClaimTotals(ClaimOutcome(outcome), *values) for outcome, *values in sums}
    return [found[outcome] for outcome in ClaimOutcome.values if outcome in found]


def unchecked_claims() -> ClaimTotals:
    """Return all open claims, whenever they were noted."""
    totals = PaymentClaim.objects.open().aggregate(
        invoices=Count("invoice", distinct=True), amount=Sum("amount", default=Decimal("0.00"))
    )
    return ClaimTotals(ClaimOutcome.OPEN, **totals)


def step_durations(period: Period) -> list[StepDuration]:
    """Return the durations in the order of the steps, without steps that no client left in the period."""
    with connection.cursor() as cursor:
        cursor.execute(STEP_DURATIONS_SQL, period.bounds * 2)
        by_status = {row[0]: StepDuration(*row) for row in cursor.fetchall()}
    return [by_status[status] for status in Status.values if status in by_status]


# One index range per day; grouping by the computed day of each row takes four times as long.
TOTALS_BY_DAY_SQL = """
    SELECT day, signed, paid, amount
    FROM unnest(%s::date[], %s::timestamptz[], %s::timestamptz[]) AS days (day, midnight, next_midnight)
    CROSS JOIN LATERAL (
        SELECT count(*) AS signed FROM manager_contracts WHERE signed_at >= midnight AND signed_at < next_midnight
    ) AS contracts
    CROSS JOIN LATERAL (
        SELECT count(*) AS paid, coalesce(sum(amount), 0) AS amount FROM manager_invoices
        WHERE status = 'paid' AND paid_at >= midnight AND paid_at < next_midnight
    ) AS invoices
    ORDER BY day
"""

# Forward status changes in the period; an index-only scan of changes_by_step.
FORWARD_CHANGES_SQL = """
    FROM manager_client_changes
    WHERE to_status IN ('in_verification', 'awaiting_contract', 'awaiting_payment', 'processed')
        AND at >= %s AND at < %s
"""

# Materialized, because otherwise each percentile would repeat the lookups.
STEP_DURATIONS_SQL = f"""
    WITH counted AS (
        SELECT greatest(1, count(*) / {SAMPLE_SIZE}) AS every {FORWARD_CHANGES_SQL}
    ), sampled AS MATERIALIZED (
        SELECT id {FORWARD_CHANGES_SQL} AND id %% (SELECT every FROM counted) = 0
    ), taken AS MATERIALIZED (
        SELECT change.from_status AS status, extract(epoch FROM change.at - coalesce(
            (
                SELECT at FROM manager_client_changes earlier
                WHERE earlier.client_id = change.client_id AND earlier.id < change.id
                    AND earlier.from_status <> earlier.to_status
                ORDER BY earlier.id DESC LIMIT 1
            ),
            (SELECT created_at FROM manager_clients client WHERE client.id = change.client_id)
        )) AS s
        FROM sampled
        JOIN manager_client_changes change USING (id)
        WHERE change.from_status <> change.to_status
            AND (change.from_status, change.to_status) NOT IN (
                ('processed', 'awaiting_contract'), ('awaiting_payment', 'awaiting_contract'),
                ('processed', 'awaiting_payment')
            )
    )
    SELECT status, count(*),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY s), percentile_cont(0.9) WITHIN GROUP (ORDER BY s)
    FROM taken GROUP BY status
"""  # noqa: S608
