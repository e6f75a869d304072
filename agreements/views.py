"""Views to read, give and withdraw agreements."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agreements import consents
from agreements.access import get_agreement_for, get_kind
from agreements.consents import Recorder
from agreements.documents import AgreementDocument
from agreements.forms import AgreementForm, WithdrawalForm
from agreements.models import AgreementKind
from agreements.withdrawal_act import render_withdrawal_act
from clients import disclosure, onboarding
from clients.access import get_client_for
from clients.disclosure import DisclosureKind
from clients.models import Client
from documents.files import pdf_response, stored_pdf
from foundation.storage import object_storage
from links.panel import LinkPanel, browser_of
from managers import limits

# The step that requires an agreement.
STEP_BY_KIND = {
    AgreementKind.PERSONAL_DATA: onboarding.PASSPORT,
    AgreementKind.ELECTRONIC_SIGNATURE: onboarding.CONTRACT,
}
NOT_SAVED = "Хранилище файлов не отвечает, согласие не записано. Попробуйте через минуту."


def recorder_from_request(request) -> Recorder:
    return Recorder(request.user, browser_of(request))


@require_http_methods(["GET", "POST"])
def agreement(request, pk, kind):
    """The text with its checkbox. POST records the agreement."""
    client, kind = get_client_for(request, pk), get_kind(kind)
    onboarding.set_steps(request, client, STEP_BY_KIND[kind])
    contact = request.steps[0]
    if not contact.is_done:
        return redirect(contact.url)
    only_by_client = kind == AgreementKind.ELECTRONIC_SIGNATURE and not settings.CODE_BY_MANAGER
    if client.agreements.is_given(kind) or only_by_client:
        return redirect(onboarding.next_url(client))
    if request.method == "GET":
        return agreement_page(request, client, kind)
    form = submitted_agreement_form(request, client, kind)
    if not form.is_valid():
        return agreement_page(request, client, kind, form=form, status=422)
    limits.DOCUMENTS.consume(request.user)
    try:
        consents.record(client, kind, recorder_from_request(request))
    except object_storage.StorageUnavailable:
        return agreement_page(request, client, kind, form=form, error=NOT_SAVED, status=503)
    return redirect(onboarding.next_url(get_client_for(request, pk)))


@require_POST
def link(request, pk):
    """Create a link on which the client gives the consent to data processing, and show it as a QR code."""
    client, kind = get_client_for(request, pk), AgreementKind.PERSONAL_DATA
    onboarding.set_steps(request, client, STEP_BY_KIND[kind])
    contact = request.steps[0]
    if not contact.is_done or client.agreements.is_given(kind):
        return onboarding.redirect_to(request, onboarding.next_url(client))
    limits.LINKS.consume(request.user)
    panel = LinkPanel.with_new_link(request, client, issue_url=_link_url(client))
    if request.htmx:
        return render(request, "links/panel.html", {"panel": panel})
    return agreement_page(request, client, kind, panel=panel)


def _link_url(client: Client) -> str:
    return reverse("agreements:link", args=[client.pk])


def agreement_page(
    request,
    client: Client,
    kind: AgreementKind,
    *,
    form=None,
    panel: LinkPanel | None = None,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    """The agreement page, shown in place of a step that needs the agreement first, with that step's heading."""
    context = agreement_context(client, kind, by=request.user, form=form)
    context |= {"client": client, "kind": kind, "error": error}
    if kind == AgreementKind.PERSONAL_DATA:
        context["panel"] = panel or LinkPanel.of(client, issue_url=_link_url(client))
    return render(request, "agreements/agreement.html", context, status=status)


def agreement_context(client: Client, kind: AgreementKind, *, by, form=None) -> dict:
    """Return the template context of agreements/_agreement.html."""
    form = form or AgreementForm(document=AgreementDocument.for_client(client, kind, by=by))
    return {"document": form.document, "agreement_form": form}


def submitted_agreement_form(request, client: Client, kind: AgreementKind) -> AgreementForm:
    """Return the submitted form of agreements/_agreement.html."""
    return AgreementForm(request.POST, document=AgreementDocument.for_client(client, kind, by=request.user))


@require_GET
def draft(request, pk, kind):
    """The document as PDF, before it is given."""
    client, kind = get_client_for(request, pk), get_kind(kind)
    limits.DOCUMENTS.consume(request.user)
    disclosure.record(client, DisclosureKind.AGREEMENT_PDF, request=request)
    file = AgreementDocument.for_client(client, kind, by=request.user).pdf()
    return pdf_response(file, f"{kind.label}.pdf")


@require_GET
def pdf(request, pk):
    """The PDF of a recorded agreement."""
    agreement = get_agreement_for(request, pk)
    disclosure.record(agreement.client, DisclosureKind.AGREEMENT_PDF, request=request)
    return pdf_response(stored_pdf(agreement.pdf_key, agreement.pdf_sha256), f"{agreement.get_kind_display()}.pdf")


@require_GET
def withdrawal_act(request, pk):
    """The confirmation that the client has withdrawn an agreement, as PDF."""
    agreement = get_agreement_for(request, pk)
    if not agreement.is_withdrawn:
        raise Http404
    limits.DOCUMENTS.consume(request.user)
    disclosure.record(agreement.client, DisclosureKind.AGREEMENT_PDF, request=request)
    return pdf_response(render_withdrawal_act(agreement), f"Отзыв {agreement.number}.pdf")


@require_http_methods(["GET", "POST"])
def withdrawal(request, pk):
    """«Отозвать согласие»: the confirmation page. POST withdraws the consent."""
    client = get_client_for(request, pk)
    form = WithdrawalForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"client": client, "form": form}
        return render(request, "agreements/withdrawal.html", context, status=422 if form.is_bound else 200)
    if consents.withdraw(client, by=request.user, reason=form.cleaned_data["reason"]):
        messages.success(request, "Отзыв согласия записан. Подписанные договоры остаются в силе.")
    return redirect("contracts:card", client.pk)
