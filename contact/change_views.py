"""The open change at step 1: how the manager has it confirmed."""

from functools import wraps

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from clients import onboarding
from clients.access import get_client_for
from clients.models import Client
from contact import changes, codes
from contact.change_forms import ClientCodeForm, ReasonForm
from contact.forms import ContactForm
from contact.models import ContactChange
from contact.panel import ChangePanel
from contact.refusals import ChannelUnavailable, CodeRefused
from contact.views import contact_page
from foundation.exceptions import Refusal
from managers.limits import TooManyTries
from managers.middleware import poll
from messaging.models import Channel

TEMPLATE = "contact/_change.html"


def _change_view(view):
    """Decorate a view of one change: load the client with the access check, and answer refusals with the panel.

    The view is called as view(request, client, change).
    """

    @wraps(view)
    @onboarding.step_view(onboarding.CONTACT)
    def guarded(request, client, change_pk):
        change = _get_change(client, change_pk)
        try:
            return view(request, client, change)
        except TooManyTries as refused:
            return refused.apply_to(_panel_response(request, client, change, error=refused.message, status=429))
        except Refusal as refused:
            return _panel_response(request, client, change, error=refused.message, status=refused.status)

    return guarded


def _get_change(client: Client, pk) -> ContactChange:
    return get_object_or_404(client.contact_changes.select_related("requested_by", "decided_by"), pk=pk)


def _panel_response(request, client: Client, change: ContactChange, *, status: int = 200, **parts) -> HttpResponse:
    """The panel with `parts`, as it is now: HTMX gets only the panel, so that text typed elsewhere stays."""
    client = get_client_for(request, client.pk)
    panel = ChangePanel(_get_change(client, change.pk), client, request.user, timezone.now(), **parts)
    if request.htmx.target == "contact-change":
        return render(request, TEMPLATE, _context(panel), status=status)
    form = ContactForm(client=client, by=request.user)
    return contact_page(request, client, form, status=status, panel=panel)


def _context(panel: ChangePanel) -> dict:
    return {"panel": panel, "client": panel.client, "next_url": onboarding.next_url(panel.client)}


def _done(request, client: Client, text: str) -> HttpResponse:
    messages.success(request, text)
    return onboarding.redirect_to(request, onboarding.next_url(get_client_for(request, client.pk)))


@poll
@require_GET
def status(request, pk, change_pk):
    """The state as a fragment, which the page requests every few seconds; 204 if it is as the page shows it."""
    client = get_client_for(request, pk)
    panel = ChangePanel(_get_change(client, change_pk), client, request.user, timezone.now())
    if not request.htmx:
        return redirect(onboarding.CONTACT.url(client))
    context = _context(panel)
    if request.GET.get("layout") != panel.layout:
        return reswap(retarget(render(request, TEMPLATE, context), "#contact-change"), "outerHTML")
    if request.GET.get("seen") == panel.seen:
        return HttpResponse(status=204)
    return render(request, f"{TEMPLATE}#status", context)


@require_POST
@_change_view
def code(request, client, change):
    """Send the client a code by the chosen channel."""
    channel = request.POST.get("channel")
    if channel not in Channel.values:
        raise ChannelUnavailable
    codes.send_code(change, Channel(channel), by=request.user)
    if request.htmx.target == "contact-change":
        return _panel_response(request, client, change)
    return redirect(onboarding.CONTACT.url(client))


@require_POST
@_change_view
def confirmation(request, client, change):
    """Write the change with the code that the client named. A wrong one stays in the field."""
    form = ClientCodeForm(request.POST)
    if not form.is_valid():
        return _panel_response(request, client, change, status=422, code_form=form)
    try:
        codes.enter_code(change, form.cleaned_data["code"], by=request.user)
    except CodeRefused as refused:
        form.add_error("code", refused.message)
        return _panel_response(request, client, change, status=422, code_form=form)
    return _done(request, client, "Клиент подтвердил, контакт изменён.")


@require_POST
@_change_view
def approval_request(request, client, change):
    """Ask the admins to allow the change."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _panel_response(request, client, change, status=422, reason_form=form)
    try:
        changes.ask_admin(change, form.cleaned_data["reason"], by=request.user)
    except TooManyTries as refused:
        response = _panel_response(request, client, change, error=refused.message, reason_form=form)
        return refused.apply_to(response)
    if request.htmx.target == "contact-change":
        return _panel_response(request, client, change)
    return redirect(onboarding.CONTACT.url(client))


@require_POST
@_change_view
def unconfirmed(request, client, change):
    """Write the change without a confirmation. No code goes to the new contact for a day."""
    changes.apply_unconfirmed(change, by=request.user)
    return _done(request, client, "Контакт изменён. Коды на него начнут приходить через сутки.")


@require_POST
@_change_view
def cancellation(request, client, change):
    changes.cancel(change, by=request.user)
    messages.success(request, "Изменение отменено, контакт прежний.")
    return onboarding.redirect_to(request, onboarding.CONTACT.url(client))
