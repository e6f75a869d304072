"""Adding a client, and step 1: confirming the contact data."""

from django.core import signing
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from clients import onboarding
from clients.access import field_managers_only, get_client_for
from clients.exceptions import AccountDeleted, AlreadyClaimed, ContactChanged
from clients.models import Client, Status
from contact import changes
from contact.forms import ContactForm
from contact.panel import ChangePanel
from managers.models import Manager
from support import log


@require_http_methods(["GET", "POST"])
@field_managers_only
def add(request):
    """Add a client. A manager's new client is theirs; an admin's is unclaimed."""
    form = ContactForm(request.POST if request.method == "POST" else None, by=request.user)
    if form.is_valid():
        try:
            return redirect(onboarding.CONTACT.url(_add(form, request.user)))
        except IntegrityError:
            if not form.add_taken_errors():
                raise
    return render(request, "contact/add.html", {"form": form}, status=422 if form.is_bound else 200)


@transaction.atomic
def _add(form: ContactForm, by: Manager) -> Client:
    client = Client.add(by=by, **form.cleaned_data)
    log.add_event(client, "Клиент добавлен.", by=by, now=timezone.now())
    return client


@require_http_methods(["GET", "POST"])
def contact(request, pk):
    """Step 1. A manager who opened the page before somebody else claimed the client sees who did; others get 404."""
    try:
        return _contact_step(request, pk)
    except Http404:
        if not _had_page_open(request, pk):
            raise
    claimed = Client.objects.filter(manager__isnull=False).exclude(status=Status.ERASED)
    client = get_object_or_404(claimed.select_related("user", "manager"), pk=pk)
    return _already_claimed_response(request, client)


@onboarding.step_view(onboarding.CONTACT)
def _contact_step(request, client: Client) -> HttpResponse:
    form = ContactForm(request.POST if request.method == "POST" else None, client=client, by=request.user)
    if form.is_valid():
        try:
            waiting = changes.save_contact(client, form.cleaned_data, original=form.original, by=request.user)
            return redirect(onboarding.CONTACT.url(client) if waiting else onboarding.next_url(client))
        except AlreadyClaimed as refused:
            return _already_claimed_response(request, refused.client)
        except AccountDeleted:
            client = get_client_for(request, client.pk)
            form.add_error(None, "Ничего не записано: учётная запись клиента удалена.")
            return contact_page(request, client, form, status=409)
        except ContactChanged as changed:
            client = get_client_for(request, client.pk)
            form = form.with_current_data(client, changed.fields)
            return contact_page(request, client, form, status=409)
        except IntegrityError:
            if not form.add_taken_errors():
                raise
    return contact_page(request, client, form, status=422 if form.is_bound else 200)


def contact_page(
    request, client: Client, form: ContactForm, *, status: int, panel: ChangePanel | None = None
) -> HttpResponse:
    """The page of step 1, with `panel` or that of the client's open change."""
    context = {
        "client": client,
        "form": form,
        "page_opened_token": _page_opened_token(request.user, client.pk),
        "panel": panel or ChangePanel.of(client, request.user),
        "next_url": onboarding.next_url(client),
        "unprintable_error": client.user.unprintable_error,
    }
    return render(request, "contact/contact.html", context, status=status)


def _page_opened_token(manager: Manager, pk) -> str:
    """Signed proof that this manager has opened step 1 of this client."""
    return signing.Signer(salt="clients.contact").sign(f"{manager.pk}/{pk}")


def _had_page_open(request, pk) -> bool:
    return request.method == "POST" and request.POST.get("shown_to") == _page_opened_token(request.user, pk)


def _already_claimed_response(request, client: Client) -> HttpResponse:
    return render(request, "contact/already_claimed.html", {"client": client}, status=409)
