"""Views of step 4: contract, link to the client's page, code and signature."""

import math

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import reswap, retarget

from agreements import consents
from agreements.models import AgreementKind, AgreementMissing
from agreements.views import NOT_SAVED, agreement_context, recorder_from_request, submitted_agreement_form
from clients import disclosure, onboarding
from clients.access import get_client_for
from clients.disclosure import DisclosureKind
from clients.models import SIGNED, Client, TransitionRefused
from contracts import app_payments, issuing, payment, signature_consent, signing
from contracts.access import get_contract_for
from contracts.code_channels import ClientChannels
from contracts.contents_diff import describe_differences
from contracts.current import current_contents, is_newest_edition, loaded_contents
from contracts.forms import ChannelForm, SignatureForm
from contracts.models import Contract, SigningCode
from contracts.refusals import (
    INPUT_ERRORS,
    CodeByManagerDisabled,
    ContractClosed,
    ContractEditionOld,
    SigningRefused,
)
from contracts.snapshot import Contents
from documents.files import pdf_response, stored_pdf
from foundation.storage import object_storage
from foundation.templatetags.formats import phone
from links.models import Link, NothingToSign, Place
from links.panel import LinkPanel, browser_of
from managers import limits
from managers.middleware import poll
from managers.models import Manager, Role
from messaging.codes import next_code_at
from messaging.models import Channel

# By whether it goes to the app, which has it at once.
CODE_REQUESTED = {True: "Код отправлен клиенту в «{}».", False: "Код для клиента отправляется: {}."}
CONTRACT_REPLACED = "Пока страница была открыта, договор сформировали заново. Прочитайте его и запросите код."


@require_http_methods(["GET", "POST"])
@onboarding.step_view(onboarding.CONTRACT)
def contract(request, client):
    """Step 4. POST issues the contract, or replaces it if the data has changed."""
    if client.status in SIGNED:
        return redirect("contracts:done", client.pk)
    if request.method == "GET":
        return _contract_page(request, client)
    limits.DOCUMENTS.consume(request.user)
    try:
        issuing.issue(client, by=request.user, expected_surcharge=request.POST.get("surcharge"))
    except AgreementMissing:  # withdrawn while this page was open
        return redirect(onboarding.next_url(get_client_for(request, client.pk)))
    except issuing.ContentsChanged as changed:
        return _contract_page(request, client, error=changed.message, status=409)
    except TransitionRefused as refused:
        return _contract_page(request, refused.client, error="Новый договор сейчас не нужен.", status=409)
    except object_storage.StorageUnavailable:
        error = "Хранилище файлов не отвечает, договор не сформирован. Ничего не потеряно — попробуйте через минуту."
        return _contract_page(request, client, error=error, status=503)
    return redirect("contracts:contract", client.pk)


@require_POST
@onboarding.step_view(onboarding.CONTRACT)
def restoration(request, client):
    """Restore the signed contract: the changes made after it were undone."""
    try:
        issuing.restore_signed_contract(client, by=request.user)
    except TransitionRefused as refused:
        if refused.client.status in SIGNED:  # repeated submit
            return redirect("contracts:done", client.pk)
        return _contract_page(request, refused.client, error="Данные отличаются от подписанного договора.", status=409)
    return redirect("contracts:done", client.pk)


@require_POST
@onboarding.step_view(onboarding.CONTRACT)
def code(request, client):
    """Send the client a code; the first one also records the agreement on electronic signatures.

    HTMX gets the code fragment.
    """
    if not settings.CODE_BY_MANAGER:
        return _contract_page(request, client, error=CodeByManagerDisabled.message, status=409)
    current = issuing.open_contract(client)
    if current and _shows_other_contract(request, current):
        return _replaced_page(request, client)
    try:
        signing.check_account_open(client.account)  # before the agreement is recorded
        if not client.agreements.is_given(AgreementKind.ELECTRONIC_SIGNATURE):
            agreement = submitted_agreement_form(request, client, AgreementKind.ELECTRONIC_SIGNATURE)
            if not agreement.is_valid():
                return _contract_page(request, client, agreement=agreement, status=422)
            consents.record(client, AgreementKind.ELECTRONIC_SIGNATURE, recorder_from_request(request))
            client = get_client_for(request, client.pk)
        if current is None:
            raise ContractClosed
        code = signing.request_code(current, by=request.user, channel=request.POST.get("channel"))
    except object_storage.StorageUnavailable:
        return _contract_page(request, client, error=NOT_SAVED, status=503)
    except limits.TooManyTries as refused:
        return refused.apply_to(_contract_page(request, client, error=refused.message))
    except SigningRefused as refused:
        return _contract_page(request, client, error=refused.message, status=409)
    if request.htmx.target == "code":
        return _contract_page(request, client)
    sent, label = CODE_REQUESTED[code.message.channel == Channel.APP], code.message.get_channel_display()
    messages.success(request, sent.format(label))
    return redirect("contracts:contract", client.pk)


