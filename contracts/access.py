"""Who may open a contract or an invoice: whoever may open its client.

What was issued before the client was taken up is of a life whose data was erased: only the law keeps it, and admins.
"""

from django.shortcuts import get_object_or_404

from clients.models import Client
from contracts.models import Contract, Invoice


def get_contract_for(request, pk) -> Contract:
    """The contract for the person of `request`; Http404 when there is none that they may open."""
    visible = Contract.objects.visible_to(request.user).select_related("client")
    return get_object_or_404(visible, pk=pk, client__in=Client.objects.visible_to(request.user))


def get_invoice_for(request, pk) -> Invoice:
    """The invoice with its contract; Http404 when there is none that the person of `request` may open."""
    visible = Contract.objects.visible_to(request.user).filter(client__in=Client.objects.visible_to(request.user))
    return get_object_or_404(Invoice.objects.select_related("contract__client"), pk=pk, contract__in=visible)
