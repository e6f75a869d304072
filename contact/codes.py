"""One-time codes with which a client confirms a change of their phone or e-mail, at a contact they had before."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from agreements.channels import allowed_channels
from clients.models import AppUser, Client
from contact import texts
from contact.changes import apply, check_applicable, held_channels, lock
from contact.models import ContactChange, ContactCode, Way
from contact.refusals import (
    ChangeClosed,
    ChannelUnavailable,
    CodeLate,
    CodeNotSent,
    CodesLocked,
    CodeTooSoon,
    CodeUsedUp,
    CodeWrong,
    TooManyCodes,
)
from managers import limits
from managers.models import Manager
from messaging import sending
from messaging.codes import (
    CODE_LIFETIME,
    CODE_MASK,
    CODE_RESEND_DELAY,
    HOUR,
    MAX_CODES_PER_HOUR,
    new_digits,
    next_code_at,
    split_digits,
)
from messaging.models import Channel, Purpose

# Of all changes of a client: another change does not reset the count.
MAX_ATTEMPTS = 10
ATTEMPTS_COUNTED_FOR = timedelta(days=30)


def code_channels(client: Client, now: datetime) -> list[Channel]:
    """Return the channels by which the client can get a code at the contact that the account has now."""
    account = client.account
    if account is None:
        return []
    refused = held_channels(client, now)
    if not account.is_open or not client.is_protected:
        refused |= {Channel.APP}
    return [channel for channel in allowed_channels(client) if channel not in refused]


def recent_codes(client: Client, now: datetime) -> list[ContactCode]:
    """Return the codes of the last hour, newest first, of all changes of the client."""
    codes = ContactCode.objects.filter(change__client=client, sent_at__gt=now - HOUR).order_by("-sent_at")
    return list(codes.select_related("change", "message")[:MAX_CODES_PER_HOUR])


def current_code(change: ContactChange) -> ContactCode | None:
    """Return the newest code of the change, the only one that confirms it, or None."""
    return change.codes.order_by("-sent_at").select_related("message").first()


def attempts_left(client: Client, now: datetime) -> int:
    """Return how many more wrong codes may be entered for this client."""
    counted = ContactCode.objects.filter(change__client=client, sent_at__gt=now - ATTEMPTS_COUNTED_FOR)
    return max(0, MAX_ATTEMPTS - (counted.aggregate(failed=Sum("failed_tries"))["failed"] or 0))


@transaction.atomic
def send_code(change: ContactChange, channel: Channel, *, by: Manager) -> ContactCode:
    """Send the client a new code by `channel`. Earlier ones become invalid.

    Raises a Refusal, CodeTooSoon, TooManyCodes or limits.TooManyTries, ClientErased or ClientReassigned.
    """
    client, account, change = lock(change)
    now = timezone.now()  # taken after waiting for the lock, so that times are in order
    check_applicable(change, account)
    if channel not in code_channels(client, now):
        raise ChannelUnavailable
    if not attempts_left(client, now):
        raise CodesLocked
    next_at = next_code_at(recent_codes(client, now), now)
    if next_at > now:
        raise (CodeTooSoon if next_at - now <= CODE_RESEND_DELAY else TooManyCodes)(next_at - now)
    limits.CODES.consume(by)  # last: requests that are refused don't count
    digits = new_digits()
    code = ContactCode(change=change, sent_at=now, expires_at=now + CODE_LIFETIME)
    code.set_digits(digits)
    # Staff never read the digits: whoever read them could confirm the change without the client.
    body, masked = (
        texts.code_message(change.values, shown, by=change.requested_by.name)
        for shown in (split_digits(digits), CODE_MASK)
    )
    text = sending.Text(body, subject="Код для изменения контактных данных", masked=masked)
    code.message = sending.send(
        client, channel, text, purpose=Purpose.CONTACT_CODE, by=by, now=now, expires_at=code.expires_at
    )
    code.save(force_insert=True)
    return code


def enter_code(change: ContactChange, digits: str, *, by: Manager) -> None:
    """Write the change if the client named the right code. Does nothing if it is written.

    Raises CodeWrong, which is counted, or another Refusal, ClientErased or ClientReassigned.
    """
    refused = None
    with transaction.atomic():
        client, account, change = lock(change)
        if change.applied_at:
            return
        try:
            code = _check_code(client, change, digits, timezone.now())
        except CodeWrong as wrong:
            refused = wrong  # raised after the commit, so that the count stays
        else:
            _accept(code, client, account, by=by)
    if refused:
        raise refused


def _check_code(client: Client, change: ContactChange, digits: str, now: datetime) -> ContactCode:
    if not change.is_open:
        raise ChangeClosed
    code, left = current_code(change), attempts_left(client, now)
    if code is None:
        raise CodeNotSent
    if not left:
        raise CodesLocked
    if code.used_at or code.attempts_left == 0:
        raise CodeUsedUp
    if code.is_expired(now):
        raise CodeLate
    code.change = change
    if not code.matches(digits):
        code.failed_tries += 1
        code.save(update_fields=["failed_tries"])
        raise CodeWrong(min(code.attempts_left, left - 1))
    return code


def _accept(code: ContactCode, client: Client, account: AppUser | None, *, by: Manager) -> None:
    now = timezone.now()
    check_applicable(code.change, account)
    code.used_at = now
    code.save(update_fields=["used_at"])
    if code.message.channel == Channel.SMS:
        client.mark_phone_confirmed(account.phone)
    apply(code.change, account, Way.CODE, by=by, now=now)
