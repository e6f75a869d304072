"""Mirror invoices into the app's table `user_invoices`, under the same id, in the caller's transaction.

The app shows an invoice unless its status is `paid` or its due date has passed. The table has two shapes: made by the
app itself, or by the older manager system; the app may change one into the other. A table that can't hold our invoices
is reported and never stops our own work: `sync_invoices` repairs the rows later.

A cancelled invoice keeps its row, with a due date in the past: the client no longer sees it, but a payment that they
have already begun at the bank is still recorded there by the app. Deleting the row would lose that payment.
"""

import logging
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from clients.exceptions import ClientErased
from clients.models import Client
from contracts.models import Invoice, InvoiceStatus
from contracts.shared import PAID, SharedInvoice, SharedPayment
from foundation.russian import money

logger = logging.getLogger(__name__)

# The due date in the app is at least this far ahead, so that it shows overdue invoices too, even if `sync_invoices` did
# not run for some days.
MIN_TERM = timedelta(days=7)
SHAPE_CACHE_SECONDS = 60
BATCH_SIZE = 500
WHOLE_NUMBER_TYPES = ("int2", "int4", "int8")
# Labels that both versions of the app know. The app answers with an error when it reads others.
OPEN_LABELS, CANCELLED_LABEL = ("pending", "new"), "canceled"
INVOICE_COLUMNS = {field.column for field in SharedInvoice._meta.concrete_fields}
PAYMENT_COLUMNS = {field.column for field in SharedPayment._meta.concrete_fields}
COLUMNS_SQL = """
    SELECT attrelid = to_regclass(%(invoices)s), attname, typname,
        ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = pg_type.oid ORDER BY enumsortorder)
    FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
    WHERE attrelid IN (to_regclass(%(invoices)s), to_regclass(%(payments)s)) AND attnum > 0 AND NOT attisdropped
"""


class MirrorUnavailable(Exception):
    """The app's tables can't hold our invoices. The text says why, for operators."""


@dataclass(frozen=True)
class Shape:
    """What this database's `user_invoices` accepts."""

    has_whole_rubles: bool
    open_status: str
    cancelled_status: str


@dataclass(frozen=True)
class SyncResult:
    saved: int
    failed: int


