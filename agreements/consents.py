"""A client agrees to a document, or takes the consent back; the client reads of either in the app."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from agreements.documents import Document
from agreements.models import Agreement, AgreementMissing, Kind
from clients.models import Client
from foundation.storage import object_storage
from managers.models import Manager
from support import bridge

HOW_TO_WITHDRAW = {
    Kind.PERSONAL_DATA: "Отозвать согласие можно в любое время: напишите нам в этот чат или скажите менеджеру.",
    Kind.ELECTRONIC_SIGNATURE: "Никому, кроме менеджера, с которым подписываете договор, не называйте коды отсюда.",
}


@dataclass(frozen=True)
class Witness:
    """Who records the client's will, and from where."""

    by: Manager
    ip: str = ""
    user_agent: str = ""


def require(client: Client, *kinds: Kind) -> None:
    """AgreementMissing unless the client, held by the caller, agrees to `kinds`."""
    for kind in kinds:
        if not client.agreements.has(kind):
            raise AgreementMissing(kind)


def give(client: Client, kind: Kind, witness: Witness) -> None:
    """Record that the client agrees to the newest edition; a second time is nothing.

    object_storage.StorageUnavailable changes nothing.
    """
    if client.agreements.has(kind):
        return
    now = timezone.now()
    document = Document.of(client, kind, by=witness.by, given_at=now)
    record(client, document, document.pdf(), witness, now=now)


def record(client: Client, document: Document, file: bytes, witness: Witness, *, now: datetime) -> None:
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
        with object_storage.stored({agreement.pdf_key: file}):
            _record(agreement)
    except _GivenMeanwhile:
        pass


class _GivenMeanwhile(Exception):
    """The other of two callers was first; the file of this one is removed."""


@transaction.atomic
def _record(agreement: Agreement) -> None:
    client = agreement.client.locked()
    if client.agreements.has(agreement.kind):
        raise _GivenMeanwhile
    agreement.save(force_insert=True)
    bridge.tell_client(client, _told(agreement), by=agreement.given_by, now=agreement.given_at)


def _told(agreement: Agreement) -> str:
    kind = Kind(agreement.kind)
    return (
        f"Вы приняли документ «{kind.label}» (редакция {agreement.version}) "
        f"{timezone.localtime(agreement.given_at):%d.%m.%Y в %H:%M} по Москве. {HOW_TO_WITHDRAW[kind]} "
        "Если вы этого не делали, сразу сообщите нам."
    )


def open_to(client: Client, manager: Manager) -> list[Agreement]:
    """What AgreementManager.visible_to finds of the client; no query for a client of `get_client_for`."""
    start = client.claimed_at
    return [given for given in client.agreements.all() if manager.is_admin or (start and given.given_at >= start)]


def may_withdraw(client: Client) -> bool:
    return any(given.kind == Kind.PERSONAL_DATA and given.is_standing for given in client.agreements.all())


@transaction.atomic
def withdraw(client: Client, *, by: Manager, reason: str) -> bool:
    """Record that the client takes back the consent to processing (152-ФЗ art. 9 part 2); False when there is none."""
    client, now = client.locked(), timezone.now()
    standing = list(client.agreements.filter(kind=Kind.PERSONAL_DATA, withdrawn_at=None))
    for agreement in standing:
        agreement.withdraw(by=by, reason=reason, now=now)
    if not standing:
        return False
    text = (
        "Вы отозвали согласие на обработку персональных данных. Подписанные договоры остаются в силе, остальные данные "
        "будут уничтожены не позднее 30 дней."
    )
    bridge.tell_client(client, text, by=by, now=now)
    return True
