"""Who may open a contract or an invoice: whoever may open its client."""

from django.shortcuts import get_object_or_404

from clients.models import Client
from contracts.models import Contract, Invoice


def get_contract_for(request, pk) -> Contract:
    """The contract for the person of `request`; Http404 when there is none that they may open."""
    visible = Client.objects.visible_to(request.user)
    return get_object_or_404(Contract.objects.select_related("client"), pk=pk, client__in=visible)


def get_invoice_for(request, pk) -> Invoice:
    """The invoice with its contract; Http404 when there is none that the person of `request` may open."""
    visible = Client.objects.visible_to(request.user)
    return get_object_or_404(Invoice.objects.select_related("contract__client"), pk=pk, contract__client__in=visible)
