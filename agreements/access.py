"""Access to agreements follows access to the client."""

from django.http import Http404
from django.shortcuts import get_object_or_404

from agreements.models import Agreement, AgreementKind
from clients.models import Client


def get_agreement_for(request, pk) -> Agreement:
    """Return the agreement. Raises Http404 if there is none or the current user may not open it."""
    visible = Agreement.objects.visible_to(request.user).select_related("client")
    return get_object_or_404(visible, pk=pk, client__in=Client.objects.visible_to(request.user))


def get_kind(slug: str) -> AgreementKind:
    if slug not in AgreementKind.values:
        raise Http404("Такого документа нет.")
    return AgreementKind(slug)
