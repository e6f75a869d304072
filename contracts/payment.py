"""Invoices and payments after signing.

Due is the surcharge of the newest signed contract minus what was already billed, so a change bills only the
difference. Everything runs under the client's lock, so that a double click confirms one payment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from clients.models import Client, Status
from contracts import claims, mirror
from contracts.event_chain import EventKind, append_event
from contracts.models import Contract, Invoice, InvoiceStatus, Payment, PaymentClaim, PaymentMethod
from contracts.payment_claims import ClaimOutcome
from contracts.snapshot import Contents
from foundation.russian import money
from links.copies import copy_hint
from managers.models import Manager
from support import bridge, log

ZERO = Decimal("0.00")


class PaymentRefused(Exception):
    """No invoice was created or paid; `message` is the reason for the manager."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class PaymentClaimed(PaymentRefused):
    """The app reports the invoice as paid, so it can't be cancelled before somebody has checked that."""

    def __init__(self, invoice: Invoice):
        super().__init__(
            f"Клиент оплатил счёт {invoice.number} в приложении. Сверьте оплату: подтвердите её или отметьте, "
            "что деньги не поступили. Потом повторите."
        )


def client_invoices(client: Client) -> models.QuerySet[Invoice]:
    return Invoice.objects.filter(contract__client=client)


@dataclass(frozen=True)
class BillingSummary:
    """Amounts billed to a client and paid under all contracts since the client was claimed, in rubles."""

    invoices: list[Invoice]  # newest first

    @classmethod
    def for_client(cls, client: Client) -> "BillingSummary":
        if client.claimed_at is None:
            return cls([])
        # Ignore contracts signed before the client was erased and claimed again.
        invoices = client_invoices(client).filter(contract__signed_at__gte=client.claimed_at).with_payment()
        has_open_claims = Exists(PaymentClaim.objects.open().filter(invoice=OuterRef("pk")))
        return cls(list(invoices.defer("contract__encrypted_snapshot").annotate(has_open_claims=has_open_claims)))

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
        """Return the amount due when `contract`, or one with these contents, is signed.

        It is the surcharge minus paid and pending invoices. If these exceed the surcharge, signing cancels the pending
        ones, so only paid ones count.
        """
        billed = self.paid if self.exceeds_surcharge_of(contract) else self.paid + self.pending
        return max(ZERO, contract.surcharge - billed)

    def exceeds_surcharge_of(self, contract: Contract | Contents) -> bool:
        """Whether paid and pending invoices exceed the surcharge of `contract`."""
        return self.paid + self.pending > contract.surcharge


@dataclass(frozen=True)
class Balance(BillingSummary):
    """The billing summary with the newest signed contract and the amount owed under it."""

    contract: Contract | None

    @classmethod
    def for_client(cls, client: Client) -> "Balance":
        if client.claimed_at is None:
            return cls([], None)
        signed = client.contracts.signed().filter(signed_at__gte=client.claimed_at)
        return cls(BillingSummary.for_client(client).invoices, signed.order_by("-signed_at").first())

    @property
    def outstanding(self) -> Decimal:
        """Amount owed and not paid, billed or not."""
        return max(ZERO, self.contract.surcharge - self.paid) if self.contract else ZERO

    @property
    def unbilled(self) -> Decimal:
        """Outstanding amount without a pending invoice."""
        return max(ZERO, self.outstanding - self.pending)

    @property
    def open_invoice(self) -> Invoice | None:
        """The pending invoice of the newest signed contract."""
        return next((invoice for invoice in self.pending_invoices if invoice.contract_id == self.contract.pk), None)

    @property
    def billable(self) -> Decimal:
        """Maximum amount of a new invoice for the newest signed contract, which replaces the pending one."""
        replaced = self.open_invoice.amount if self.contract and self.open_invoice else ZERO
        return max(ZERO, self.outstanding - (self.pending - replaced))


def _total(invoices: Iterable[Invoice]) -> Decimal:
    return sum((invoice.amount for invoice in invoices), ZERO)