@poll
@require_GET
@onboarding.step_view(onboarding.CONTRACT)
def code_delivery(request, client):
    """The code that the manager requested, as a fragment, which the page requests every few seconds.

    204 if its delivery state is still `seen`, or if the code can't be entered any more.
    """
    if not request.htmx:
        return redirect("contracts:contract", client.pk)
    current = issuing.open_contract(client)
    code = signing.current_code(current) if current else None
    if not code or code.requested_on != Place.MANAGER or not code.is_usable(timezone.now()):
        return HttpResponse(status=204)
    if not code.message or code.message.state == request.GET.get("seen"):
        return HttpResponse(status=204)
    return render(request, "contracts/_code_sent.html", {"client": client, "code": code})


@require_POST
@onboarding.step_view(onboarding.CONTRACT)
def signature(request, client):
    """Sign with the client's code. A repeated submit after signing redirects to the done page."""
    current = issuing.open_contract(client)
    if current is None:
        if client.status in SIGNED:
            return redirect("contracts:done", client.pk)
        return _contract_page(request, client, error=ContractClosed.message, status=409)
    if _shows_other_contract(request, current):
        return _replaced_page(request, client)
    form = SignatureForm(request.POST)
    if not form.is_valid():
        return _contract_page(request, client, form=form, status=422)
    try:
        signing.sign(
            current,
            form.cleaned_data["code"],
            consent=form.cleaned_data["consent"],
            pep_text_version=form.cleaned_data["pep_version"],
            by=request.user,
            browser=browser_of(request),
        )
    except INPUT_ERRORS as refused:
        form.add_error("code", refused.message)
        return _contract_page(request, client, form=form, status=422)
    except SigningRefused as refused:
        return _contract_page(request, client, form=form, error=refused.message, status=409)
    return redirect("contracts:done", client.pk)


@require_POST
@onboarding.step_view(onboarding.CONTRACT)
def link(request, client):
    """Create a link to the client's page and show it as a QR code. HTMX gets the panel."""
    current = issuing.open_contract(client)
    if current is None:
        return _nothing_to_sign(request, client)
    if _shows_other_contract(request, current):
        return _replaced_page(request, client)
    if not is_newest_edition(current):
        return _whole_page(request, client, ContractEditionOld.message)
    limits.LINKS.consume(request.user)
    try:
        panel = LinkPanel.with_new_link(
            request, client, current.pk, issue_url=_link_url(client), channels=ClientChannels.of(client).for_link()
        )
    except NothingToSign:  # signed or replaced meanwhile
        return _nothing_to_sign(request, get_client_for(request, client.pk))
    if request.htmx:
        return render(request, "links/panel.html", {"panel": panel})
    return _contract_page(request, client, panel=panel)


def _nothing_to_sign(request, client: Client) -> HttpResponse:
    if client.status in SIGNED:
        return onboarding.redirect_to(request, reverse("contracts:done", args=[client.pk]))
    return _whole_page(request, client, ContractClosed.message)


def _panel(client: Client, contract: Contract, channels: ClientChannels) -> LinkPanel:
    return LinkPanel.of(client, contract.pk, issue_url=_link_url(client), channels=channels.for_link())


def _link_url(client: Client) -> str:
    return reverse("contracts:link", args=[client.pk])


def _shows_other_contract(request, current: Contract) -> bool:
    """Whether the submitted page shows a contract that has been replaced."""
    return request.POST.get("contract") != str(current.pk)


def _replaced_page(request, client: Client) -> HttpResponse:
    """Show the current contract instead of the replaced one. Nothing is sent or signed."""
    return _whole_page(request, client, CONTRACT_REPLACED)


def _whole_page(request, client: Client, error: str) -> HttpResponse:
    """The page as it is now, with 409. HTMX shows all of it, whatever part sent the request."""
    response = _contract_page(request, client, error=error, status=409, whole=True)
    return reswap(retarget(response, "#main"), "innerHTML show:window:top") if request.htmx else response


def _contract_page(
    request,
    client: Client,
    *,
    form=None,
    agreement=None,
    panel: LinkPanel | None = None,
    error: str = "",
    status: int = 200,
    whole: bool = False,
) -> HttpResponse:
    try:
        # A page that is only read was loaded a moment ago; the data may have changed since a form was submitted.
        contents = loaded_contents(client) if request.method == "GET" else current_contents(client)
    except ObjectDoesNotExist:  # passport or account were deleted since access was checked
        return onboarding.redirect_to(request, onboarding.next_url(get_client_for(request, client.pk)))
    now, billing = timezone.now(), payment.BillingSummary.for_client(client)
    if app_payments.note_claims_of(client, billing.invoices):
        billing = payment.BillingSummary.for_client(client)
    current = issuing.open_contract(client)
    codes = signing.recent_codes(client, now)
    code = next((code for code in codes if current and code.contract_id == current.pk), None)
    channels = ClientChannels.of(client)
    panel = panel or (current and _panel(client, current, channels))
    template = "contracts/contract.html"
    context = {
        "client": client,
        "contract": current,
        # Phone and e-mail of a closed account differ until it is reopened.
        "changes": _changes_since(current, contents) if current and client.user.is_open else [],
        "contents": contents,
        "pending_invoices": billing.pending_invoices,
        "due": billing.due_for(contents),
        "signed": None if current else issuing.matching_signed_contract(client),
        "form": form or SignatureForm(initial={"pep_version": signature_consent.current_version()}),
        "pep_template": signature_consent.current_template(),
        "code": code if code and code.requested_on == Place.MANAGER and code.is_usable(now) else None,
        "seconds_to_next_code": max(0, math.ceil((next_code_at(codes, now) - now).total_seconds())),
        "error": error,
        "panel": panel,
        "channels": _channel_form(channels, panel.link if panel else None, code),
        "code_by_manager": settings.CODE_BY_MANAGER,
        "admins": Manager.objects.filter(role=Role.ADMIN, is_active=True).order_by("name"),  # lazy
    }
    if current and not client.agreements.is_given(AgreementKind.ELECTRONIC_SIGNATURE):
        context |= agreement_context(client, AgreementKind.ELECTRONIC_SIGNATURE, by=request.user, form=agreement)
    elif request.htmx.target == "code" and not whole:
        template += "#code"
    return render(request, template, context, status=status)


def _channel_form(channels: ClientChannels, link: Link | None, code: SigningCode | None) -> ChannelForm:
    client = channels.client
    agreeing = not client.agreements.is_given(AgreementKind.ELECTRONIC_SIGNATURE)
    labels = {
        Channel.APP: "В приложение «Привет Супер»",
        Channel.SMS: f"В SMS на {phone(client.user.shown_phone)}",
        Channel.EMAIL: f"Письмом на {client.user.shown_email}",
    }
    in_force = link if link and link.is_in_force(timezone.now()) else None
    return ChannelForm(
        [(channel, labels[channel]) for channel in channels.for_code(in_force, agreeing=agreeing)],
        chosen=code.message.channel if code and code.message else "",
        form_id="" if agreeing else "code-request",
    )


def _changes_since(contract: Contract, contents: Contents) -> list[str]:
    """Return why the contract is stale, one line per reason."""
    edition = [] if is_newest_edition(contract) else ["Изменился текст договора: новая редакция"]
    return edition + describe_differences(contract.snapshot.contents, contents)


@require_GET
def contract_pdf(request, pk):
    """The issued PDF. A file whose hash differs is not served."""
    document = get_contract_for(request, pk)
    if document.erased_at:
        raise Http404
    file = stored_pdf(document.pdf_key, document.pdf_sha256)
    disclosure.record(document.client, DisclosureKind.CONTRACT_PDF, request=request, document=document.number)
    return pdf_response(file, f"{document.number}.pdf")
