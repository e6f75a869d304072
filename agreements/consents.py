"""A client agrees to a document, or takes the consent back; the client reads of either in the app."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from agreements.documents import AgreementDocument
from agreements.models import Agreement, AgreementKind, AgreementMissing
from clients.models import Client
from foundation.storage import object_storage
from managers.models import Manager
from support import bridge

MESSAGE_HINTS = {
    AgreementKind.PERSONAL_DATA: "Отозвать согласие можно в любое время: напишите нам в этот чат или скажите менеджеру.",
    AgreementKind.ELECTRONIC_SIGNATURE: "Никому, кроме менеджера, с которым подписываете договор, не называйте коды отсюда.",
}


@dataclass(frozen=True)
class Recorder:
    """Who records the client's will, and from where."""

    by: Manager
    ip: str = ""
    user_agent: str = ""


def require_consent(client: Client, *kinds: AgreementKind) -> None:
    """AgreementMissing unless the client, held by the caller, agrees to `kinds`."""
    for kind in kinds:
        if not client.agreements.is_given(kind):
            raise AgreementMissing(kind)


def give(client: Client, kind: AgreementKind, witness: Recorder) -> None:
    """Record that the client agrees to the newest edition; a second time is nothing.

    object_storage.StorageUnavailable changes nothing.
    """
    if client.agreements.is_given(kind):
        return
    now = timezone.now()
    document = AgreementDocument.for_client(client, kind, by=witness.by, given_at=now)
    save_signed_document(client, document, document.pdf(), witness, now=now)


def save_signed_document(
    client: Client, document: AgreementDocument, file: bytes, witness: Recorder, *, now: datetime
) -> None:
    """Store `file` and record the agreement that it shows. Of two at once one is recorded."""
    agreement = Agreement(
        id=uuid.uuid4(),
        client=client,
        kind=document.kind,
        version=document.version,
        text_sha256=document.text_sha256,
        pdf_sha256=hashlib.sha256(file).hexdigest(),
        given_at=now,
        given_by=witness.by,
        ip=witness.ip or None,
        user_agent=witness.user_agent[:300],
    )
    agreement.pdf_key = f"agreements/{client.pk}/{agreement.pk}.pdf"
    try:
        with object_storage.stored_objects({agreement.pdf_key: file}):
            _insert(agreement)
    except AlreadyRecorded:
        pass


class AlreadyRecorded(Exception):
    """The other of two callers was first; the file of this one is removed."""


@transaction.atomic
def _insert(agreement: Agreement) -> None:
    client = agreement.client.lock()
    if client.agreements.is_given(agreement.kind):
        raise AlreadyRecorded
    agreement.save(force_insert=True)
    bridge.notify_client(client, _client_message(agreement), by=agreement.given_by, now=agreement.given_at)


def _client_message(agreement: Agreement) -> str:
    kind = AgreementKind(agreement.kind)
    return (
        f"Вы приняли документ «{kind.label}» (редакция {agreement.version}) "
        f"{timezone.localtime(agreement.given_at):%d.%m.%Y в %H:%M} по Москве. {MESSAGE_HINTS[kind]} "
        "Если вы этого не делали, сразу сообщите нам."
    )


def visible_to(client: Client, manager: Manager) -> list[Agreement]:
    """What AgreementManager.visible_to finds of the client; no query for a client of `get_client_for`."""
    start = client.claimed_at
    return [given for given in client.agreements.all() if manager.is_admin or (start and given.given_at >= start)]


def can_withdraw(client: Client) -> bool:
    return any(given.kind == AgreementKind.PERSONAL_DATA and given.is_in_force for given in client.agreements.all())


@transaction.atomic
def withdraw(client: Client, *, by: Manager, reason: str) -> bool:
    """Record that the client takes back the consent to processing (152-ФЗ art. 9 part 2); False when there is none."""
    client, now = client.lock(), timezone.now()
    standing = list(client.agreements.filter(kind=AgreementKind.PERSONAL_DATA, withdrawn_at=None))
    for agreement in standing:
        agreement.withdraw(by=by, reason=reason, now=now)
    if not standing:
        return False
    text = (
        "Вы отозвали согласие на обработку персональных данных. Подписанные договоры остаются в силе, остальные данные "
        "будут уничтожены не позднее 30 дней."
    )
    bridge.notify_client(client, text, by=by, now=now)
    return True
