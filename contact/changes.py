"""Changes of a client's phone or e-mail by a manager, so that nobody gets a client's codes behind the client's back.

A manager could write their own phone into an account and sign for the client. So a change of an account that is known
to be the client's waits for a code to the old contact or for an admin. Each function locks the client.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from agreements.channels import allowed_channels
from clients.models import AppUser, Client, ClientErased
from contact import texts
from contact.models import HOLD, PROTECTED_FIELDS, ContactChange, Values, Way
from contact.refusals import (
    AccountClosed,
    ChangeClosed,
    ConfirmationNeeded,
    ContactDiffers,
    ContactTaken,
    NotAsked,
    NotPermitted,
    OwnRequest,
)
from managers import limits
from managers.models import Manager, Role
from messaging import sending
from messaging.channels import configured_channels
from messaging.models import Channel, Purpose
from support import log

CHANNEL_OF = {"phone": Channel.SMS, "email": Channel.EMAIL}
WAYS_IN_LOG = {
    Way.CODE: "клиент назвал код",
    Way.APPROVAL: "разрешил администратор",
    Way.UNCONFIRMED: "без подтверждения",
    Way.ONLY_ADMIN: "без подтверждения, других администраторов нет",
}


@transaction.atomic
def save_contact(client: Client, contact: dict, *, original: dict | None, by: Manager) -> ContactChange | None:
    """Step 1: claim a new client and save `contact`, the confirmed data by the names in CONTACT_FIELDS.

    Returns the open change if phone or e-mail wait for a confirmation; the account then keeps the old ones. Raises as
    Client.start_confirming() does, and IntegrityError if another account has the phone or the e-mail.
    """
    was_claimed, now = client.is_claimed, timezone.now()
    account = client.start_confirming(contact, by=by, original=original, now=now)
    before, channels = account.contact, allowed_channels(client)
    changed = [name for name, value in contact.items() if (value or "") != (before[name] or "")]
    change = request_change(client, account, contact, by=by, now=now)
    waiting = change.fields if change and change.is_open else ()
    account.update_contact(**contact | {name: before[name] for name in waiting}, now=now)
    _log_confirmation(client, [name for name in changed if name not in waiting], was_claimed, by=by, now=now)
    if change and not change.is_open:
        _notify(client, _values_of(before, contact), channels, by=by, now=now)
    client.refresh_from_db()
    return change if waiting else None


def _log_confirmation(client: Client, fields: list[str], was_claimed: bool, *, by: Manager, now: datetime) -> None:
    sentences = [] if was_claimed else ["Контактные данные подтверждены, клиент взят в работу."]
    sentences += [f"Исправлено: {labels(fields)}."] if fields else []
    if sentences:
        log.add_event(client, " ".join(sentences), by=by, now=now)


def labels(fields: list[str] | tuple[str, ...]) -> str:
    """Return the labels of contact fields: «телефон, адрес»."""
    return ", ".join(AppUser._meta.get_field(name).verbose_name for name in fields)


def _values_of(before: dict, contact: dict) -> Values:
    old = {name: before[name] for name in PROTECTED_FIELDS}
    # To the app "" may be no e-mail, too.
    return Values(
        old, {name: contact[name] or None for name in PROTECTED_FIELDS if (contact[name] or "") != (old[name] or "")}
    )


def request_change(
    client: Client, account: AppUser, contact: dict, *, by: Manager, now: datetime
) -> ContactChange | None:
    """Record the change of phone and e-mail to those of `contact`; None if they stay. The caller holds both locks.

    The change is open if it has to be confirmed; otherwise it is recorded as applied, and the caller writes it. A
    repeated request returns the open change; another one cancels it.
    """
    values = _values_of(account.contact, contact)
    if not values.new:
        return None
    existing = client.contact_changes.open().first()
    is_free = _is_unknown(client, now)
    if existing and existing.values == values and existing.is_permitted and not is_free:
        return existing
    if existing:
        existing.close(cancelled_at=now, cancelled_by=by)
    change = ContactChange(client=client, requested_by=by, requested_at=now)
    change.set_values(values)
    if is_free:
        change.applied_at, change.way, change.encrypted_values = now, Way.FREE, ""
    else:
        text = f"Запрошено изменение: {labels(change.fields)}. Пока оно не подтверждено, контакт прежний."
        log.add_event(client, text, by=by, now=now)
    change.save(force_insert=True)
    return change


def _is_unknown(client: Client, now: datetime) -> bool:
    """Whether nothing says that the account is the client's.

    A phone that was written without a confirmation is not confirmed either. While it is held, the next change needs
    the same: otherwise a new e-mail would get the codes that the new phone does not.
    """
    return not (client.is_protected or client.has_confirmed_phone or client.contact_changes.held(now).exists())


def lock(change: ContactChange) -> tuple[Client, AppUser | None, ContactChange]:
    """Lock the client, the account and the change until the transaction ends. Return their current states.

    Raises ClientErased or ClientReassigned.
    """
    client = change.client.lock()
    account = client.lock_account()
    changes = ContactChange.objects.select_for_update(of=("self",)).select_related("requested_by")
    change = changes.filter(pk=change.pk).first()
    if change is None:  # erased, and the client has returned to the pool
        raise ClientErased
    change.client = client
    return client, account, change


def check_applicable(change: ContactChange, account: AppUser | None) -> None:
    """Raise a Refusal if the change can't be confirmed or written now. The caller holds the locks."""
    if not change.is_open:
        raise ChangeClosed
    if account is None or account.is_deleted:
        raise AccountClosed
    if not change.is_permitted:
        raise NotPermitted
    if differs(change, account):
        raise ContactDiffers


