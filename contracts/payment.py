"""Money after signing: what is due, invoices, and the confirmation of payment.

Due is what the newest signed contract asks for beyond what earlier ones have billed: a change bills the difference.
All of it runs while the client is held, so that two clicks are one payment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from clients.models import Client, Status
from contracts.event_chain import EventKind, append_event
from contracts.models import Contract, Invoice, InvoiceStatus
from contracts.snapshot import Contents
from foundation.russian import money
from managers.models import Manager
from support import bridge

ZERO = Decimal("0.00")


class PaymentRefused(Exception):
    """Nothing was billed or paid; `message` says why."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


def client_invoices(client: Client) -> models.QuerySet[Invoice]:
    return Invoice.objects.filter(contract__client=client)


@dataclass(frozen=True)
class BillingSummary:
    """What a client was billed and has paid so far, under all contracts of theirs, in roubles."""

    invoices: list[Invoice]  # newest first

    @classmethod
    def of(cls, client: Client) -> "BillingSummary":
        if client.claimed_at is None:
            return cls([])
        # What was signed before the client's data was erased, and the client taken anew, is of another life.
        invoices = client_invoices(client).filter(contract__signed_at__gte=client.claimed_at).select_related("contract")
        return cls(list(invoices.defer("contract__encrypted_snapshot")))

    @property
    def paid(self) -> Decimal:
        return _total(invoice for invoice in self.invoices if invoice.status == InvoiceStatus.PAID)

    @property
    def pending_invoices(self) -> list[Invoice]:
        return [invoice for invoice in self.invoices if invoice.status == InvoiceStatus.PENDING]

    @property
    def pending(self) -> Decimal:
        return _total(self.pending_invoices)

    def due_for(self, contract: Contract | Contents) -> Decimal:
        """What signing `contract`, or one with these contents, makes due: its surcharge less all that was billed and
        stands, or, when open bills exceed it, less what was paid.
        """
        return max(
            ZERO, contract.surcharge - (self.paid if self.exceeds_surcharge_of(contract) else self.paid + self.pending)
        )

    def exceeds_surcharge_of(self, contract: Contract | Contents) -> bool:
        """Whether more was billed than `contract` asks for."""
        return self.paid + self.pending > contract.surcharge


@dataclass(frozen=True)
class Balance(BillingSummary):
    """The same with the newest signed contract, and what is owed under it."""

    contract: Contract | None

    @classmethod
    def of(cls, client: Client) -> "Balance":
        if client.claimed_at is None:
            return cls([], None)
        signed = client.contracts.signed().filter(signed_at__gte=client.claimed_at)
        return cls(BillingSummary.of(client).invoices, signed.order_by("-signed_at").first())

    @property
    def outstanding(self) -> Decimal:
        """Owed and not paid, billed or not."""
        return max(ZERO, self.contract.surcharge - self.paid) if self.contract else ZERO

    @property
    def unbilled(self) -> Decimal:
        """Owed, and no open invoice asks for it."""
        return max(ZERO, self.outstanding - self.pending)

    @property
    def open_invoice(self) -> Invoice | None:
        """The invoice of the newest signed contract that waits for payment."""
        return next((invoice for invoice in self.pending_invoices if invoice.contract_id == self.contract.pk), None)

    @property
    def billable(self) -> Decimal:
        """How much an invoice of the newest signed contract may ask for; it replaces the open one."""
        replaced = self.open_invoice.amount if self.contract and self.open_invoice else ZERO
        return max(ZERO, self.outstanding - (self.pending - replaced))


def _total(invoices: Iterable[Invoice]) -> Decimal:
    return sum((invoice.amount for invoice in invoices), ZERO)


def bill_after_signing(client: Client, contract: Contract, *, by: Manager, now: datetime) -> None:
    """After signing: bill what is due and move the client on. Runs in the signature's transaction."""
    pending = client_invoices(client).filter(status=InvoiceStatus.PENDING)
    if BillingSummary.of(client).exceeds_surcharge_of(contract):
        cancel_pending_invoices(client, by=by, now=now)
    if contract.due:
        due_on = timezone.localdate(now) + timedelta(days=settings.INVOICE_DAYS)
        _create_invoice(
            client, contract, contract.due, f"Доплата по договору {contract.number}", due_on, by=by, now=now
        )
    target = Status.AWAITING_PAYMENT if pending.exists() else Status.PROCESSED
    client.change_status(target, by=by, now=now, allowed_from=(Status.AWAITING_CONTRACT,))


