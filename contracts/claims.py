"""Payments that the app reports. They are claims: any client of the app can mark an invoice as paid.

The app marks the row of `user_invoices` as paid and inserts a row of `user_invoice_payments`. Each such row is recorded
once as a `PaymentClaim`, under the client's lock; so is a mark without such a row. What the app stores is foreign
input.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from clients.models import Client
from contracts import mirror
from contracts.models import Invoice, InvoiceStatus, PaymentClaim
from contracts.payment_claims import ClaimOutcome
from contracts.shared import PAID, SUCCESS, SharedInvoice
from foundation.russian import money
from managers.models import Manager
from support import log

logger = logging.getLogger(__name__)

MAX_AMOUNT = Decimal(10**10 - 1)  # what our column can hold


@dataclass(frozen=True)
class AppPayment:
    """A successful payment row of the app, or (with None in all other fields) the mark "paid" of an invoice."""

    invoice_id: UUID
    payment_id: UUID | None = None
    payer_id: UUID | None = None
    amount: Decimal | None = None
    paid_at: datetime | None = None


def current_invoices() -> QuerySet[Invoice]:
    """Invoices under contracts that were signed since the client was claimed. Earlier ones belong to erased data."""
    return Invoice.objects.filter(contract__signed_at__gte=F("contract__client__claimed_at"))


def unnoted(invoices: QuerySet[Invoice]) -> list[AppPayment]:
    """Return what the app reports about `invoices` and is not recorded yet. Raises what log_unreadable() catches."""
    mirror.current_shape()
    rows = SharedInvoice.objects.filter(pk__in=invoices.values("pk")).values_list(
        "pk", "status", "payments__id", "payments__status", "payments__client_id", "payments__amount",
        "payments__paid_at",
    )  # fmt: skip
    reported = list(_app_payments(rows))
    if not reported:
        return []
    ids = {payment.invoice_id for payment in reported}
    status_of = dict(Invoice.objects.filter(pk__in=ids).values_list("pk", "status"))
    # By payment too: the app may have moved a payment to another invoice.
    payment_ids = {payment.payment_id for payment in reported if payment.payment_id}
    claims = list(PaymentClaim.objects.filter(Q(invoice__in=ids) | Q(payment_id__in=payment_ids)))
    noted = {claim.payment_id for claim in claims}
    found = [payment for payment in reported if payment.payment_id and payment.payment_id not in noted]
    for invoice_id in {payment.invoice_id for payment in reported if payment.payment_id is None}:
        own = [claim for claim in claims if claim.invoice_id == invoice_id]
        is_answered = {
            InvoiceStatus.PENDING: any(claim.resolved_at is None for claim in own),
            InvoiceStatus.CANCELLED: bool(own),
            InvoiceStatus.PAID: True,  # we have marked it ourselves
        }[status_of[invoice_id]]
        if not is_answered and all(payment.invoice_id != invoice_id for payment in found):
            found.append(AppPayment(invoice_id))
    return found


@contextmanager
def log_unreadable() -> Iterator[None]:
    """Log that the app's tables can't be read, instead of raising."""
    try:
        yield
    except (mirror.MirrorUnavailable, DatabaseError) as error:
        logger.error("payments in the app can't be read: %s", type(error).__name__)
        mirror.forget_shape()


def _app_payments(rows: Iterable[tuple]) -> Iterable[AppPayment]:
    for invoice_id, status, payment_id, payment_status, payer_id, amount, paid_at in rows:
        if payment_id and payment_status == SUCCESS:
            yield AppPayment(invoice_id, payment_id, payer_id, _rubles(amount), paid_at)
        if status == PAID:
            yield AppPayment(invoice_id)


def _rubles(value) -> Decimal | None:
    """The amount, or None if it is out of range: the column is the app's."""
    try:
        amount = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
    return amount if amount.is_finite() and abs(amount) <= MAX_AMOUNT else None


def note(client: Client, *, now: datetime) -> None:
    """Record new claims about the client's invoices, with a log entry each. The caller holds the client's lock."""
    found = []
    with log_unreadable(), transaction.atomic():
        found = unnoted(current_invoices().filter(contract__client=client))
    invoices = Invoice.objects.in_bulk({payment.invoice_id for payment in found})
    for payment in found:
        invoice = invoices[payment.invoice_id]
        is_plausible = payment.paid_at and invoice.created_at <= payment.paid_at <= now
        claim = PaymentClaim.objects.create(
            client=client,
            invoice=invoice,
            payment_id=payment.payment_id,
            payer_id=payment.payer_id,
            amount=payment.amount,
            paid_at=payment.paid_at if is_plausible else now,
            noted_at=now,
        )
        log.add_event(client, _log_text(claim), by=None, now=now)


def _log_text(claim: PaymentClaim) -> str:
    amount = "сумма неизвестна" if claim.amount is None else money.format_rubles(claim.amount)
    moment = f"{timezone.localtime(claim.paid_at):%d.%m.%Y %H:%M}"
    return f"Счёт {claim.invoice.number} оплачен в приложении — сверьте: {amount}, {moment}"


def resolve(invoice: Invoice, outcome: ClaimOutcome, *, by: Manager | None, now: datetime) -> None:
    """Resolve the open claims of `invoice`. The caller holds the client's lock."""
    invoice.claims.open().update(outcome=outcome, resolved_at=now, resolved_by=by)


def reopen(invoice: Invoice, *, confirmed_at: datetime) -> None:
    """Reopen the claims that the payment of that time has confirmed. The caller holds the client's lock."""
    confirmed = invoice.claims.filter(outcome=ClaimOutcome.CONFIRMED, resolved_at=confirmed_at)
    confirmed.update(outcome=ClaimOutcome.OPEN, resolved_at=None, resolved_by=None)


def close_all(client: Client, *, by: Manager | None, now: datetime) -> None:
    """Close all open claims when the client's data is erased. The caller holds the client's lock."""
    client.payment_claims.open().update(outcome=ClaimOutcome.CLOSED, resolved_at=now, resolved_by=by)
