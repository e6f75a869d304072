"""Who may open which client. Every page and every fragment about a client loads it here."""

from django.shortcuts import get_object_or_404

from clients.models import Client


def get_client_for(request, pk) -> Client:
    """The client for the person of `request`; Http404 when there is none that they may open.

    Managers open unclaimed clients and their own, admins all, support none. What every step needs comes along.
    """
    return get_object_or_404(
        Client.objects.visible_to(request.user).select_related("user", "manager", "passport", "tariff_choice__tariff"),
        pk=pk,
    )
