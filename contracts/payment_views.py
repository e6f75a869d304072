"""Views after the signature: invoices and payments, and the client's card."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agreements import consents
from clients import disclosure, onboarding
from clients.access import get_client_for
from clients.disclosure import DisclosureKind
from clients.models import SIGNED, Client, Status
from contracts import app_payments, payment, payment_undo, pdf
from contracts.access import get_invoice_for
from contracts.forms import InvoiceForm, NoteForm
from contracts.models import Invoice, InvoiceStatus
from contracts.payment_code import payment_svg
from contracts.timeline import timeline
from documents.files import pdf_response
from links.copies import copy_url
from managers import limits
from support import log


@require_GET
def invoice_pdf(request, pk):
    invoice = get_invoice_for(request, pk)
    if invoice.contract.erased_at:
        raise Http404
    limits.DOCUMENTS.consume(request.user)
    file = pdf.render_invoice(invoice, invoice.contract.snapshot)
    disclosure.record(invoice.contract.client, DisclosureKind.INVOICE_PDF, request=request, document=invoice.number)
    return pdf_response(file, f"Счёт {invoice.number}.pdf")


@require_GET
def invoice_code(request, pk):
    """The payment code of a pending invoice, large, for the client to scan."""
    invoice = get_invoice_for(request, pk)
    client = invoice.contract.client
    if invoice.contract.erased_at:
        raise Http404
    if not invoice.is_payable:  # paid or cancelled while the page was open
        return redirect("contracts:card", client.pk)
    disclosure.record(client, DisclosureKind.INVOICE_PDF, request=request, document=invoice.number)
    context = {"client": client, "invoice": invoice, "code": payment_svg(invoice, invoice.contract.snapshot)}
    return render(request, "contracts/payment_code.html", context)


@require_GET
def done(request, pk):
    """The page after the signature: invoices and next actions."""
    client = get_client_for(request, pk)
    if client.status not in SIGNED:
        return redirect(onboarding.next_url(client))
    return _done_page(request, client)


def _done_page(request, client: Client, *, error: str = "", status: int = 200) -> HttpResponse:
    balance = payment.Balance.for_client(client)
    if app_payments.note_claims_of(client, balance.invoices):
        client = get_client_for(request, client.pk)
        balance = payment.Balance.for_client(client)
    shown = [
        invoice for invoice in balance.invoices if invoice.status != InvoiceStatus.CANCELLED or invoice.open_claims
    ]
    payment_undo.add_undo_rights(shown, by=request.user)
    context = {"client": client, "balance": balance, "contract": balance.contract, "invoices": shown, "error": error}
    context["copy_url"] = copy_url()
    onboarding.set_steps(request, client, None)
    return render(request, "contracts/done.html", context, status=status)


@require_POST
def payment_dismissal(request, pk):
    """«Не поступила»: the client's payment in the app was checked, and there is no money. Idempotent."""
    client = get_client_for(request, pk)
    invoice = _get_invoice(client, request.POST.get("invoice", ""))
    if invoice is None:
        return _payment_error_page(request, client, "Сверять нечего: такого счёта нет.")
    try:
        payment.dismiss_claims(invoice, by=request.user, shown=request.POST.getlist("claim"))
    except payment.PaymentRefused as refused:
        return _payment_error_page(request, client, refused.message)
    messages.success(request, f"Оплата счёта {invoice.number} в приложении сверена.")
    return redirect("contracts:done" if client.status in SIGNED else "contracts:card", client.pk)


def _get_invoice(client: Client, text: str) -> Invoice | None:
    """Return the client's invoice with this id, or None, also if the id is malformed."""
    try:
        return payment.client_invoices(client).select_related("contract__client").filter(pk=text).first()
    except ValidationError:
        return None


def _payment_error_page(request, client: Client, error: str) -> HttpResponse:
    client = get_client_for(request, client.pk)
    if client.status in SIGNED:
        return _done_page(request, client, error=error, status=409)
    return _card_page(request, client, error=error, status=409)


@require_http_methods(["GET", "POST"])
def invoice(request, pk):
    """«Выставить счёт»: create an invoice. The client is notified in «Привет Супер»."""
    client = get_client_for(request, pk)
    balance = payment.Balance.for_client(client)
    if not balance.billable:
        return _payment_error_page(
            request, client, "Выставлять нечего: по подписанному договору ничего не причитается."
        )
    text = f"Доплата по договору {balance.contract.number}"
    suggestion = balance.open_invoice or Invoice(amount=balance.billable, description=text)
    form = InvoiceForm(request.POST or None, instance=suggestion, billable=balance.billable)
    context = {"client": client, "form": form, "balance": balance}
    if request.method == "GET":
        return render(request, "contracts/invoice.html", context)
    if form.is_valid():
        try:
            payment.create_invoice(client, by=request.user, **form.cleaned_data)
            return redirect("contracts:done", client.pk)
        except payment.PaymentClaimed as claimed:
            return _payment_error_page(request, client, claimed.message)
        except payment.PaymentRefused as refused:
            form.add_error("amount", refused.message)
    return render(request, "contracts/invoice.html", context, status=422)


@require_GET
def card(request, pk):
    """The client's card: timeline, contracts, invoices and notes."""
    return _card_page(request, get_client_for(request, pk))


@require_POST
def notes(request, pk):
    client = get_client_for(request, pk)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _card_page(request, client, form=form, status=422)
    with transaction.atomic():
        log.add_note(client, by=request.user, now=timezone.now(), **form.cleaned_data)
    return redirect("contracts:card", client.pk)


def _card_page(request, client: Client, *, form=None, error: str = "", status: int = 200) -> HttpResponse:
    balance = payment.Balance.for_client(client)
    if app_payments.note_claims_of(client, balance.invoices):
        client = get_client_for(request, client.pk)
        balance = payment.Balance.for_client(client)
    onboarding.set_steps(request, client, None)
    contracts = client.contracts.visible_to(request.user).with_signals_for(request.user)
    payment_undo.add_undo_rights(balance.invoices, by=request.user)
    context = {
        "client": client,
        "timeline": timeline(client),
        # Only admins see them, also those that belong to no contract.
        "signals": client.signals.filter(contract=None) if request.user.is_admin else [],
        "contracts": contracts.newest_first().select_related("issued_by"),
        "agreements": consents.visible_to(client, request.user),
        "balance": balance,
        "next_url": onboarding.next_url(client, request.steps),
        "can_withdraw": consents.can_withdraw(client),
        "is_signed": client.status in SIGNED,
        # Invoices stay valid while a new contract is awaited; other clients have their own payment page.
        "is_changed": client.status == Status.AWAITING_CONTRACT,
        "form": form or NoteForm(),
        "error": error,
    }
    return render(request, "contracts/card.html", context, status=status)
