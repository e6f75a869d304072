"""Who may open the pages of support. Every page and every fragment of them loads what it shows here."""

from django.http import Http404
from django.shortcuts import get_object_or_404

from clients.models import Client
from support.models import Ticket


def require_support(request) -> None:
    """Http404 unless the person of `request` is support staff or an admin."""
    if not request.user.is_support:
        raise Http404


def get_ticket_for(request, pk) -> Ticket:
    """The ticket with its account, client and manager; Http404 for anybody but support staff and admins.

    The shared table has no foreign key: `user` is None when the app has removed the account.
    """
    require_support(request)
    return get_object_or_404(Ticket.objects.prefetch_related("user__client__manager"), pk=pk)


def get_client_card_for(request, pk) -> Client:
    """The client to look at, without the passport; Http404 for anybody but support staff and admins."""
    require_support(request)
    return get_object_or_404(Client.objects.select_related("user", "manager"), pk=pk)
