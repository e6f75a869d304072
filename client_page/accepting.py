"""Agreements that the client reads and accepts on their own page."""

from django.utils.safestring import SafeString, mark_safe

from agreements import consents
from agreements.consents import Recorder
from agreements.documents import AgreementDocument
from agreements.models import AgreementKind
from client_page.forms import ClientAgreementForm
from links.models import Link, Place
from links.panel import browser_of
from managers import limits

NOT_SAVED = "Согласие не записано: на нашей стороне неполадка. Подождите минуту и нажмите ещё раз."


def agreement_form(link: Link, kind: AgreementKind, data=None) -> ClientAgreementForm:
    document = AgreementDocument.for_client(link.client, kind, by=link.created_by, place=Place.CLIENT_PAGE)
    return ClientAgreementForm(data, document=document)


def masked_phone(phone: str) -> str:
    """The phone without its last seven digits, as documents show it: «+7 (977) •••-••-••»."""
    return f"+7 ({phone[:3]}) •••-••-••"


def shown_text(link: Link, form: ClientAgreementForm) -> SafeString:
    """The text of the agreement for the page. The digits of the phone are hidden, because they show the passport."""
    document = form.document
    if link.passport_shown_at:
        return mark_safe(document.text)  # noqa: S308  rendered by templates that escape every value
    return mark_safe(document.text_with_phone(masked_phone(link.client.user.shown_phone)))  # noqa: S308


def accept(request, link: Link, kind: AgreementKind) -> None:
    """Record the agreement. Idempotent.

    Raises LinkGone, object_storage.StorageUnavailable or limits.TooManyTries. Then nothing is changed.
    """
    limits.DOCUMENTS.consume(str(link.pk))
    consents.record(link.client, kind, Recorder(link.created_by, browser_of(request), link))