@transaction.atomic
def create_invoice(client: Client, *, amount: Decimal, description: str, due_on: date, by: Manager) -> Invoice:
    """Bill the client under the newest signed contract; an open invoice of that contract is replaced.

    The same bill twice is one. Raises PaymentRefused when nothing is signed or the amount exceeds what is owed.
    """
    client, now = client.lock(), timezone.now()
    balance = Balance.of(client)
    if balance.contract is None:
        raise PaymentRefused("Счёт выставляется после подписания договора.")
    current = balance.open_invoice
    if current and (current.amount, current.description, current.due_on) == (amount, description, due_on):
        return current
    if not balance.billable:
        raise PaymentRefused("По договору ничего не причитается: счёт не нужен.")
    if amount > balance.billable:
        raise PaymentRefused(f"Можно выставить не больше {money.format_rubles(balance.billable)}.")
    if current:
        _cancel_invoice(client, current, by=by, now=now)
    return _create_invoice(client, balance.contract, amount, description, due_on, by=by, now=now)


@transaction.atomic
def confirm_payment(invoice: Invoice, *, by: Manager) -> bool:
    """Record that the invoice is paid; False when it was already. Paid in full, the client is processed.

    Raises PaymentRefused for a cancelled invoice.
    """
    client, now = invoice.contract.client.lock(), timezone.now()
    pending = Invoice.objects.filter(pk=invoice.pk, status=InvoiceStatus.PENDING)
    if not pending.update(status=InvoiceStatus.PAID, paid_at=now, paid_by=by):
        invoice.refresh_from_db()
        if invoice.status == InvoiceStatus.PAID:
            return False
        raise PaymentRefused(f"Счёт {invoice.number} отменён, оплатить его нельзя.")
    if _total(invoice.contract.invoices.filter(status=InvoiceStatus.PAID)) >= invoice.contract.due:
        Contract.objects.filter(pk=invoice.contract_id).update(paid_at=now, paid_by=by)
    text = f"Оплата {money.format_rubles(invoice.amount)} по счёту {invoice.number} получена. Спасибо!"
    bridge.notify_client(client, text, by=by, now=now)
    _append_payment_events(invoice, by=by, now=now)
    if client.status == Status.AWAITING_PAYMENT and not Balance.of(client).outstanding:
        client.change_status(Status.PROCESSED, by=by, now=now, allowed_from=(Status.AWAITING_PAYMENT,))
    return True


def _append_payment_events(invoice: Invoice, *, by: Manager, now: datetime) -> None:
    contract = Contract.objects.only("paid_at").get(pk=invoice.contract_id)
    append_event(contract, EventKind.BILL_PAID, by=by, at=now, invoice=invoice.number, amount=f"{invoice.amount:.2f}")
    if contract.paid_at:
        append_event(contract, EventKind.PAID, by=by, at=now)


def _create_invoice(
    client: Client,
    contract: Contract,
    amount: Decimal,
    description: str,
    due_on: date,
    *,
    by: Manager,
    now: datetime,
) -> Invoice:
    invoice = Invoice.objects.create(
        contract=contract,
        number=f"{contract.number}/{contract.invoices.count() + 1}",
        amount=amount,
        description=description,
        due_on=due_on,
        created_at=now,
        created_by=by,
    )
    text = (
        f"Выставлен счёт {invoice.number} на {money.format_rubles(amount)}: {description}. "
        f"Оплатите, пожалуйста, до {due_on:%d.%m.%Y}."
    )
    bridge.notify_client(client, text, by=by, now=now)
    append_event(contract, EventKind.BILLED, by=by, at=now, invoice=invoice.number, amount=f"{amount:.2f}")
    return invoice


def cancel_pending_invoices(client: Client, *, by: Manager | None, now: datetime) -> None:
    """Cancel what the client was billed and has not paid, in the caller's transaction, which holds the client."""
    for invoice in client_invoices(client).filter(status=InvoiceStatus.PENDING):
        _cancel_invoice(client, invoice, by=by, now=now)


def _cancel_invoice(client: Client, invoice: Invoice, *, by: Manager | None, now: datetime) -> None:
    Invoice.objects.filter(pk=invoice.pk, status=InvoiceStatus.PENDING).update(
        status=InvoiceStatus.CANCELLED, cancelled_at=now
    )
    text = f"Счёт {invoice.number} на {money.format_rubles(invoice.amount)} отменён, платить по нему не нужно."
    bridge.notify_client(client, text, by=by, now=now)
    append_event(invoice.contract, EventKind.BILL_CANCELLED, by=by, at=now, invoice=invoice.number)
