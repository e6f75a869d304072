"""The list of clients, a new client, and step 1."""

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from clients import onboarding, tabs
from clients.access import for_field_managers, get_client_for
from clients.exceptions import ContactChanged
from clients.forms import ContactForm, unprintable
from clients.models import ClaimedByAnother, Client, Status, Tab
from clients.search import MAX_LENGTH
from managers import limits
from managers.models import Manager
from support import log

# Which tab «К списку» goes back to. A cookie: in the session every change of tab would be a write to the database.
TAB_COOKIE = "tab"
SEARCH = "client_search"
# What HTMX gets, by the element that it fills; everything else is the page.
PARTS = {
    "beside": "beside",
    "beside-results": "results",
    "beside-more": "cards",
    "list-results": "results",
    "list-more": "cards",
}


@require_GET
def client_list(request):
    """One page of a tab: what follows the cursor `after`, or else the first `shown` cards."""
    if not request.user.is_field_manager:
        return redirect("support:tickets")
    cookie = settings.COOKIE_PREFIX + TAB_COOKIE
    tab = _tab(request.GET.get("tab") or request.COOKIES.get(cookie))
    shown = request.GET.get("shown", "")[:4]
    response = _list(request, tab, request.GET.get("after", ""), int(shown) if shown.isdecimal() else 0)
    if request.COOKIES.get(cookie) != tab:
        response.set_cookie(cookie, tab, samesite="Lax", httponly=True, secure=settings.SESSION_COOKIE_SECURE)
    return response


@require_POST
@for_field_managers
def search(request):
    """Keep what is looked for in the session, so that nothing personal stands in an address."""
    text = "" if "clear" in request.POST else request.POST.get("text", "").strip()
    request.session[SEARCH] = text[:MAX_LENGTH]
    tab = _tab(request.POST.get("tab"))
    if PARTS.get(request.htmx.target) == "results":
        return _list(request, tab)
    return redirect(f"{reverse('clients:list')}?tab={tab}")


def _tab(value: str | None) -> Tab:
    return Tab(value) if value in Tab.values else Tab.NEW


def _list(request, tab: Tab, after: str = "", shown: int = 0) -> HttpResponse:
    manager, text = request.user, request.session.get(SEARCH, "")
    part = PARTS.get(request.htmx.target)
    with_tabs = part in (None, "beside")
    page, refused = tabs.Page([], ""), None
    try:
        if text:
            limits.SEARCHES.take(manager)
        page = tabs.page(tab, manager, text, after, shown, counted=with_tabs)
    except limits.TooManyTries as too_many:
        if part == "cards":  # said above those that are there
            raise
        refused = too_many
    context = {
        "tab": tab,
        "text": text,
        "page": page,
        "after": after,
        "place": "beside" if part and request.htmx.target.startswith("beside") else "list",
        "counts": (page.counts or tabs.counts(manager)) if with_tabs else [],
        "refused": refused,
    }
    response = render(request, "clients/list.html" + (f"#{part}" if part else ""), context)
    return refused.answered(response) if refused else response


@require_http_methods(["GET", "POST"])
@for_field_managers
def add(request):
    form = ContactForm(request.POST if request.method == "POST" else None, by=request.user)
    if form.is_valid():
        try:
            return redirect("clients:contact", _add(form, request.user).pk)
        except IntegrityError:
            if not form.refuse_taken():
                raise
    return render(request, "clients/add.html", {"form": form}, status=422 if form.is_bound else 200)


@transaction.atomic
def _add(form: ContactForm, by: Manager) -> Client:
    client = Client.add(by=by, **form.cleaned_data)
    log.event(client, "Клиент добавлен.", by=by, now=timezone.now())
    return client


@require_GET
def client(request, pk):
    """Where work on the client goes on."""
    return redirect(onboarding.next_url(get_client_for(request, pk)))


@require_http_methods(["GET", "POST"])
def contact(request, pk):
    """Step 1. A manager who was shown a free client is told who took them since; to anybody else there is no client."""
    try:
        return _contact(request, pk)
    except Http404:
        if not _was_shown(request, pk):
            raise
    taken = Client.objects.filter(manager__isnull=False).exclude(status=Status.ERASED).select_related("user", "manager")
    return _taken(request, get_object_or_404(taken, pk=pk))


@onboarding.step("contact")
def _contact(request, client: Client) -> HttpResponse:
    form = ContactForm(request.POST if request.method == "POST" else None, client=client, by=request.user)
    if form.is_valid():
        try:
            _confirm(client, form, request.user)
            return redirect(onboarding.next_url(client))
        except ClaimedByAnother as refused:
            return _taken(request, refused.client)
        except ContactChanged as changed:
            client = get_client_for(request, client.pk)
            form = form.brought_up_to_date(client, changed.fields)
            return _contact_page(request, client, form, status=409)
        except IntegrityError:
            if not form.refuse_taken():
                raise
    return _contact_page(request, client, form, status=422 if form.is_bound else 200)


def _contact_page(request, client: Client, form: ContactForm, *, status: int) -> HttpResponse:
    context = {"client": client, "form": form, "shown_to": _shown_to(request.user, client.pk)}
    context["unprintable"] = unprintable(client.user)
    return render(request, "clients/contact.html", context, status=status)


@transaction.atomic
def _confirm(client: Client, form: ContactForm, by: Manager) -> None:
    was_new, changes = client.status == Status.NEW, ", ".join(form.changed_labels)
    client.confirm_contact(by=by, shown=form.shown, **form.cleaned_data)
    happened = ["Контактные данные подтверждены, клиент взят в работу."] if was_new else []
    happened += [f"Исправлено: {changes}."] if changes else []
    if happened:
        log.event(client, " ".join(happened), by=by, now=timezone.now())


def _shown_to(manager: Manager, pk) -> str:
    """Says, signed, that this manager has had this client's page."""
    return signing.Signer(salt="clients.contact").sign(f"{manager.pk}/{pk}")


def _was_shown(request, pk) -> bool:
    return request.method == "POST" and request.POST.get("shown_to") == _shown_to(request.user, pk)


def _taken(request, client: Client) -> HttpResponse:
    return render(request, "clients/taken.html", {"client": client}, status=409)