def differs(change: ContactChange, account: AppUser) -> bool:
    """Whether the client has changed phone or e-mail in the app since the change was requested."""
    return any(getattr(account, name) != value for name, value in change.values.old.items())


def apply(change: ContactChange, account: AppUser, way: Way, *, by: Manager, now: datetime, **decision) -> None:
    """Write the new values, close the change and tell the client. The caller holds the locks and has checked.

    `decision`: more columns of the change. Raises ContactTaken or ChangeClosed.
    """
    client, values, channels = change.client, change.values, allowed_channels(change.client)
    held_until = now + HOLD if way in (Way.UNCONFIRMED, Way.ONLY_ADMIN) else None
    try:
        with transaction.atomic():
            account.update_contact(**account.contact | values.new, now=now)
    except IntegrityError as error:
        raise ContactTaken from error
    if not change.close(applied_at=now, way=way, held_until=held_until, **decision):
        raise ChangeClosed
    log.add_event(client, f"Записано изменение: {labels(change.fields)} ({WAYS_IN_LOG[way]}).", by=by, now=now)
    _notify(client, values, channels, by=change.requested_by, now=now)


def _notify(client: Client, values: Values, channels: list[Channel], *, by: Manager, now: datetime) -> None:
    """Tell the client in the app, and at the old contacts if `channels`, those before the change, allow it.

    At both: a first e-mail has no old one, and the change of one contact is the business of who has the other.
    """
    text = sending.Text(texts.notice(values, by=by.name), subject="Изменение контактных данных")
    sending.send(client, Channel.APP, text, purpose=Purpose.NOTICE, by=by, now=now)
    for name, old in values.old.items():
        channel = CHANNEL_OF[name]
        if old and channel in channels:
            sending.send(client, channel, text, purpose=Purpose.NOTICE, by=by, now=now, recipient=old)


@transaction.atomic
def ask_admin(change: ContactChange, reason: str, *, by: Manager) -> None:
    """Ask the admins to approve the change. Does nothing if they have been asked.

    Raises a Refusal, limits.TooManyTries, ClientErased or ClientReassigned.
    """
    client, account, change = lock(change)
    check_applicable(change, account)
    if change.asked_at:
        return
    limits.APPROVAL_REQUESTS.consume(by)
    now = timezone.now()
    ContactChange.objects.open().filter(pk=change.pk).update(asked_at=now, reason=reason)
    log.add_event(client, f"Администраторов попросили разрешить изменение. Причина: {reason}", by=by, now=now)
    if Channel.EMAIL not in configured_channels():
        return
    text = sending.Text(texts.request_to_admins(by.name), subject="Изменение контакта клиента", log_text="")
    for admin in active_admins().exclude(pk=change.requested_by_id):
        sending.send(client, Channel.EMAIL, text, purpose=Purpose.REQUEST, by=by, now=now, recipient=admin.email)


