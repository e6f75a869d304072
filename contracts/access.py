"""Access to contracts and invoices follows access to the client.

Contracts issued before the client was last claimed belong to erased data. They are retained by law and visible to
admins only.
"""

from django.http import Http404
from django.shortcuts import get_object_or_404

from clients.models import Client, Status
from contracts.models import Contract, Invoice


def get_contract_for(request, pk) -> Contract:
    """Return the contract. Raises Http404 if there is none or the current user may not open it."""
    visible = Contract.objects.visible_to(request.user).select_related("client")
    return get_object_or_404(visible, pk=pk, client__in=Client.objects.visible_to(request.user))


def get_invoice_for(request, pk) -> Invoice:
    """Return the invoice with its contract. Raises Http404 if there is none or the current user may not open it."""
    visible = Contract.objects.visible_to(request.user).filter(client__in=Client.objects.visible_to(request.user))
    return get_object_or_404(Invoice.objects.select_related("contract__client"), pk=pk, contract__in=visible)


def get_payment_invoice_for(request, pk) -> Invoice:
    """Return an invoice whose payment the current user may confirm or undo, if its state allows it.

    Admins may also open invoices of clients whose account was deleted; managers may not. Raises Http404.
    """
    invoice = get_invoice_for(request, pk)
    client = invoice.contract.client
    if client.status == Status.ERASED or (client.account is None and not request.user.is_admin):
        raise Http404
    return invoice