def bill_after_signing(client: Client, contract: Contract, *, by: Manager, now: datetime) -> None:
    """Create the invoice after signing and change the status. Runs in the transaction of the signature.

    Raises PaymentClaimed if a pending invoice would be cancelled that the client has paid in the app.
    """
    pending = client_invoices(client).filter(status=InvoiceStatus.PENDING)
    if BillingSummary.for_client(client).exceeds_surcharge_of(contract):
        cancel_pending_invoices(client, by=by, now=now)
    if contract.due:
        bill(client, contract, contract.due, by=by, now=now)
    target = Status.AWAITING_PAYMENT if pending.exists() else Status.PROCESSED
    client.change_status(target, by=by, now=now, allowed_from=(Status.AWAITING_CONTRACT,))


def bill(client: Client, contract: Contract, amount: Decimal, *, by: Manager, now: datetime) -> Invoice:
    """Create an invoice for `amount` rubles of the contract's surcharge. Call it under the client's lock."""
    due_on = timezone.localdate(now) + timedelta(days=settings.INVOICE_DAYS)
    return _create_invoice(client, contract, amount, f"Доплата по договору {contract.number}", due_on, by=by, now=now)


@transaction.atomic
def create_invoice(client: Client, *, amount: Decimal, description: str, due_on: date, by: Manager) -> Invoice:
    """Create an invoice for the newest signed contract, replacing its pending one. `amount` is in rubles.

    Idempotent: a pending invoice with the same values is returned. Raises PaymentRefused if nothing is signed or the
    amount exceeds Balance.billable, and PaymentClaimed if the client has paid the pending one in the app.
    """
    client, now = client.lock(), timezone.now()
    balance = Balance.for_client(client)
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
def confirm_payment(invoice: Invoice, method: PaymentMethod, *, by: Manager | None, note: str = "") -> bool:
    """Record that the invoice is paid, and how. Return False if it already was.

    A payment by card in the app confirms the invoice's claims. After another payment they stay open, because the client
    may have paid twice. When nothing is outstanding any more, the client becomes processed. `by` is None if the app's
    claim is trusted (APP_PAYMENTS). Raises PaymentRefused for a cancelled invoice.
    """
    client, now = invoice.contract.client.lock(), timezone.now()
    mirror.lock_invoice(invoice)  # what the app records until now is confirmed too; later it can't mark the invoice
    claims.note(client, now=now)
    pending = Invoice.objects.filter(pk=invoice.pk, status=InvoiceStatus.PENDING)
    if not pending.update(status=InvoiceStatus.PAID, paid_at=now, paid_by=by):
        invoice.refresh_from_db(fields=["status", "paid_at", "paid_by", "cancelled_at"])
        if invoice.status == InvoiceStatus.PAID:
            return False
        raise PaymentRefused(f"Счёт {invoice.number} отменён, оплатить его нельзя.")
    invoice.status, invoice.paid_at, invoice.paid_by = InvoiceStatus.PAID, now, by
    payment = Payment.objects.create(invoice=invoice, method=method, confirmed_at=now, confirmed_by=by, note=note)
    if method == PaymentMethod.APP:
        claims.resolve(invoice, ClaimOutcome.CONFIRMED, by=by, now=now)
    if is_fully_paid(invoice.contract):
        Contract.objects.filter(pk=invoice.contract_id).update(paid_at=now, paid_by=by)
    mirror.mirror_invoice(client, invoice, now=now)
    _notify_paid(client, payment, now=now)
    _append_payment_events(payment)
    if client.status == Status.AWAITING_PAYMENT and not Balance.for_client(client).outstanding:
        client.change_status(Status.PROCESSED, by=by, now=now, allowed_from=(Status.AWAITING_PAYMENT,))
    return True


def is_fully_paid(contract: Contract) -> bool:
    """Whether the paid invoices of the contract reach what its signature made payable."""
    paid = _total(contract.invoices.filter(status=InvoiceStatus.PAID))
    return bool(paid) and paid >= contract.due


def _notify_paid(client: Client, payment: Payment, *, now: datetime) -> None:
    """Tell the client the method too: they notice if it is wrong. The note is for staff."""
    invoice, method = payment.invoice, PaymentMethod(payment.method).label
    text = f"Оплата {money.format_rubles(invoice.amount)} по счёту {invoice.number} получена: {method.lower()}."
    log_text = f"{text} Примечание: {payment.note}" if payment.note else text
    bridge.notify_client(client, f"{text} Спасибо!", by=payment.confirmed_by, now=now, log_text=log_text)


