"""Look for payments in the app: by the worker for all clients, and for one client when their page is opened."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from clients.exceptions import ClientErased
from clients.models import Client
from contracts import claims, payment
from contracts.models import Invoice, InvoiceStatus, PaymentClaim, PaymentMethod

# A payment may reach the app after its invoice was cancelled or paid here. Older invoices are looked at only when the
# page of the client is opened.
SETTLED_WATCHED = timedelta(days=30)


def note_claims() -> int:
    """Record new claims of all clients; with APP_PAYMENTS=trusted, confirm them. Return the number of clients."""
    since = timezone.now() - SETTLED_WATCHED
    found = []
    with claims.log_unreadable():
        found = claims.unnoted(Invoice.objects.filter(_is_watched(since)))
    # Only of what was found, because the condition joins contracts and clients.
    invoices = claims.current_invoices().filter(pk__in={reported.invoice_id for reported in found})
    clients = set(invoices.values_list("contract__client", flat=True))
    if _is_trusted():
        open_claims = PaymentClaim.objects.open().select_related("invoice", "client")
        clients |= {claim.client_id for claim in open_claims if _is_exact(claim)}
    for client in Client.objects.filter(pk__in=clients):
        _note_and_confirm(client)
    return len(clients)


def _is_watched(since: datetime) -> Q:
    """Open invoices, and those settled after `since`. Each branch has its own index."""
    cancelled = Q(status=InvoiceStatus.CANCELLED, cancelled_at__gte=since)
    return Q(status=InvoiceStatus.PENDING) | cancelled | Q(status=InvoiceStatus.PAID, paid_at__gte=since)


def note_claims_of(client: Client, invoices: Iterable[Invoice]) -> bool:
    """The same for one client and their `invoices`. Return whether there was anything new; else nothing is locked."""
    found, ids = [], [invoice.pk for invoice in invoices]
    if ids:
        with claims.log_unreadable():
            found = claims.unnoted(Invoice.objects.filter(pk__in=ids))
    if found:
        _note_and_confirm(client)
    return bool(found)


@transaction.atomic
def _note_and_confirm(client: Client) -> None:
    try:
        client = client.lock_for_any_manager()
    except ClientErased:
        return
    claims.note(client, now=timezone.now())
    if _is_trusted():
        for claim in client.payment_claims.open().select_related("invoice__contract__client", "client"):
            if _is_exact(claim):
                payment.confirm_payment(claim.invoice, PaymentMethod.APP, by=None)


def _is_trusted() -> bool:
    return settings.APP_PAYMENTS == "trusted"


def _is_exact(claim: PaymentClaim) -> bool:
    """Whether the claim is the only one of an open invoice, for its amount, from the client's account.

    Not if somebody has undone a payment since the claim was noted: a person doubts it.
    """
    return (
        claim.invoice.status == InvoiceStatus.PENDING
        and claim.payment_id is not None
        and not claim.differs_from_invoice
        and not claim.is_from_another_account
        and claim.invoice.claims.open().count() == 1
        and not claim.invoice.payments.filter(undone_at__gte=claim.noted_at).exists()
    )
