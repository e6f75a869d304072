"""Who may open an agreement: whoever may open its client."""

from django.http import Http404
from django.shortcuts import get_object_or_404

from agreements.models import Agreement, AgreementKind
from clients.models import Client


def get_agreement_for(request, pk) -> Agreement:
    """The agreement for the person of `request`; Http404 when there is none that they may open."""
    visible = Agreement.objects.visible_to(request.user).select_related("client")
    return get_object_or_404(visible, pk=pk, client__in=Client.objects.visible_to(request.user))


def get_kind(slug: str) -> AgreementKind:
    if slug not in AgreementKind.values:
        raise Http404("Такого документа нет.")
    return AgreementKind(slug)
