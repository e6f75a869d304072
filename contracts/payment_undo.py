"""Undo a confirmed payment: the client owes the money again.

What is billed always fits what is owed. If the invoice doesn't fit beside the pending ones any more, because the
contract has another one or a newer contract is cheaper, all of them are replaced by one for the amount owed, as when a
contract is signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from clients.models import Client, Status
from contracts import claims, mirror, payment
from contracts.event_chain import EventKind, append_event
from contracts.models import Contract, Invoice, InvoiceStatus, Payment, PaymentMethod
from contracts.payment import Balance, PaymentRefused
from contracts.payment_records import UNDO_WINDOW
from foundation.russian import money
from managers.models import Manager
from support import bridge


class ReasonMissing(PaymentRefused):
    """This undo needs a reason."""

    def __init__(self):
        super().__init__("Напишите причину отмены.")


@dataclass(frozen=True)
class UndoRight:
    """The right to undo a payment: until a time without a reason, or (None) at any time with one."""

    until: datetime | None

    @property
    def needs_reason(self) -> bool:
        return self.until is None


def undo_right(invoice: Invoice, *, by: Manager, now: datetime) -> UndoRight | None:
    """Return the right of `by` to undo the payment of a paid invoice: the person who confirmed it, later an admin."""
    is_own = invoice.paid_by_id == by.pk
    if is_own and now <= invoice.paid_at + UNDO_WINDOW:
        return UndoRight(invoice.paid_at + UNDO_WINDOW)
    return UndoRight(None) if by.is_admin else None


def add_undo_rights(invoices: Iterable[Invoice], *, by: Manager) -> None:
    """Set `undo_right` of each invoice for the templates: None if `by` can't undo a payment of it."""
    now = timezone.now()
    for invoice in invoices:
        is_paid = invoice.status == InvoiceStatus.PAID and not invoice.contract.erased_at
        invoice.undo_right = undo_right(invoice, by=by, now=now) if is_paid else None


@transaction.atomic
def undo_payment(invoice: Invoice, *, confirmed_at: datetime, by: Manager, reason: str = "") -> bool:
    """Undo the payment of `invoice` that was confirmed at `confirmed_at`. Return False if it already was undone.

    Claims that it confirmed are open again. Raises PaymentRefused if `by` may not undo it, ReasonMissing if they need a
    reason, and PaymentClaimed if a pending invoice would be replaced that the client has paid in the app.
    """
    client, now = invoice.contract.client.lock(), timezone.now()
    mirror.lock_invoice(invoice)  # the app can't mark the invoice before the transaction ends
    claims.note(client, now=now)
    invoice = Invoice.objects.select_related("contract__client").get(pk=invoice.pk)
    if invoice.paid_at != confirmed_at:
        return False
    _require_right(client, invoice, by=by, reason=reason, now=now)
    fits = _fits(client, invoice)
    if not fits:
        payment.cancel_pending_invoices(client, by=by, now=now)
    undone = _record(invoice, by=by, reason=reason, now=now)
    claims.reopen(invoice, confirmed_at=confirmed_at)
    # While the app's claim is open, nobody knows whether the client has paid: the app must not ask again.
    mirror.mirror_invoice(client, invoice, now=now, reopen=not invoice.claims.open().exists())
    _notify_undone(client, undone, is_pending=fits)
    _append_events(undone)
    if not fits:
        _replace(client, by=by, now=now)
    _update_status(client, by=by, now=now)
    return True


def _require_right(client: Client, invoice: Invoice, *, by: Manager, reason: str, now: datetime) -> None:
    contract = invoice.contract
    if contract.erased_at or client.claimed_at is None or contract.signed_at < client.claimed_at:
        raise PaymentRefused(f"Данные по договору {contract.number} уничтожены, отменить оплату нельзя.")
    right = undo_right(invoice, by=by, now=now)
    if right is None:
        raise PaymentRefused(
            "Отменить оплату может тот, кто её подтвердил, в течение десяти минут. Позже это делает администратор."
        )
    if right.needs_reason and not reason:
        raise ReasonMissing


def _fits(client: Client, invoice: Invoice) -> bool:
    """Whether the invoice may be pending beside the pending ones: one per contract, and no more than is owed."""
    balance = Balance.for_client(client)
    has_pending = any(pending.contract_id == invoice.contract_id for pending in balance.pending_invoices)
    # The sum of paid and pending invoices does not change.
    return not has_pending and not balance.exceeds_surcharge_of(balance.contract)


def _record(invoice: Invoice, *, by: Manager, reason: str, now: datetime) -> Payment:
    """Mark the payment as undone and the invoice as pending."""
    # An invoice that an earlier version marked as paid has no payment yet.
    undone, _ = Payment.objects.in_force().get_or_create(
        invoice=invoice,
        defaults={
            "method": PaymentMethod.UNKNOWN,
            "confirmed_at": invoice.paid_at,
            "confirmed_by_id": invoice.paid_by_id,
        },
    )
    undone.invoice, undone.undone_at, undone.undone_by, undone.undo_reason = invoice, now, by, reason
    undone.save(update_fields=["undone_at", "undone_by", "undo_reason"])
    paid = Invoice.objects.filter(pk=invoice.pk, status=InvoiceStatus.PAID)
    paid.update(status=InvoiceStatus.PENDING, paid_at=None, paid_by=None)
    invoice.status, invoice.paid_at, invoice.paid_by = InvoiceStatus.PENDING, None, None
    return undone


def _notify_undone(client: Client, undone: Payment, *, is_pending: bool) -> None:
    invoice = undone.invoice
    text = f"Отметка об оплате {money.format_rubles(invoice.amount)} по счёту {invoice.number} снята."
    if is_pending:
        text += " Счёт снова ожидает оплаты. Если вы уже оплатили его, напишите нам здесь: мы проверим."
    reason = f" Причина: {undone.undo_reason}" if undone.undo_reason else ""
    log_text = f"{text} Способ был: {undone.get_method_display().lower()}.{reason}"
    bridge.notify_client(client, text, by=undone.undone_by, now=undone.undone_at, log_text=log_text)


def _replace(client: Client, *, by: Manager, now: datetime) -> None:
    """Replace the invoice by one for all that is owed. Its open claims stay to be checked."""
    payment.cancel_pending_invoices(client, by=by, now=now, despite_claims=True)
    balance = Balance.for_client(client)
    if balance.outstanding:
        payment.bill(client, balance.contract, balance.outstanding, by=by, now=now)


def _update_status(client: Client, *, by: Manager, now: datetime) -> None:
    balance = Balance.for_client(client)
    if client.status == Status.PROCESSED and (balance.outstanding or balance.pending):
        client.change_status(Status.AWAITING_PAYMENT, by=by, now=now, allowed_from=(Status.PROCESSED,))


def _append_events(undone: Payment) -> None:
    invoice, by, at = undone.invoice, undone.undone_by, undone.undone_at
    contract = Contract.objects.only("paid_at", "due").get(pk=invoice.contract_id)
    facts = {"invoice": invoice.number, "amount": f"{invoice.amount:.2f}", "method": undone.method}
    append_event(contract, EventKind.PAYMENT_UNDONE, by=by, at=at, **facts)
    if contract.paid_at and not payment.is_fully_paid(contract):
        Contract.objects.filter(pk=contract.pk).update(paid_at=None, paid_by=None)
        append_event(contract, EventKind.UNPAID, by=by, at=at)