def active_admins() -> QuerySet[Manager]:
    return Manager.objects.filter(role=Role.ADMIN, is_active=True)


@transaction.atomic
def approve(change: ContactChange, *, by: Manager, note: str) -> None:
    """Allow and write a change that admins were asked about. Does nothing if it is written.

    The caller checks that `by` is an admin. Raises a Refusal, ClientErased or ClientReassigned.
    """
    _, account, change = lock(change)
    if change.applied_at:
        return
    check_applicable(change, account)
    _check_decidable(change, by)
    now = timezone.now()
    apply(change, account, Way.APPROVAL, by=by, now=now, decided_by=by, decided_at=now, decision_note=note)


@transaction.atomic
def reject(change: ContactChange, *, by: Manager, note: str) -> None:
    """Refuse a change that admins were asked about. Does nothing if it is rejected. Raises as approve() does."""
    client, _, change = lock(change)
    if change.rejected_at:
        return
    if not change.is_open:
        raise ChangeClosed
    _check_decidable(change, by)
    now = timezone.now()
    change.close(rejected_at=now, decided_by=by, decided_at=now, decision_note=note)
    reason = f" Причина: {note}" if note else ""
    log.add_event(client, f"Администратор отказал в изменении контакта.{reason}", by=by, now=now)


def _check_decidable(change: ContactChange, by: Manager) -> None:
    if not change.asked_at:
        raise NotAsked
    if change.requested_by_id == by.pk:
        raise OwnRequest


@transaction.atomic
def cancel(change: ContactChange, *, by: Manager) -> None:
    """Cancel the change. Does nothing if it is cancelled. Raises ChangeClosed, ClientErased or ClientReassigned."""
    client, _, change = lock(change)
    if change.cancelled_at:
        return
    now = timezone.now()
    if not change.close(cancelled_at=now, cancelled_by=by):
        raise ChangeClosed
    log.add_event(client, f"Изменение отменено: {labels(change.fields)}.", by=by, now=now)


@transaction.atomic
def apply_unconfirmed(change: ContactChange, *, by: Manager) -> None:
    """Write the change without a confirmation, and hold codes back. Does nothing if it is written.

    Raises ConfirmationNeeded or another Refusal, ClientErased or ClientReassigned.
    """
    client, account, change = lock(change)
    if change.applied_at:
        return
    check_applicable(change, account)
    way = unconfirmed_way(client, by)
    if way is None:
        raise ConfirmationNeeded
    apply(change, account, way, by=by, now=timezone.now())


def unconfirmed_way(client: Client, by: Manager) -> Way | None:
    """Return the way in which `by` may write a change of this client without a confirmation; None if they may not."""
    if not client.is_protected:
        return Way.UNCONFIRMED
    if by.is_admin and not active_admins().exclude(pk=by.pk).exists():
        return Way.ONLY_ADMIN
    return None


def held_channels(client: Client, now: datetime) -> set[Channel]:
    """Return the channels by which no code may be sent yet, because nobody confirmed the new phone or e-mail.

    Who has the e-mail can set a new password in the app, so it opens the app too.
    """
    held = set()
    for change in client.contact_changes.held(now):
        held |= {Channel.SMS} if change.new_phone_hash else set()
        held |= {Channel.EMAIL, Channel.APP} if change.new_email_hash else set()
    return held


def changed_since(client: Client, since: datetime) -> QuerySet[ContactChange]:
    """Return the changes that were written at or after `since`."""
    return client.contact_changes.filter(applied_at__gte=since)
