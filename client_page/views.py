"""The client's page: opening a link, the consent to processing personal data, and what both kinds of page have."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agreements.models import AgreementKind
from client_page import accepting, contract_views
from client_page.access import (
    browser_secret,
    link_page,
    new_browser_secret,
    public_page,
    remember_browser,
    without_referrer,
)
from client_page.forms import RefusalForm
from client_page.pages import ended_page, render_page
from contracts import signing
from foundation.storage import object_storage
from links.models import Link, LinkGone, LinkTaken
from links.panel import browser_of
from managers import limits
from managers.client_ip import client_ip, ip_network


# Exempt: from a page with "no-referrer" browsers send "Origin: null", which Django's check refuses. Only somebody who
# has the token can submit this form.
@csrf_exempt
@without_referrer  # the URL has the token
@public_page
@require_http_methods(["GET", "HEAD", "POST"])
def open_link(request, token):
    """The first page of a link. It shows nothing about the client. POST binds the link to the browser."""
    if request.user.is_authenticated:
        return render_page(request, "for_client", status=403)
    link = Link.objects.find(token)
    if link is None:
        limits.consume_unknown_link(ip_network(client_ip(request)))
        return ended_page(request)
    secret = browser_secret(request)
    if link.opened_at and Link.objects.opened_in(secret).filter(pk=link.pk).exists():
        return redirect("client_page:page", link.pk)
    if link.opened_at:
        return render_page(request, "taken", status=403)
    # Another site can post the form, too, and so would replace the cookie of an earlier link.
    is_forged = request.headers.get("Sec-Fetch-Site") == "cross-site"
    if request.method != "POST" or is_forged:
        return render_page(request, "open", {"link": link, "token": token})
    secret = secret or new_browser_secret()
    try:
        link.open(secret, browser_of(request))
    except LinkTaken:
        return render_page(request, "taken", status=403)
    except (LinkGone, Http404):  # replaced, or the client was erased or reassigned, since the link was found
        return ended_page(request)
    return remember_browser(redirect("client_page:page", link.pk), secret)


@require_safe
@link_page
def page(request, link):
    return _page(request, link)


def _page(request, link: Link, *, status: int = 200, **context) -> HttpResponse:
    """The page of the link as it is now. `context` has forms with errors, or `error`."""
    if link.contract_id:
        return contract_views.contract_page(request, link, status=status, **context)
    kind = AgreementKind.PERSONAL_DATA
    context = {
        "link": link,
        "agreement": accepting.agreement_form(link, kind),
        "given": link.client.agreements.given(kind),
        "refusal": RefusalForm(link=link),
    } | context
    return render_page(request, "consent", context, status=status)


@require_POST
@link_page
def consent(request, link):
    """Accept the processing of personal data. Idempotent."""
    kind = AgreementKind.PERSONAL_DATA
    if link.contract_id or link.refused_at or link.client.agreements.is_given(kind):
        return redirect("client_page:page", link.pk)
    form = accepting.agreement_form(link, kind, request.POST)
    if not form.is_valid():
        return _page(request, link, agreement=form, status=422)
    try:
        accepting.accept(request, link, kind)
    except object_storage.StorageUnavailable:
        return _page(request, link, agreement=form, error=accepting.NOT_SAVED, status=503)
    link.record_time("agreed_at")
    return redirect("client_page:page", link.pk)


@require_POST
@link_page
def reading(request, link):
    """The client's browser reports that the end of the text was shown."""
    link.record_time("read_at")
    return HttpResponse(status=204)


@require_POST
@link_page
def call(request, link):
    """«Позвать менеджера»."""
    link.call_manager()
    return redirect(reverse("client_page:page", args=[link.pk]) + "#other")


@require_POST
@link_page
def refusal(request, link):
    """«Отказаться», with a reason. Idempotent."""
    form = RefusalForm(request.POST, link=link)
    if not form.is_valid():
        return _page(request, link, refusal=form, status=422)
    if link.contract_id:
        signing.decline(link, form.text)
    else:
        link.refuse(form.text)
    return redirect("client_page:page", link.pk)