def current_shape() -> Shape:
    """Return the shape of the app's table, cached for a minute. Raises MirrorUnavailable."""
    shape, problem = _cached_shape(int(time.monotonic() // SHAPE_CACHE_SECONDS))
    if shape is None:
        raise MirrorUnavailable(problem)
    return shape


def forget_shape() -> None:
    """Read the shape again on next use."""
    _cached_shape.cache_clear()


def problem() -> str:
    """Return why invoices can't be mirrored, or "": for checks and readiness."""
    forget_shape()
    try:
        current_shape()
    except MirrorUnavailable as unavailable:
        return str(unavailable)
    return ""


@lru_cache(maxsize=1)
def _cached_shape(minute: int) -> tuple[Shape | None, str]:
    invoices, payments = _columns()
    missing = [f"user_invoices.{name}" for name in sorted(INVOICE_COLUMNS - invoices.keys())]
    missing += [f"user_invoice_payments.{name}" for name in sorted(PAYMENT_COLUMNS - payments.keys())]
    if missing:
        return None, f"missing in the database of «Привет Супер»: {', '.join(missing)}"
    labels = invoices["status"][1]
    if labels and not (PAID in labels and set(OPEN_LABELS) & set(labels)):
        return None, f"user_invoices.status has unknown labels: {', '.join(labels)}"
    open_status = next(label for label in OPEN_LABELS if label in labels) if labels else OPEN_LABELS[-1]
    # Without the label, the due date alone hides a cancelled invoice.
    cancelled = CANCELLED_LABEL if not labels or CANCELLED_LABEL in labels else open_status
    return Shape(invoices["amount"][0] in WHOLE_NUMBER_TYPES, open_status, cancelled), ""


def _columns() -> tuple[dict, dict]:
    """Return the columns of the two tables: name to type and enum labels. {} if there is no such table."""
    invoices, payments = {}, {}
    names = {"invoices": SharedInvoice._meta.db_table, "payments": SharedPayment._meta.db_table}
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS_SQL, names)
        for is_of_invoices, name, kind, labels in cursor.fetchall():
            (invoices if is_of_invoices else payments)[name] = kind, labels
    return invoices, payments


def mirror_invoice(client: Client, invoice: Invoice, *, now: datetime, reopen: bool = False) -> bool:
    """Insert or update the row of `invoice`. The caller's transaction holds the client's lock.

    An open invoice that the app has marked as paid stays as it is, unless `reopen` is true. Returns whether the row is
    as it should be; a failure is logged and changes nothing.
    """
    for _ in range(2):  # the second time with the shape read again
        try:
            with transaction.atomic():
                _save_row(client, invoice, current_shape(), now, reopen)
            return True
        except MirrorUnavailable as unavailable:
            reason = str(unavailable)
        except DatabaseError as error:
            reason = type(error).__name__  # not its text, which may contain values
        forget_shape()
    logger.error("invoice %s is not mirrored: %s", invoice.pk, reason)
    return False


def _save_row(client: Client, invoice: Invoice, shape: Shape, now: datetime, reopen: bool) -> None:
    row = _lock_row(invoice)
    if row is None:
        if invoice.status == InvoiceStatus.PENDING and client.account:
            values = _open_values(client, invoice, shape, now)
            SharedInvoice.objects.create(id=invoice.pk, created_at=invoice.created_at, updated_at=now, **values)
        return
    if row.status == PAID and not reopen:
        return
    if invoice.status == InvoiceStatus.PENDING:
        values = _open_values(client, invoice, shape, now)
    elif invoice.status == InvoiceStatus.PAID:
        values = {"status": PAID}
    else:
        values = {"status": shape.cancelled_status, "due_date": now - timedelta(days=1)}
    if _differs(row, values):
        SharedInvoice.objects.filter(pk=row.pk).update(**values, updated_at=now)


def lock_invoice(invoice: Invoice) -> None:
    """Lock the row, if there is one, so that the app can't mark it as paid before the transaction ends."""
    try:
        with transaction.atomic():
            current_shape()
            _lock_row(invoice)
    except OperationalError:  # the connection or a time limit
        raise
    except (MirrorUnavailable, DatabaseError):
        pass  # reported when the row is saved


def _lock_row(invoice: Invoice) -> SharedInvoice | None:
    return SharedInvoice.objects.select_for_update(no_key=True).filter(pk=invoice.pk).first()


def _open_values(client: Client, invoice: Invoice, shape: Shape, now: datetime) -> dict:
    due_on = max(invoice.due_on, timezone.localdate(now) + MIN_TERM)
    notes = [invoice.description]
    if shape.has_whole_rubles and invoice.amount % 1:
        notes.append(f"Точная сумма: {money.format_rubles(invoice.amount)}")
    if due_on != invoice.due_on:
        notes.append(f"Оплатить до {invoice.due_on:%d.%m.%Y}")
    amount = invoice.amount.quantize(Decimal(1), rounding=ROUND_CEILING) if shape.has_whole_rubles else invoice.amount
    return {
        "client_id": client.user_id,
        "amount": amount,
        "description": ". ".join(notes),
        "contract_number": invoice.contract.number,
        # Late in the day, so that the date is the same in Moscow and in UTC.
        "due_date": timezone.make_aware(datetime.combine(due_on, time_of_day(23, 59))),
        "status": shape.open_status,
    }


def _differs(row: SharedInvoice, values: dict) -> bool:
    # Not by the amount, which the table may round.
    compared = {name: value for name, value in values.items() if name not in ("amount", "due_date")}
    if any(getattr(row, name) != value for name, value in compared.items()):
        return True
    return "due_date" in values and _day(row.due_date) != _day(values["due_date"])


def _day(moment: datetime | date | None) -> date | None:
    """The day of a due date, which one shape stores with a time and the other without."""
    return timezone.localdate(moment) if isinstance(moment, datetime) else moment


def erase_descriptions(invoices: QuerySet[Invoice]) -> None:
    """Erase the texts in the app's table: a manager may have typed personal data. Call it in a transaction."""
    try:
        with transaction.atomic():
            current_shape()
            SharedInvoice.objects.filter(pk__in=list(invoices.values_list("pk", flat=True))).update(description="")
    except MirrorUnavailable as unavailable:
        logger.error("descriptions of invoices are not erased in the app: %s", unavailable)


def sync_invoices() -> SyncResult:
    """Mirror every open invoice, renew the due dates, and hide paid and cancelled ones that the app still shows.

    Idempotent. Raises MirrorUnavailable.
    """
    current_shape()
    now, results = timezone.now(), []
    for pk in _outdated(now):
        with transaction.atomic():
            invoice = Invoice.objects.select_related("contract__client").get(pk=pk)
            try:
                client = invoice.contract.client.lock_for_any_manager()
            except ClientErased:
                continue
            invoice.refresh_from_db(fields=["status"])
            results.append(mirror_invoice(client, invoice, now=now))
    return SyncResult(results.count(True), results.count(False))


def _outdated(now: datetime) -> list:
    """Ids of invoices whose row is missing or differs, read without locks."""
    shape, found = current_shape(), []
    # Joins the account: without one there is no row.
    related = Invoice.objects.select_related("contract__client__user").defer("contract__encrypted_snapshot")
    pending = list(related.filter(status=InvoiceStatus.PENDING, contract__client__user__isnull=False))
    for start in range(0, len(pending), BATCH_SIZE):
        batch = pending[start : start + BATCH_SIZE]
        rows = SharedInvoice.objects.in_bulk([invoice.pk for invoice in batch])
        for invoice in batch:
            row = rows.get(invoice.pk)
            expected = _open_values(invoice.contract.client, invoice, shape, now)
            if row is None or row.status != PAID and _differs(row, expected):
                found.append(invoice.pk)
    is_visible = ~Q(status=PAID) & (Q(due_date=None) | Q(due_date__gte=now))
    visible = SharedInvoice.objects.filter(is_visible).values("pk")
    settled = Invoice.objects.exclude(status=InvoiceStatus.PENDING).filter(pk__in=visible)
    return found + list(settled.values_list("pk", flat=True))
