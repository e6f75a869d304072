"""Send and check the codes that open the copies of a client's documents.

Nobody learns here whether a number exists: for unknown numbers everything seems to happen, too.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from clients.exceptions import ClientErased
from clients.models import Client
from contracts.code_channels import ClientChannels
from copies.models import OPEN_FOR, CopyCode, hash_secret
from copies.numbers import find_client
from links.copies import copy_url
from messaging import sending
from messaging.codes import (
    CODE_LIFETIME,
    CODE_MASK,
    HOUR,
    MAX_CODES_PER_HOUR,
    new_digits,
    next_code_at,
    split_digits,
)
from messaging.models import Channel, Purpose
from support import log

MAX_CODES_PER_DAY = 10
# Wrong digits per client in COUNTED_FOR. Whoever guesses all the time finds a code with a chance of 0.04 % a year.
MAX_ATTEMPTS = 30
COUNTED_FOR = timedelta(days=30)
DAY = timedelta(days=1)


def request_code(number: str, channel: Channel) -> None:
    """Send a code to the client whose document has this number, by `channel` if they may get codes there.

    Otherwise by their best channel. Sends nothing if the number is unknown, the client can't be reached, or they have
    got a code a moment ago or too many.
    """
    client = find_client(number)
    if client:
        with suppress(ClientErased):
            _send_code(client, channel)


@transaction.atomic
def _send_code(client: Client, channel: Channel) -> None:
    client, now = client.lock_for_any_manager(), timezone.now()
    channels = _channels(client)
    if not channels or not _may_get_code(client, now):
        return
    digits = new_digits()
    code = CopyCode(client=client, sent_at=now, expires_at=now + CODE_LIFETIME)
    code.set_digits(digits)
    text = sending.Text(
        _code_message(split_digits(digits)),
        subject="Код для копий документов",
        masked=_code_message(CODE_MASK),
    )
    code.message = sending.send(
        client,
        channel if channel in channels else channels[0],
        text,
        purpose=Purpose.COPY_CODE,
        by=None,
        now=now,
        expires_at=code.expires_at,
    )
    code.save(force_insert=True)


def _channels(client: Client) -> list[Channel]:
    account = client.account
    can_read_app = account is not None and account.is_open
    channels = ClientChannels.of(client).for_code(None)
    return [channel for channel in channels if channel != Channel.APP or can_read_app]


def _may_get_code(client: Client, now: datetime) -> bool:
    recent = client.copy_codes.filter(sent_at__gt=now - DAY).order_by("-sent_at")
    last_hour = list(recent.filter(sent_at__gt=now - HOUR)[:MAX_CODES_PER_HOUR])
    return (
        next_code_at(last_hour, now) <= now and recent.count() < MAX_CODES_PER_DAY and _attempts_left(client, now) > 0
    )


def _attempts_left(client: Client, now: datetime) -> int:
    counted = client.copy_codes.filter(sent_at__gt=now - COUNTED_FOR).aggregate(failed=Sum("failed_tries"))
    return max(0, MAX_ATTEMPTS - (counted["failed"] or 0))


def _code_message(digits: str) -> str:
    return (
        f"Код {digits} откроет копии ваших документов на странице {copy_url()}. Действует "
        f"{CODE_LIFETIME // timedelta(minutes=1)} минут. Никому его не называйте, и нам тоже. Если вы его не получали "
        f"сами, сообщите нам: {settings.COMPANY_PHONE}."
    )


def enter_code(number: str, digits: str, browser_secret: str) -> CopyCode | None:
    """Open the documents in the browser with this secret. Return None if the digits are wrong or no longer valid."""
    client = find_client(number)
    if client is None:
        return None
    try:
        return _enter_code(client, digits, browser_secret)
    except ClientErased:
        return None


@transaction.atomic
def _enter_code(client: Client, digits: str, browser_secret: str) -> CopyCode | None:
    client, now = client.lock_for_any_manager(), timezone.now()
    code = client.copy_codes.select_related("message").order_by("-sent_at").first()  # earlier ones are not valid
    if code is None or not code.is_usable(now) or not _attempts_left(client, now):
        return None
    if not code.matches(digits):
        code.failed_tries += 1
        code.save(update_fields=["failed_tries"])
        return None
    code.used_at, code.open_until, code.browser_hash = now, now + OPEN_FOR, hash_secret(browser_secret)
    code.save(update_fields=["used_at", "open_until", "browser_hash"])
    log.add_event(client, "Клиент открыл копии своих документов по коду", by=None, now=now)
    return code


def close(code: CopyCode) -> None:
    """Close the documents before their time. Idempotent."""
    CopyCode.objects.filter(pk=code.pk, open_until__gt=timezone.now()).update(open_until=timezone.now())
