"""Views that confirm the payment of an invoice, and undo that. Admins come here from the admin site too."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from clients.models import SIGNED
from contracts import payment as payments
from contracts import payment_undo as undoing
from contracts.access import get_payment_invoice_for
from contracts.forms import PaymentForm, UndoForm
from contracts.models import Invoice, InvoiceStatus, PaymentMethod


@require_http_methods(["GET", "POST"])
def payment(request, pk):
    """«Подтвердить оплату»: ask how the client has paid. Idempotent; a settled invoice leads back to the client."""
    invoice = get_payment_invoice_for(request, pk)
    if request.method == "GET":
        if invoice.status != InvoiceStatus.PENDING:
            return _back_to_client(request, invoice)
        return _page(request, "contracts/payment.html", invoice, PaymentForm())
    form = PaymentForm(request.POST)
    if not form.is_valid():
        return _page(request, "contracts/payment.html", invoice, form, status=422)
    method = PaymentMethod(form.cleaned_data["method"])
    try:
        is_new = payments.confirm_payment(invoice, method, by=request.user, note=form.cleaned_data["note"])
    except payments.PaymentRefused as refused:
        return _page(request, "contracts/payment.html", invoice, form, error=refused.message, status=409)
    if is_new:
        messages.success(request, f"Оплата счёта {invoice.number} подтверждена: {method.label.lower()}.")
    else:
        messages.info(request, f"Счёт {invoice.number} уже оплачен.")
    return _back_to_client(request, invoice)


@require_http_methods(["GET", "POST"])
def payment_undo(request, pk):
    """Undo a confirmed payment. Idempotent. Whoever did not confirm it just now has to give a reason."""
    invoice = get_payment_invoice_for(request, pk)
    if request.method == "GET" and invoice.status != InvoiceStatus.PAID:
        return _back_to_client(request, invoice)
    form = _undo_form(request, invoice)
    if request.method == "GET":
        return _page(request, "contracts/payment_undo.html", invoice, form)
    if not form.is_valid():
        return _page(request, "contracts/payment_undo.html", invoice, form, status=422)
    try:
        is_new = undoing.undo_payment(invoice, by=request.user, **form.cleaned_data)
    except payments.PaymentRefused as refused:
        return _page(request, "contracts/payment_undo.html", invoice, form, error=refused.message, status=409)
    if is_new:
        messages.success(request, f"Оплата счёта {invoice.number} отменена, клиент получил сообщение.")
    else:
        messages.info(request, f"Эту оплату счёта {invoice.number} уже отменили.")
    return _back_to_client(request, invoice)


def _undo_form(request, invoice: Invoice) -> UndoForm:
    is_paid = invoice.status == InvoiceStatus.PAID
    right = undoing.undo_right(invoice, by=request.user, now=timezone.now()) if is_paid else None
    initial = {"confirmed_at": invoice.paid_at}
    return UndoForm(request.POST or None, initial=initial, needs_reason=bool(right and right.needs_reason))


def _page(request, template: str, invoice: Invoice, form, *, error: str = "", status: int = 200) -> HttpResponse:
    """The form with the invoice as it is now."""
    invoice = Invoice.objects.with_payment().select_related("contract__client").get(pk=invoice.pk)
    undoing.add_undo_rights([invoice], by=request.user)
    client = invoice.contract.client
    back_url = _client_url(invoice)
    context = {"client": client, "invoice": invoice, "form": form, "error": error, "back_url": back_url}
    return render(request, template, context, status=status)


def _back_to_client(request, invoice: Invoice) -> HttpResponse:
    if invoice.contract.client.account is None and request.htmx:
        return HttpResponseClientRedirect(_client_url(invoice))  # a page of the admin site, not a fragment
    return redirect(_client_url(invoice))


def _client_url(invoice: Invoice) -> str:
    client = invoice.contract.client
    if client.account is None:
        return reverse("admin:contracts_invoice_change", args=[invoice.pk])
    return reverse("contracts:done" if client.status in SIGNED else "contracts:card", args=[client.pk])
