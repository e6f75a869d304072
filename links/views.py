"""The live status of a link, for the manager who shows it."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseClientRedirect

from clients import onboarding
from clients.access import get_client_for
from clients.models import SIGNED, Client
from links.models import Link
from links.panel import LinkPanel
from managers.middleware import poll


@poll
@require_GET
def status(request, pk, link_pk):
    """The status as a fragment, which the page requests every few seconds; 204 if it is as the page shows it.

    When the client is done, the page moves on.
    """
    client = get_client_for(request, pk)
    link = Link.objects.select_related("contract", "message").filter(pk=link_pk, client=client).first()
    if link is None:
        raise Http404
    step = onboarding.CONTRACT if link.contract_id else onboarding.PASSPORT
    if not request.htmx:
        return redirect(step.url(client))
    if _is_done(client, link):
        url = onboarding.next_url(client) if link.contract_id else step.url(client)
        return HttpResponseClientRedirect(url)
    panel = LinkPanel(client, link.contract_id, "", link, timezone.now())
    if request.GET.get("seen") == panel.seen:
        return HttpResponse(status=204)
    return render(request, "links/panel.html#status", {"panel": panel})


def _is_done(client: Client, link: Link) -> bool:
    if link.contract_id:
        return client.status in SIGNED
    return client.agreements.is_given("personal_data")
