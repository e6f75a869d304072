"""Who may open which client. Every page and every fragment about a client loads it here."""

from functools import wraps

from django.http import Http404
from django.shortcuts import get_object_or_404

from clients.models import Client, Status


def get_client_for(request, pk) -> Client:
    """The client for the person of `request`; Http404 when there is none that they may open.

    Managers open unclaimed clients and their own, admins all, support none; nobody those whose data was erased. What
    every step needs comes along.
    """
    return get_object_or_404(
        Client.objects.visible_to(request.user)
        .exclude(status=Status.ERASED)
        .select_related("user", "manager", "passport", "tariff_choice__tariff")
        .prefetch_related("agreements"),
        pk=pk,
    )


def field_managers_only(view):
    """Restrict a page that is not about one client to people who may open clients; others get 404."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if not request.user.is_field_manager:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded
