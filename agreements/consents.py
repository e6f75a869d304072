"""Record and withdraw a client's agreements. The client is notified in the app."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from agreements.documents import AgreementDocument
from agreements.models import Agreement, AgreementKind, AgreementMissing, contact_hash
from clients.models import Client
from foundation.storage import object_storage
from links.copies import copy_hint
from links.models import Browser, Link, Place
from managers.models import Manager
from support import bridge

MESSAGE_HINTS = {
    AgreementKind.PERSONAL_DATA: (
        "Отозвать согласие можно в любое время: напишите нам в этот чат или скажите менеджеру."
    ),
    AgreementKind.ELECTRONIC_SIGNATURE: (
        "Вводите код сами и никому его не называйте. Исключение: вы сами просите менеджера, который рядом, ввести код "
        "за вас."
    ),
}


CONTACT_CHANGED = "Заменено новым: изменились телефон или почта клиента"


@dataclass(frozen=True)
class Recorder:
    """Who recorded the agreement, and in which browser.

    `link`: the client did it on the page of this link, which `by` showed them.
    """

    by: Manager
    browser: Browser = Browser("", "")
    link: Link | None = None

    @property
    def place(self) -> Place:
        return Place.CLIENT_PAGE if self.link else Place.MANAGER


def require_consent(client: Client, *kinds: AgreementKind) -> None:
    """Raise AgreementMissing unless the client has given all `kinds`. The caller holds the client's lock."""
    for kind in kinds:
        if not client.agreements.is_given(kind):
            raise AgreementMissing(kind)


def record(client: Client, kind: AgreementKind, recorder: Recorder) -> None:
    """Record the client's agreement to the newest edition of `kind`. Idempotent.

    Raises object_storage.StorageUnavailable, and LinkGone if the link was replaced or declined meanwhile. Then nothing
    is changed.
    """
    if client.agreements.is_given(kind):
        return
    now = timezone.now()
    document = AgreementDocument.for_client(client, kind, by=recorder.by, place=recorder.place, given_at=now)
    save_signed_document(client, document, document.pdf(), recorder, now=now)


def save_signed_document(
    client: Client, document: AgreementDocument, pdf: bytes, recorder: Recorder, *, now: datetime
) -> None:
    """Store `pdf` and record the agreement. If two calls run at once, one is recorded."""
    agreement = Agreement(
        id=uuid.uuid4(),
        client=client,
        kind=document.kind,
        version=document.version,
        text_sha256=document.text_sha256,
        pdf_sha256=hashlib.sha256(pdf).hexdigest(),
        given_at=now,
        given_by=recorder.by,
        accepted_on=recorder.place,
        contact_hash=contact_hash(client) if document.kind == AgreementKind.ELECTRONIC_SIGNATURE else "",
        **recorder.browser.columns,
    )
    agreement.pdf_key = f"agreements/{client.pk}/{agreement.pk}.pdf"
    try:
        with object_storage.stored_objects({agreement.pdf_key: pdf}):
            _insert(agreement, recorder.link)
    except AlreadyRecorded:
        pass


class AlreadyRecorded(Exception):
    """A concurrent call has already recorded the agreement; the PDF of this call is deleted."""


@transaction.atomic
def _insert(agreement: Agreement, link: Link | None) -> None:
    client = agreement.client.lock()
    if link:
        link.check_still_open()
    if client.agreements.is_given(agreement.kind):
        raise AlreadyRecorded
    for earlier in client.agreements.filter(kind=agreement.kind, version=agreement.version, withdrawn_at=None):
        earlier.withdraw(by=None, reason=CONTACT_CHANGED, now=agreement.given_at)
    agreement.save(force_insert=True)
    by = None if agreement.accepted_on == Place.CLIENT_PAGE else agreement.given_by
    bridge.notify_client(client, _client_message(agreement), by=by, now=agreement.given_at)


def _client_message(agreement: Agreement) -> str:
    kind = AgreementKind(agreement.kind)
    return (
        f"Вы приняли документ «{kind.label}» (редакция {agreement.version}) "
        f"{timezone.localtime(agreement.given_at):%d.%m.%Y в %H:%M} по Москве. {MESSAGE_HINTS[kind]} "
        f"Если вы этого не делали, сразу сообщите нам. {copy_hint(agreement.number)}"
    )


def visible_to(client: Client, manager: Manager) -> list[Agreement]:
    """Like AgreementManager.visible_to, but without a query for a client of `get_client_for`."""
    start = client.claimed_at
    return [row for row in client.agreements.all() if manager.is_admin or (start and row.given_at >= start)]


def can_withdraw(client: Client) -> bool:
    return any(row.kind == AgreementKind.PERSONAL_DATA and row.is_in_force for row in client.agreements.all())


@transaction.atomic
def withdraw(client: Client, *, by: Manager, reason: str) -> bool:
    """Withdraw the consent to data processing (152-ФЗ art. 9 part 2). Return False if there is none."""
    client, now = client.lock(), timezone.now()
    in_force = list(client.agreements.filter(kind=AgreementKind.PERSONAL_DATA, withdrawn_at=None))
    for agreement in in_force:
        agreement.withdraw(by=by, reason=reason, now=now)
    if not in_force:
        return False
    text = (
        "Вы отозвали согласие на обработку персональных данных. Подписанные договоры остаются в силе, остальные данные "
        f"будут уничтожены не позднее 30 дней. {copy_hint(in_force[0].number)}"
    )
    bridge.notify_client(client, text, by=by, now=now)
    return True