@transaction.atomic
def dismiss_claims(invoice: Invoice, *, by: Manager, shown: Iterable[str]) -> bool:
    """Record that the money reported by the app did not arrive; the invoice is open in the app again.

    For a cancelled or paid invoice, record that the matter is settled. `shown` has the ids of the claims that the page
    showed. Return False if there are none any more. Raises PaymentRefused if there is one that the page did not show.
    """
    client, now = invoice.contract.client.lock(), timezone.now()
    mirror.lock_invoice(invoice)
    claims.note(client, now=now)
    open_claims = {str(pk) for pk in invoice.claims.open().values_list("pk", flat=True)}
    if not open_claims:
        return False
    if open_claims - set(shown):
        raise PaymentRefused("Пока страница была открыта, в приложении появилась ещё одна оплата. Сверьте и её.")
    invoice.refresh_from_db(fields=["status"])
    if invoice.status == InvoiceStatus.PENDING:
        claims.resolve(invoice, ClaimOutcome.REJECTED, by=by, now=now)
        mirror.mirror_invoice(client, invoice, now=now, reopen=True)
        text = f"Оплата по счёту {invoice.number} не поступила. Проверьте, списаны ли деньги, и оплатите счёт ещё раз."
        bridge.notify_client(client, text, by=by, now=now)
    else:
        claims.resolve(invoice, ClaimOutcome.CLOSED, by=by, now=now)
        log.add_event(client, f"Оплата в приложении по счёту {invoice.number} разобрана", by=by, now=now)
    return True


def _append_payment_events(payment: Payment) -> None:
    invoice, by, at = payment.invoice, payment.confirmed_by, payment.confirmed_at
    contract = Contract.objects.only("paid_at").get(pk=invoice.contract_id)
    facts = {"invoice": invoice.number, "amount": f"{invoice.amount:.2f}", "method": payment.method}
    append_event(contract, EventKind.BILL_PAID, by=by, at=at, **facts)
    if contract.paid_at:
        append_event(contract, EventKind.PAID, by=by, at=at)


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
        f"Оплатите, пожалуйста, до {due_on:%d.%m.%Y}. {copy_hint(invoice.number)}"
    )
    mirror.mirror_invoice(client, invoice, now=now)
    bridge.notify_client(client, text, by=by, now=now)
    append_event(contract, EventKind.BILLED, by=by, at=now, invoice=invoice.number, amount=f"{amount:.2f}")
    return invoice


def cancel_pending_invoices(client: Client, *, by: Manager | None, now: datetime, despite_claims: bool = False) -> None:
    """Cancel the client's pending invoices. The caller's transaction holds the client's lock.

    Raises PaymentClaimed if the client has paid one in the app, unless `despite_claims` is true.
    """
    for invoice in client_invoices(client).filter(status=InvoiceStatus.PENDING):
        _cancel_invoice(client, invoice, by=by, now=now, despite_claims=despite_claims)


def _cancel_invoice(
    client: Client, invoice: Invoice, *, by: Manager | None, now: datetime, despite_claims: bool = False
) -> None:
    if not despite_claims:
        _require_unclaimed(client, invoice, now)
    Invoice.objects.filter(pk=invoice.pk, status=InvoiceStatus.PENDING).update(
        status=InvoiceStatus.CANCELLED, cancelled_at=now
    )
    invoice.status = InvoiceStatus.CANCELLED
    mirror.mirror_invoice(client, invoice, now=now)
    text = f"Счёт {invoice.number} на {money.format_rubles(invoice.amount)} отменён, платить по нему не нужно."
    bridge.notify_client(client, text, by=by, now=now)
    append_event(invoice.contract, EventKind.BILL_CANCELLED, by=by, at=now, invoice=invoice.number)


def _require_unclaimed(client: Client, invoice: Invoice, now: datetime) -> None:
    """Raise PaymentClaimed if the app has marked the invoice as paid. Afterwards it can't, until the commit."""
    mirror.lock_invoice(invoice)
    claims.note(client, now=now)
    if invoice.claims.open().exists():
        raise PaymentClaimed(invoice)
