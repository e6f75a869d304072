"""Money after signing: what is due, invoices, and the confirmation of payment.

Due is what the newest signed contract asks for beyond what earlier ones have billed: a change bills the difference.
All of it runs while the client is held, so that two clicks are one payment.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from clients.models import Client, Status
from contracts.models import Contract, Invoice, InvoiceQuerySet, InvoiceStatus
from managers.models import Manager
from privet import money
from support import bridge

NOTHING = Decimal("0.00")


class PaymentRefused(Exception):
    """Nothing was billed or paid; `message` says why."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


def invoices_of(client: Client) -> InvoiceQuerySet:
    return Invoice.objects.filter(contract__client=client)


def outstanding(client: Client) -> Decimal:
    """What the client still owes under the newest signed contract, billed or not."""
    contract = client.contracts.signed().order_by("-signed_at").first()
    if contract is None:
        return NOTHING
    return max(NOTHING, contract.surcharge - invoices_of(client).filter(status=InvoiceStatus.PAID).total())


def due_for(contract: Contract) -> Decimal:
    """What signing `contract` makes due: its surcharge less all that was billed and stands, or, when open bills
    exceed it, less what was paid.
    """
    invoices = invoices_of(contract.client)
    billed = invoices.exclude(status=InvoiceStatus.CANCELLED).total()
    if billed > contract.surcharge:
        billed = invoices.filter(status=InvoiceStatus.PAID).total()
    return max(NOTHING, contract.surcharge - billed)


def settle(client: Client, contract: Contract, *, by: Manager, now: datetime) -> None:
    """After signing: bill what is due and move the client on. Runs in the signature's transaction."""
    pending = invoices_of(client).filter(status=InvoiceStatus.PENDING)
    if invoices_of(client).exclude(status=InvoiceStatus.CANCELLED).total() > contract.surcharge:
        for invoice in pending:
            _cancel(client, invoice, by=by, now=now)
    if contract.due:
        due_on = timezone.localdate(now) + timedelta(days=settings.INVOICE_DAYS)
        _create(client, contract, contract.due, f"Доплата по договору {contract.number}", due_on, by=by, now=now)
    target = Status.AWAITING_PAYMENT if pending.exists() else Status.PROCESSED
    client.move(target, by=by, now=now, start=(Status.AWAITING_CONTRACT,))


@transaction.atomic
def bill(client: Client, *, amount: Decimal, description: str, due_on: date, by: Manager) -> Invoice:
    """Bill the client under the newest signed contract; an open invoice of that contract is replaced.

    The same bill twice is one. Raises PaymentRefused when nothing is signed or the amount exceeds what is owed.
    """
    client, now = client.locked(), timezone.now()
    contract = client.contracts.signed().order_by("-signed_at").first()
    if contract is None:
        raise PaymentRefused("Счёт выставляется после подписания договора.")
    current = contract.invoices.filter(status=InvoiceStatus.PENDING).first()
    if current and (current.amount, current.description, current.due_on) == (amount, description, due_on):
        return current
    limit = billable(client, contract)
    if not limit:
        raise PaymentRefused("По договору ничего не причитается: счёт не нужен.")
    if amount > limit:
        raise PaymentRefused(f"Можно выставить не больше {money.in_figures(limit)}.")
    if current:
        _cancel(client, current, by=by, now=now)
    return _create(client, contract, amount, description, due_on, by=by, now=now)


def billable(client: Client, contract: Contract) -> Decimal:
    """How much an invoice of `contract` may ask for: what is owed less open invoices of other contracts."""
    elsewhere = invoices_of(client).filter(status=InvoiceStatus.PENDING).exclude(contract=contract).total()
    return max(NOTHING, outstanding(client) - elsewhere)


@transaction.atomic
def confirm_payment(invoice: Invoice, *, by: Manager) -> bool:
    """Record that the invoice is paid; False when it was already. Paid in full, the client is processed.

    Raises PaymentRefused for a cancelled invoice.
    """
    client, now = invoice.contract.client.locked(), timezone.now()
    pending = Invoice.objects.filter(pk=invoice.pk, status=InvoiceStatus.PENDING)
    if not pending.update(status=InvoiceStatus.PAID, paid_at=now, paid_by=by):
        invoice.refresh_from_db()
        if invoice.status == InvoiceStatus.PAID:
            return False
        raise PaymentRefused(f"Счёт {invoice.number} отменён, оплатить его нельзя.")
    if invoice.contract.invoices.filter(status=InvoiceStatus.PAID).total() >= invoice.contract.due:
        Contract.objects.filter(pk=invoice.contract_id).update(paid_at=now, paid_by=by)
    text = f"Оплата {money.in_figures(invoice.amount)} по счёту {invoice.number} получена. Спасибо!"
    bridge.tell_client(client, text, by=by, now=now)
    if client.status == Status.AWAITING_PAYMENT and not outstanding(client):
        client.move(Status.PROCESSED, by=by, now=now, start=(Status.AWAITING_PAYMENT,))
    return True


def _create(
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
        f"Выставлен счёт {invoice.number} на {money.in_figures(amount)}: {description}. "
        f"Оплатите, пожалуйста, до {due_on:%d.%m.%Y}."
    )
    bridge.tell_client(client, text, by=by, now=now)
    return invoice


def _cancel(client: Client, invoice: Invoice, *, by: Manager, now: datetime) -> None:
    Invoice.objects.filter(pk=invoice.pk, status=InvoiceStatus.PENDING).update(
        status=InvoiceStatus.CANCELLED, cancelled_at=now
    )
    text = f"Счёт {invoice.number} на {money.in_figures(invoice.amount)} отменён, платить по нему не нужно."
    bridge.tell_client(client, text, by=by, now=now)
