"""Erase a client's data: rows in one transaction, objects after its commit, then the act.

The act is made only when everything is deleted. During a storage outage it stays pending until `apply_retention` makes
it.
"""

import hashlib
import uuid
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from clients.models import NO_ACCOUNT, AppUser, Client
from erasure import act, retention
from erasure.client_data import ERASERS, ErasureRun, erase_agreements, erase_contracts
from erasure.models import REQUESTED_REASONS, ErasedObject, ErasedRows, Erasure, ErasureReason, ErasureScope
from foundation.storage import object_storage
from managers.cipher import encrypt
from managers.history import history_of
from managers.models import Manager
from support import bridge, log


def erase(client: Client, reason: ErasureReason, *, by: Manager, note: str, ended: bool = False) -> Erasure:
    """Erase what may be erased now, on an admin's request. `ended`: see retention.allowed_scope.

    Raises clients.models.ClientErased. During a storage outage the returned erasure has no act yet.
    """
    erasure = _erase_on_request(client, reason, by=by, note=note, ended=ended)
    finish(erasure)
    return erasure


def apply_rule(rule: retention.RetentionRule, client_id: uuid.UUID, *, now: datetime) -> Erasure | None:
    """Erase the data of one client by `rule`. Return None if the rule no longer applies to the client."""
    erasure = _erase_by_rule(rule, client_id, now)
    if erasure:
        finish(erasure)
    return erasure


@transaction.atomic
def _erase_on_request(client: Client, reason: ErasureReason, *, by: Manager, note: str, ended: bool) -> Erasure:
    now = timezone.now()
    client = client.lock_for_any_manager()
    _lock_account(client)
    for agreement in client.agreements.filter(withdrawn_at=None):
        agreement.withdraw(by=by, reason=note, now=now)
    return _erase(client, retention.allowed_scope(client, now, ended=ended), reason, by=by, note=note, now=now)


@transaction.atomic
def _erase_by_rule(rule: retention.RetentionRule, client_id: uuid.UUID, now: datetime) -> Erasure | None:
    client = Client.objects.lock(client_id)
    _lock_account(client)
    if not rule.clients(now).filter(pk=client_id).exists():  # somebody has worked on the client meanwhile
        return None
    return _erase(client, rule.scope or retention.allowed_scope(client, now), rule.reason, by=None, note="", now=now)


def _lock_account(client: Client) -> None:
    """Lock the account after our row, as every operation does, and load what the app may have changed meanwhile."""
    account = AppUser.objects.select_for_update(no_key=True).filter(pk=client.user_id).first()
    if account:
        client.user = account


def _erase(
    client: Client, scope: ErasureScope, reason: ErasureReason, *, by: Manager | None, note: str, now: datetime
) -> Erasure:
    subject = _subject_name(client)
    user = client.account
    is_used = user is not None and user.is_in_use  # an account that the app deleted counts as closed
    closes = scope == ErasureScope.CLIENT and (reason in REQUESTED_REASONS or not is_used)
    is_subscribed = is_used and user.has_subscription
    run = ErasureRun(client, by, now, closes_account=closes and not is_subscribed)
    if scope == ErasureScope.DOCUMENTS:
        erase_agreements(run, retention.expired_agreements(now).filter(client=client))
        erase_contracts(run, retention.expired_contracts(now).filter(client=client))
    for eraser in ERASERS.get(scope, ()):
        eraser(run)
    erasure = _save_erasure(run, scope, reason, note, subject)
    if scope == ErasureScope.CLIENT:
        _release_client(run)
    _notify(run, erasure)
    return erasure


def _subject_name(client: Client) -> str:
    """Return the client's name: from the passport, a signed contract, an earlier act, or the account."""
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
    """Return the last known name of a deleted account, from our history."""
    names = history_of(AppUser).filter(pgh_obj=client.user_id)
    return names.order_by("-pgh_id").values_list("name", flat=True).first() or NO_ACCOUNT


def _save_erasure(run: ErasureRun, scope: ErasureScope, reason: ErasureReason, note: str, subject: str) -> Erasure:
    erasure = Erasure.objects.create(
        client=run.client, scope=scope, reason=reason, note=note, encrypted_subject=encrypt(subject),
        erased_at=run.now, by=run.by,
    )  # fmt: skip
    ErasedRows.objects.bulk_create(
        ErasedRows(erasure=erasure, at=run.now, category=category, table=table, count=count)
        for (category, table), count in run.rows.items()
    )
    ErasedObject.objects.bulk_create(
        ErasedObject(erasure=erasure, key=key, category=category) for key, category in run.objects.items()
    )
    return erasure


def _release_client(run: ErasureRun) -> None:
    """Release the client: end the agreements and, if the account stays open, return the client to the pool."""
    client, by, now = run.client, run.by, run.now
    for agreement in client.agreements.filter(withdrawn_at=None):
        agreement.withdraw(by=None, reason="Данные уничтожены", now=now)
    if not run.closes_account:
        client.return_to_pool(by=by, now=now)


def _notify(run: ErasureRun, erasure: Erasure) -> None:
    if erasure.scope == ErasureScope.PASSPORT:
        reason = ErasureReason(erasure.reason).label
        text = f"Паспортные данные и фотография паспорта уничтожены: {reason[0].lower()}{reason[1:]}."
        if erasure.reason != ErasureReason.ENDED:
            text += " Подписанные договоры остаются в силе."
        bridge.notify_client(run.client, text, by=run.by, now=run.now, log_text=f"{text} {erasure}.")
    elif erasure.scope == ErasureScope.CLIENT:
        log.add_event(run.client, f"Данные клиента уничтожены. {erasure}.", by=run.by, now=run.now)


def finish(erasure: Erasure) -> bool:
    """Delete the remaining objects and make the act. Idempotent.

    Return False during a storage outage; call it again later.
    """
    try:
        for erased in erasure.objects_gone.filter(removed_at=None):
            object_storage.delete(erased.key)
            erased.removed_at = timezone.now()
            erased.save(update_fields=["removed_at"])
        _make_act(erasure)
    except object_storage.StorageUnavailable:
        return False
    return True


class _ActAlreadyMade(Exception):
    """A concurrent call has already made the act."""


def _make_act(erasure: Erasure) -> None:
    if erasure.act_key:
        return
    file = act.render_act(erasure)
    key = f"erasures/{erasure.number}/{uuid.uuid4()}.pdf"
    try:
        with object_storage.stored_objects({key: file}):
            without_act = Erasure.objects.filter(pk=erasure.pk, act_key="")
            if not without_act.update(act_key=key, act_sha256=hashlib.sha256(file).hexdigest()):
                raise _ActAlreadyMade
    except _ActAlreadyMade:
        pass
    erasure.refresh_from_db(fields=["act_key", "act_sha256"])
