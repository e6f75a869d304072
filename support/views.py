"""Pages for support staff: the tickets shared with «Привет Супер», and a client to look at."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from support import bridge, tickets
from support.access import get_client_card_for, get_ticket_for, require_support
from support.forms import AnswerForm, SearchForm, StatusForm
from support.models import Ticket, TicketStatus, known_statuses, status_label

SEARCH = "ticket_search"
TICKETS_ON_CARD = 50


@require_GET
def ticket_list(request):
    require_support(request)
    return _list_page(request, SearchForm(initial={"query": request.session.get(SEARCH, "")}))


@require_POST
def search(request):
    """What is looked for is kept in the session: a name or a phone must not stand in an address."""
    require_support(request)
    form = SearchForm(request.POST)
    if not form.is_valid():
        return _list_page(request, form, status=422)
    request.session[SEARCH] = form.cleaned_data["query"]
    return redirect("support:tickets")


def _list_page(request, form, status=200):
    statuses = known_statuses()
    chosen = request.GET.get("status", "")
    text = request.session.get(SEARCH, "")
    try:
        page = tickets.page(status=chosen if chosen in statuses else "", text=text, after=request.GET.get("after", ""))
    except tickets.BadPosition as error:
        raise Http404 from error
    filters = [("", "Все"), *((label, status_label(label)) for label in statuses)]
    context = {"page": page, "form": form, "text": text, "chosen": chosen, "filters": filters}
    return render(request, "support/tickets.html", context, status=status)


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
        bridge.answer(ticket, form.cleaned_data["body"], by=request.user, reopen=form.cleaned_data["reopen"])
    except Ticket.DoesNotExist as error:
        raise Http404 from error
    except bridge.TicketClosed:
        form.add_error(None, "Обращение закрыто, ответ не отправлен. Чтобы отправить его, откройте обращение снова.")
        return _ticket_page(request, get_ticket_for(request, pk), answer_form=form, status=409)
    messages.success(request, "Ответ отправлен.")
    return redirect("support:ticket", ticket.pk)


@require_POST
def status(request, pk):
    ticket = get_ticket_for(request, pk)
    form = StatusForm(request.POST)
    if not form.is_valid():
        return _ticket_page(request, ticket, status_form=form, status=422)
    try:
        bridge.set_status(ticket, TicketStatus(form.cleaned_data["status"]), by=request.user)
    except Ticket.DoesNotExist as error:
        raise Http404 from error
    return redirect("support:ticket", ticket.pk)


def _ticket_page(request, ticket, *, answer_form=None, status_form=None, status=200):
    try:
        page = tickets.messages_of(ticket, before=request.GET.get("before", ""))
    except tickets.BadPosition as error:
        raise Http404 from error
    context = {
        "ticket": ticket,
        "page": page,
        "form": answer_form or AnswerForm(),
        "status_form": status_form or StatusForm(initial={"status": ticket.status}),
    }
    return render(request, "support/ticket.html", context, status=status)


@require_GET
def client_card(request, pk):
    client = get_client_card_for(request, pk)
    try:
        page = tickets.log_of(client, before=request.GET.get("before", ""))
    except tickets.BadPosition as error:
        raise Http404 from error
    context = {
        "client": client,
        "page": page,
        "tickets": Ticket.objects.filter(user_id=client.user_id).latest_first()[:50],
    }
    return render(request, "support/client_card.html", context)
