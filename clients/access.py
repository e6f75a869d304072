"""Access to clients. Every page and every fragment about a client loads it here."""

from functools import wraps

from django.http import Http404
from django.shortcuts import get_object_or_404

from clients.models import Client, Status


def get_client_for(request, pk) -> Client:
    """Return the client with the related rows that every step needs. Raise Http404 if the user may not open it.

    Managers may open unclaimed clients and their own, admins all, support none. Nobody may open an erased client.
    """
    return get_object_or_404(
        Client.objects.visible_to(request.user)
        .exclude(status=Status.ERASED)
        .select_related("user", "manager", "passport", "tariff_choice__tariff")
        .prefetch_related("agreements"),
        pk=pk,
    )


def field_managers_only(view):
    """Restrict a view without a client to users who may open clients; others get 404."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if not request.user.is_field_manager:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded
