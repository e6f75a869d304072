"""The client's page about a contract: read it, accept it, sign it with a code, download it."""

import hmac
import math
from dataclasses import replace
from functools import wraps

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from agreements.models import AgreementKind
from client_page import accepting
from client_page.access import link_page
from client_page.forms import PhoneDigitsForm, RefusalForm, SigningConsentForm
from client_page.pages import render_page
from contracts import payment, pdf, signature_consent, signing
from contracts.code_channels import ClientChannels
from contracts.contents_diff import describe_differences
from contracts.current import is_newest_edition
from contracts.forms import ChannelForm
from contracts.models import Contract, SigningCode
from contracts.payment_code import payment_svg
from contracts.refusals import INPUT_ERRORS, CodeTooSoon, ConsentMissing, SigningRefused
from contracts.snapshot import Snapshot
from documents.files import pdf_response, stored_pdf
from foundation.storage import object_storage
from links.models import MAX_PASSPORT_ATTEMPTS, Link, Place
from links.panel import browser_of
from managers import limits
from messaging.codes import next_code_at
from messaging.forms import CodeForm
from messaging.models import Channel

FILE_UNAVAILABLE = "Файл сейчас не открывается: на нашей стороне неполадка. Попробуйте через минуту."
WRONG_DIGITS = "Цифры не совпадают с телефоном, который указан в договоре. Осталось попыток: {}."
NEW_CODE = " Получите новый код другим способом."
NO_ATTEMPTS = "Попыток больше нет. Попросите менеджера показать новый QR-код."


def contract_page(request, link: Link, *, status: int = 200, **context) -> HttpResponse:
    """The page as it is now: to read and sign, signed, declined or replaced. `context`: forms with errors, `error`."""
    contract = link.contract
    is_outdated = contract.is_open and not is_newest_edition(contract)  # its text can't be shown, nor signed
    if contract.erased_at or contract.void_at or is_outdated:
        return render_page(request, "replaced", {"link": link}, status=409)
    snapshot = contract.snapshot
    context = {"link": link, "contract": contract, "contents": snapshot.contents, "company": snapshot.company} | context
    if contract.signed_at:
        return render_page(request, "signed", context | _payment_context(contract, snapshot), status=status)
    if link.refused_at:
        return render_page(request, "refused", context, status=status)
    context = _reading_context(link, snapshot) | _signing_context(link) | context
    return render_page(request, "contract", context, status=status)


def _payment_context(contract: Contract, snapshot: Snapshot) -> dict:
    pending = payment.BillingSummary.for_client(contract.client).pending_invoices
    invoice = next((invoice for invoice in pending if invoice.contract_id == contract.pk), None)
    return {
        "invoice": invoice,
        "payment_code": payment_svg(invoice, snapshot) if invoice and invoice.is_payable else "",
        "unpaid": [other for other in pending if other != invoice],
    }


def _reading_context(link: Link, snapshot: Snapshot) -> dict:
    client, contents = link.client, snapshot.contents
    signed = client.contracts.since_claimed().signed().filter(erased_at=None).newest_first().first()
    billing = payment.BillingSummary.for_client(client)
    return {
        "due": billing.due_for(contents),
        "unpaid": billing.pending_invoices,
        "signed": signed,
        "changes": describe_differences(signed.snapshot.contents, contents) if signed else [],
        "text": pdf.contract_html(snapshot if link.passport_shown_at else _masked(snapshot)),
        "digits": PhoneDigitsForm(),
        "passport_attempts_left": MAX_PASSPORT_ATTEMPTS - link.passport_attempts,
        "refusal": RefusalForm(link=link),
    }


def _signing_context(link: Link) -> dict:
    now = timezone.now()
    codes = signing.recent_codes(link.client, now)
    code = next((code for code in codes if code.contract_id == link.contract_id), None)
    needs_agreement = not link.client.agreements.is_given(AgreementKind.ELECTRONIC_SIGNATURE)
    agreement = accepting.agreement_form(link, AgreementKind.ELECTRONIC_SIGNATURE) if needs_agreement else None
    seconds = max(0, math.ceil((next_code_at(codes, now) - now).total_seconds()))
    return {
        "agreement": agreement,
        "agreement_text": agreement and accepting.shown_text(link, agreement),
        "consent": SigningConsentForm(initial={"version": signature_consent.current_version()}),
        "pep_template": signature_consent.current_template(),
        "has_consented": _has_consented(link),
        "form": CodeForm(),
        "code": code if code and code.is_usable(now) else None,
        "delivery_text": _delivery_text(code),
        "channels": _channel_form(link, code, agreeing=needs_agreement),
        "is_code_told": bool(code) and code.requested_on == Place.MANAGER,
        "seconds_to_next_code": seconds,
        "wait_for_next_code": limits.format_wait(seconds),
    }


def _channel_form(link: Link, code: SigningCode | None, *, agreeing: bool) -> ChannelForm:
    """Labels show no digits that unlock the passport."""
    account = link.client.user
    labels = {
        Channel.APP: "В приложение «Привет Супер»",
        Channel.SMS: f"В SMS на {accepting.masked_phone(account.shown_phone)}",
        Channel.EMAIL: f"Письмом на {masked_email(account.shown_email)}",
    }
    choices = [
        (channel, labels[channel]) for channel in ClientChannels.of(link.client).for_code(link, agreeing=agreeing)
    ]
    return ChannelForm(choices, chosen=code.message.channel if code and code.message else "")


def masked_email(email: str) -> str:
    """The e-mail with the first letter of its name only: «a•••@mail.example»."""
    name, sign, domain = email.rpartition("@")
    return f"{name[:1]}•••@{domain}" if sign else "вашу почту"


def _masked(snapshot: Snapshot) -> Snapshot:
    """Without the number of the passport, and without the digits of the phone that show it."""
    person = snapshot.contents.person
    masked = replace(
        person, passport_series="••••", passport_number="••••••", phone=accepting.masked_phone(person.phone)
    )
    return replace(snapshot, contents=replace(snapshot.contents, person=masked))


def _has_consented(link: Link) -> bool:
    """Whether the client accepted both the agreement and the consent to this signature, in their newest editions."""
    is_newest = bool(link.agreed_at) and link.pep_text_version == signature_consent.current_version()
    return is_newest and link.client.agreements.is_given(AgreementKind.ELECTRONIC_SIGNATURE)


def open_contract_page(view):
    """Decorator: the page of a contract that can still be signed; otherwise a redirect to the page as it is now."""

    @link_page
    @wraps(view)
    def guarded(request, link):
        if not link.contract_id or link.refused_at or not link.contract.is_open:
            return redirect("client_page:page", link.pk)
        return view(request, link)

    return guarded


@require_POST
@open_contract_page
def passport(request, link):
    """Show the number of the passport, and the PDF, after the last four digits of the client's phone."""
    form = PhoneDigitsForm(request.POST)
    if form.is_valid() and not link.passport_shown_at:
        _check_digits(link, form)
    if form.errors:
        return contract_page(request, link, digits=form, status=422)
    return redirect(reverse("client_page:page", args=[link.pk]) + "#text")


def _check_digits(link: Link, form: PhoneDigitsForm) -> None:
    """Show the passport, or add an error to the form."""
    if not link.count_passport_attempt():
        form.add_error("digits", NO_ATTEMPTS)
        return
    expected = "".join(filter(str.isdecimal, link.contract.snapshot.contents.person.phone))[-4:]
    if len(expected) == 4 and hmac.compare_digest(form.cleaned_data["digits"], expected):
        link.record_time("passport_shown_at")
        return
    left = MAX_PASSPORT_ATTEMPTS - link.passport_attempts
    form.add_error("digits", WRONG_DIGITS.format(left) if left else NO_ATTEMPTS)


@require_safe
@link_page
def pdf_file(request, link):
    """The file of the contract. Before the signature it needs the digits of the phone, because it has the passport."""
    contract = link.contract
    if contract is None or contract.void_at or contract.erased_at or not (link.passport_shown_at or link.signed_at):
        return redirect("client_page:page", link.pk)
    try:
        limits.DOCUMENTS.consume(str(link.pk))
        file = stored_pdf(contract.pdf_key, contract.pdf_sha256)
    except limits.TooManyTries as refused:
        return refused.apply_to(contract_page(request, link, notice=refused.message))
    except (object_storage.StorageUnavailable, object_storage.ObjectNotFound):
        return contract_page(request, link, notice=FILE_UNAVAILABLE, status=503)
    link.record_time("pdf_opened_at")
    # After the signature it is a file to keep; before, a text to read.
    return pdf_response(file, f"{contract.number}.pdf", as_attachment=bool(link.signed_at))


@require_POST
@open_contract_page
def code(request, link):
    """Accept the agreement and the signature, unless that is done, and get a code."""
    if not _has_consented(link) and (refused := _accept(request, link)):
        return refused
    try:
        channel = request.POST.get("channel")
        signing.request_code(link.contract, by=link.created_by, link=link, channel=channel)
    except CodeTooSoon:
        pass  # a double click: the first one has sent the code
    except limits.TooManyTries as refused:
        message = refused.client_message if isinstance(refused, SigningRefused) else refused.message
        return refused.apply_to(contract_page(request, link, error=message))
    except SigningRefused as refused:
        return contract_page(request, link, error=refused.client_message, status=409)
    return redirect(reverse("client_page:page", args=[link.pk]) + "#sign")


@require_safe
@open_contract_page
def delivery(request, link):
    """The delivery of the newest code as JSON, which the page requests every few seconds until `final`."""
    code = signing.current_code(link.contract)
    message = code and code.message
    if not message:
        return HttpResponse(status=204)
    return JsonResponse({"label": _delivery_text(code), "final": not message.is_pending})


def _delivery_text(code: SigningCode | None) -> str:
    """Whether the code has arrived, and what to do if it has not; "" if that is not known."""
    message = code and code.message
    if not message:
        return ""
    return f"{message.delivery_label}.{NEW_CODE if message.is_failed else ''}"


def _accept(request, link: Link) -> HttpResponse | None:
    """Record what the client accepts. Return a page if something is missing."""
    kind, consent = AgreementKind.ELECTRONIC_SIGNATURE, SigningConsentForm(request.POST)
    agreement = None if link.client.agreements.is_given(kind) else accepting.agreement_form(link, kind, request.POST)
    forms = {"agreement": agreement, "consent": consent}
    if not all([consent.is_valid(), agreement is None or agreement.is_valid()]):
        return contract_page(request, link, **forms, status=422)
    try:
        signing.check_account_open(link.client.account)  # before the agreement is recorded
        accepting.accept(request, link, kind)
    except SigningRefused as refused:
        return contract_page(request, link, **forms, error=refused.client_message, status=409)
    except object_storage.StorageUnavailable:
        return contract_page(request, link, **forms, error=accepting.NOT_SAVED, status=503)
    link.agree_to_sign(consent.cleaned_data["version"])
    return None


@require_POST
@open_contract_page
def signature(request, link):
    """Sign with the code. Idempotent."""
    form = CodeForm(request.POST)
    if not form.is_valid():
        return contract_page(request, link, form=form, status=422)
    try:
        signing.sign(
            link.contract,
            form.cleaned_data["code"],
            consent=_has_consented(link),
            pep_text_version=link.pep_text_version,
            by=link.created_by,
            browser=browser_of(request),
            link=link,
        )
    except ConsentMissing as refused:
        return contract_page(request, link, error=refused.client_message, status=422)
    except INPUT_ERRORS as refused:
        form.add_error("code", refused.client_message)
        return contract_page(request, link, form=form, status=422)
    except SigningRefused as refused:
        return contract_page(request, link, form=form, error=refused.client_message, status=409)
    return redirect("client_page:page", link.pk)
