"""Send and check the codes that open the copies of a client's documents.

Nobody learns here whether a number exists: pages do the same for unknown numbers, and the worker finds the client.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from clients.exceptions import ClientErased
from clients.models import Client
from contracts.code_channels import ClientChannels
from copies.models import OPEN_FOR, CopyCode
from copies.numbers import find_client
from foundation import worker
from links.copies import copy_url
from managers import limits
from messaging import sending
from messaging.codes import CODE_LIFETIME, CODE_MASK, MAX_ATTEMPTS_PER_CODE, new_digits, split_digits
from messaging.models import Channel, Purpose
from support import log

# Somebody who guesses all the time, with five attempts per code, finds one with a chance of 0.02 % a year.
CODE_DIGITS = 8
MAX_CODES_PER_DAY = 10
# Less, so that a stranger can't use up the client's.
MAX_CODES_PER_DAY_AND_ADDRESS = 5
DAY = timedelta(days=1)


def send_next() -> int:
    """A job of the worker: handle one request. Returns 1, or the number of old requests for unknown numbers deleted."""
    code = worker.claim(CopyCode.objects.filter(handled_at=None))
    if code is None:
        return _delete_old()
    client = find_client(code.number)
    if client and not code.is_expired(timezone.now()):
        with suppress(ClientErased):
            _send(code, client)
    CopyCode.objects.filter(pk=code.pk, handled_at=None).update(handled_at=timezone.now())
    return 1


def oldest_waiting() -> datetime | None:
    """Return since when the oldest request has been waiting, or None."""
    waiting = CopyCode.objects.filter(handled_at=None).order_by("sent_at")
    return waiting.values_list("sent_at", flat=True).first()


def _delete_old() -> int:
    return CopyCode.objects.filter(client=None, sent_at__lt=timezone.now() - DAY).delete()[0]


@transaction.atomic
def _send(code: CopyCode, client: Client) -> None:
    """Send a code, unless the client can't be reached or has got one a moment ago or too many."""
    client, now = client.lock_for_any_manager(), timezone.now()
    code = CopyCode.objects.select_for_update().get(pk=code.pk)
    if code.handled_at or not _may_get_code(client, code, now):
        return
    channel = _choose_channel(client, Channel(code.channel))
    if channel is None:
        return
    digits = new_digits(CODE_DIGITS)
    code.client, code.handled_at = client, now
    code.set_digits(digits)
    text = sending.Text(_message(split_digits(digits)), subject="Код для копий документов", masked=_message(CODE_MASK))
    code.message = sending.send(
        client, channel, text, purpose=Purpose.COPY_CODE, by=None, now=now, expires_at=code.expires_at
    )
    code.save(update_fields=["client", "handled_at", "code_hash", "message"])


def allowed_channels(client: Client) -> list[Channel]:
    """Return the channels by which the client may get codes now, the best one first."""
    account = client.account
    can_read_app = account is not None and account.is_open
    channels = ClientChannels.of(client).for_code(None)
    return [channel for channel in channels if channel != Channel.APP or can_read_app]


def _choose_channel(client: Client, wanted: Channel) -> Channel | None:
    """Return the channel that the client wants if they can read a code there, or else their best one."""
    channels = allowed_channels(client)
    is_readable = wanted != Channel.APP or client.has_password
    channel = wanted if wanted in channels and is_readable else next(iter(channels), None)
    if channel in (None, Channel.APP):
        return channel
    try:
        limits.COPY_MESSAGES.consume("")
    except limits.TooManyTries:
        return Channel.APP if Channel.APP in channels else None
    return channel


def _may_get_code(client: Client, code: CopyCode, now: datetime) -> bool:
    codes = client.copy_codes.filter(sent_at__gt=now - DAY)
    return (
        not code.is_repeated
        and codes.filter(ip=code.ip).count() < MAX_CODES_PER_DAY_AND_ADDRESS
        and codes.count() < MAX_CODES_PER_DAY
    )


def _message(digits: str) -> str:
    return (
        f"Код {digits} откроет копии ваших документов на странице {copy_url()}. Действует "
        f"{CODE_LIFETIME // timedelta(minutes=1)} минут. Никому его не называйте, и нам тоже. Если вы его не получали "
        f"сами, сообщите нам: {settings.COMPANY_PHONE}."
    )


def enter_code(request: CopyCode, digits: str) -> bool:
    """Open the documents in the browser of the request. Return False if the digits are wrong or no longer valid."""
    # The attempt is counted before it is checked, so that concurrent ones can't all pass.
    left = CopyCode.objects.filter(pk=request.pk, failed_tries__lt=MAX_ATTEMPTS_PER_CODE)
    counted = left.update(failed_tries=F("failed_tries") + 1)
    if not counted or not request.matches(digits):
        return False
    try:
        return _open(request)
    except ClientErased:
        return False


@transaction.atomic
def _open(request: CopyCode) -> bool:
    client, now = request.client.lock_for_any_manager(), timezone.now()
    if request.message.channel not in allowed_channels(client):  # blocked or changed since the code was sent
        return False
    unused = CopyCode.objects.filter(pk=request.pk, used_at=None, expires_at__gt=now)
    opened = unused.update(used_at=now, open_until=now + OPEN_FOR, failed_tries=F("failed_tries") - 1)
    if opened:
        log.add_event(client, "Клиент открыл копии своих документов по коду", by=None, now=now)
    return bool(opened)
