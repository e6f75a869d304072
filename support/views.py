"""Views for support staff: the tickets shared with «Привет Супер», and the read-only client card."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from clients import disclosure
from clients.disclosure import DisclosureKind
from foundation.storage.interface import ObjectNotFound
from managers import limits
from support import bridge, tickets
from support.access import get_client_card_for, get_file_for, get_ticket_for, require_support
from support.forms import AnswerForm, SearchForm, StatusForm
from support.models import Ticket, TicketState, TicketStatus

SEARCH_SESSION_KEY = "ticket_search"
TABS = [
    ("", "Все"),
    (TicketState.WAITING, "Ждут ответа"),
    (TicketState.ANSWERED, "Отвечены"),
    (TicketState.CLOSED, "Закрыты"),
]
# Fragments by the id of the HTMX target. All other requests get the page.
FRAGMENTS = {"tickets-results": "results", "tickets-more": "rows"}


@require_GET
def ticket_list(request):
    require_support(request)
    if "all" in request.GET:  # from the menu: an earlier search would hide tickets
        request.session[SEARCH_SESSION_KEY] = ""
        return redirect("support:tickets")
    return _list_response(request, request.GET.get("state", ""), after=request.GET.get("after", ""))


@require_POST
def search(request):
    """Save the query in the session: names and phone numbers must not appear in URLs."""
    require_support(request)
    form = SearchForm(request.POST)
    state = request.POST.get("state", "")
    if not form.is_valid():
        return _list_response(request, state, form=form, code=422)
    request.session[SEARCH_SESSION_KEY] = "" if "clear" in request.POST else form.cleaned_data["query"]
    if request.htmx.target in FRAGMENTS:
        return _list_response(request, state)
    query = f"?{urlencode({'state': state})}" if state in TicketState else ""
    return redirect(reverse("support:tickets") + query)


def _list_response(request, state: str, *, after: str = "", form=None, code: int = 200):
    chosen = state if state in TicketState else ""
    text = request.session.get(SEARCH_SESSION_KEY, "")
    fragment, refused = FRAGMENTS.get(request.htmx.target), None
    try:
        if text:
            limits.SEARCHES.consume(request.user)
        page = tickets.ticket_page(state=chosen, text=text, after=after)
    except tickets.InvalidPosition as error:
        raise Http404 from error
    except limits.TooManyTries as too_many:
        if fragment == "rows":  # the middleware shows the notice above the existing rows
            raise
        page, refused = tickets.Page([], None), too_many
    context = {
        "place": "tickets",
        "page": page,
        "refused": refused,
        "after": after,
        "form": form or SearchForm(initial={"query": text}),
        "text": text,
        "chosen": chosen,
        "filters": TABS,
        "waiting_count": "" if fragment else tickets.waiting_count(),
    }
    response = render(request, "support/tickets.html" + (f"#{fragment}" if fragment else ""), context, status=code)
    return refused.apply_to(response) if refused else response


@require_GET
def ticket(request, pk):
    return _ticket_page(request, get_ticket_for(request, pk))


@require_POST
def answer(request, pk):
    ticket = get_ticket_for(request, pk)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _ticket_page(request, ticket, answer_form=form, status=422)
    try:
        _, is_new = bridge.answer(ticket, by=request.user, **form.cleaned_data)
    except Ticket.DoesNotExist as error:
        raise Http404 from error
    except bridge.TicketClosed:
        form.add_error(None, "Обращение закрыто, ответ не отправлен. Чтобы отправить его, откройте обращение снова.")
        return _ticket_page(request, get_ticket_for(request, pk), answer_form=form, status=409)
    if is_new:
        messages.success(request, "Ответ отправлен.")
    else:
        messages.info(request, "Этот ответ уже отправлен раньше, второй раз он не ушёл.")
    return redirect("support:ticket", ticket.pk)


@require_POST
def status(request, pk):
    ticket = get_ticket_for(request, pk)
    form = StatusForm(request.POST)
    if not form.is_valid():
        return _ticket_page(request, ticket, status_form=form, status=422)
    try:
        status, last_seen = TicketStatus(form.cleaned_data["status"]), form.cleaned_data["last_seen"]
        bridge.set_status(ticket, status, by=request.user, last_seen=last_seen)
    except Ticket.DoesNotExist as error:
        raise Http404 from error
    except bridge.ClientWrote:
        messages.warning(request, "Клиент написал ещё, обращение не закрыто. Прочитайте сообщение и ответьте на него.")
        return _ticket_page(request, get_ticket_for(request, pk), status=409)
    return redirect("support:ticket", ticket.pk)


def _ticket_page(request, ticket, *, answer_form=None, status_form=None, status=200):
    try:
        page = tickets.message_page(ticket, before=request.GET.get("before", ""), full=_uuid(request.GET.get("full")))
    except tickets.InvalidPosition as error:
        raise Http404 from error
    last_seen = ticket.last_message and ticket.last_message.pk
    status_now = TicketStatus.OPEN if ticket.is_reopened else ticket.status
    context = {
        "ticket": ticket,
        "page": page,
        "form": answer_form or AnswerForm(),
        "status_form": status_form or StatusForm(initial={"status": status_now, "last_seen": last_seen}),
    }
    return render(request, "support/ticket.html", context, status=status)


@require_GET
def attachment(request, pk):
    """Redirect to the file of a message; with `?download` so that the browser saves it."""
    file = get_file_for(request, pk)
    try:
        url = file.url(download="download" in request.GET)
    except ObjectNotFound:
        return render(request, "support/file_missing.html", status=404)
    return HttpResponseRedirect(url, content_type="text/plain", headers={"Cache-Control": "private, no-store"})


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text)
    except (TypeError, ValueError):
        return None


@require_GET
def client_card(request, pk):
    client = get_client_card_for(request, pk)
    try:
        page = tickets.log_page(client, before=request.GET.get("before", ""))
    except tickets.InvalidPosition as error:
        raise Http404 from error
    context = {
        "client": client,
        "page": page,
        "claims": client.payment_claims.filter(resolved_at=None).select_related("invoice", "client"),
        "tickets": tickets.client_tickets(client),
    }
    disclosure.record(client, DisclosureKind.CARD, request=request)
    return render(request, "support/client_card.html", context)
