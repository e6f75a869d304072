"""Destroying a client's data: the rows at once, the objects after the commit, then the act that says so.

An act is made only when nothing is left: while the storage is away the act waits, and `apply_retention` goes on.
"""

import hashlib
import uuid
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from clients.models import NO_ACCOUNT, AppUser, Client
from erasure import act, retention
from erasure.client_data import ERASERS, ErasureRun, erase_agreements, erase_contracts
from erasure.models import ErasedObject, ErasedRows, Erasure, ErasureReason, ErasureScope
from foundation.storage import object_storage
from managers.cipher import encrypt
from managers.history import history_of
from managers.models import Manager
from support import bridge
from support import log as managers_log

REQUESTED_REASONS = (ErasureReason.WITHDRAWN, ErasureReason.REQUEST, ErasureReason.UNLAWFUL)


def erase(client: Client, reason: ErasureReason, *, by: Manager, note: str, ended: bool = False) -> Erasure:
    """Destroy what may go of the client's data now, because an admin says so; `ended` as for due.scope_now.

    Raises clients.models.ClientErased. While the storage is away the erasure has no act yet.
    """
    erasure = _erase_on_demand(client, reason, by=by, note=note, ended=ended)
    finish(erasure)
    return erasure


def apply_rule(rule: retention.RetentionRule, client_id: uuid.UUID, *, now: datetime) -> Erasure | None:
    """Destroy what `rule` names of one client; None when it names them no longer."""
    erasure = _erase_by_rule(rule, client_id, now)
    if erasure:
        finish(erasure)
    return erasure


@transaction.atomic
def _erase_on_demand(client: Client, reason: ErasureReason, *, by: Manager, note: str, ended: bool) -> Erasure:
    now = timezone.now()
    _lock_account(client)
    client = client.lock_for_any_manager()
    for agreement in client.agreements.filter(withdrawn_at=None):
        agreement.withdraw(by=by, reason=note, now=now)
    return _erase(client, retention.allowed_scope(client, now, ended=ended), reason, by=by, note=note, now=now)


@transaction.atomic
def _erase_by_rule(rule: retention.RetentionRule, client_id: uuid.UUID, now: datetime) -> Erasure | None:
    client = Client.objects.get(pk=client_id)
    _lock_account(client)
    client = Client.objects.lock(client_id)
    if not rule.clients(now).filter(pk=client_id).exists():  # somebody has worked on it meanwhile
        return None
    return _erase(client, rule.scope or retention.allowed_scope(client, now), rule.reason, by=None, note="", now=now)


def _lock_account(client: Client) -> None:
    """The account first, then our row: the trigger on `users` locks in this order too."""
    AppUser.objects.select_for_update(no_key=True).filter(pk=client.user_id).first()


def _erase(
    client: Client, scope: ErasureScope, reason: ErasureReason, *, by: Manager | None, note: str, now: datetime
) -> Erasure:
    subject = _subject_name(client)
    user = client.account
    is_used = user is not None and user.is_in_use  # one that the app deleted is as good as closed
    closes = scope == ErasureScope.CLIENT and (reason in REQUESTED_REASONS or not is_used)
    is_subscribed = is_used and user.has_subscription
    removal = ErasureRun(client, by, now, closes_account=closes and not is_subscribed)
    if scope == ErasureScope.DOCUMENTS:
        erase_agreements(removal, retention.expired_agreements(now).filter(client=client))
        erase_contracts(removal, retention.expired_contracts(now).filter(client=client))
    for part in ERASERS.get(scope, ()):
        part(removal)
    erasure = _save_erasure(removal, scope, reason, note, subject)
    if scope == ErasureScope.CLIENT:
        _release_client(removal)
    _notify(removal, erasure)
    return erasure


def _subject_name(client: Client) -> str:
    """Whose data it is: the name of the passport, else of a signed contract, of an earlier act, or of the account."""
    passport = getattr(client, "passport", None)
    if passport:
        return passport.full_name
    contract = client.contracts.signed().filter(erased_at=None).newest_first().first()
    if contract:
        return contract.snapshot.contents.person.full_name
    earlier = client.erasures.order_by("number").first()
    if earlier:
        return earlier.subject
    return client.account.name if client.account else _last_known_name(client)


def _last_known_name(client: Client) -> str:
    """Of an account that the app has deleted: what our history of it remembers."""
    names = history_of(AppUser).filter(pgh_obj=client.user_id)
    return names.order_by("-pgh_id").values_list("name", flat=True).first() or NO_ACCOUNT


def _save_erasure(removal: ErasureRun, scope: ErasureScope, reason: ErasureReason, note: str, subject: str) -> Erasure:
    erasure = Erasure.objects.create(
        client=removal.client, scope=scope, reason=reason, note=note, encrypted_subject=encrypt(subject),
        erased_at=removal.now, by=removal.by,
    )  # fmt: skip
    ErasedRows.objects.bulk_create(
        ErasedRows(erasure=erasure, at=removal.now, category=category, table=table, count=count)
        for (category, table), count in removal.rows.items()
    )
    ErasedObject.objects.bulk_create(
        ErasedObject(erasure=erasure, key=key, category=category) for key, category in removal.objects.items()
    )
    return erasure


def _release_client(removal: ErasureRun) -> None:
    """Nobody works on the client any more. Whoever goes on using the app is new to us again, and agrees anew."""
    client, by, now = removal.client, removal.by, removal.now
    for agreement in client.agreements.filter(withdrawn_at=None):
        agreement.withdraw(by=None, reason="Данные уничтожены", now=now)
    if not removal.closes_account:
        client.return_to_pool(by=by, now=now)


def _notify(removal: ErasureRun, erasure: Erasure) -> None:
    if erasure.scope == ErasureScope.PASSPORT:
        reason = ErasureReason(erasure.reason).label
        told = f"Паспортные данные и фотография паспорта уничтожены: {reason[0].lower()}{reason[1:]}."
        if erasure.reason != ErasureReason.ENDED:
            told += " Подписанные договоры остаются в силе."
        logged = f"{told} {erasure}."
        bridge.notify_client(removal.client, told, by=removal.by, now=removal.now, log_text=logged)
    elif erasure.scope == ErasureScope.CLIENT:
        managers_log.add_event(removal.client, f"Данные клиента уничтожены. {erasure}.", by=removal.by, now=removal.now)


def finish(erasure: Erasure) -> bool:
    """Remove the objects that are left and make the act; False, and nothing lost, while the storage is away."""
    try:
        for gone in erasure.objects_gone.filter(removed_at=None):
            object_storage.delete(gone.key)
            gone.removed_at = timezone.now()
            gone.save(update_fields=["removed_at"])
        _make_act(erasure)
    except object_storage.StorageUnavailable:
        return False
    return True


class _ActAlreadyMade(Exception):
    """The act was made by another, who was first."""


def _make_act(erasure: Erasure) -> None:
    if erasure.act_key:
        return
    file = act.render_act(erasure)
    key = f"erasures/{erasure.number}/{uuid.uuid4()}.pdf"
    try:
        with object_storage.stored_objects({key: file}):
            made = Erasure.objects.filter(pk=erasure.pk, act_key="")
            if not made.update(act_key=key, act_sha256=hashlib.sha256(file).hexdigest()):
                raise _ActAlreadyMade
    except _ActAlreadyMade:
        pass
    erasure.refresh_from_db(fields=["act_key", "act_sha256"])
