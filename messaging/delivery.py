"""Jobs of the worker: send queued messages, and ask the gateway whether they arrived.

A message is sent at least once: after a lost answer it is sent again, because the gateway does not recognize repeated
requests.
"""

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from foundation import worker
from messaging import outbox
from messaging.channels import transport_of
from messaging.models import Channel, DeliveryState, OutgoingMessage
from messaging.transport import MessageRejected, Transport, TransportUnavailable

# Longer than a provider may take to answer.
SEND_TIME = timedelta(seconds=30)
# Messages without an expiry are given up after this.
MAX_QUEUED = timedelta(days=1)
# A gateway knows no more about a message after this.
MAX_AGE_OF_REPORTS = timedelta(days=3)
EXPIRED = "не удалось отправить вовремя"
NOT_CONFIGURED = "канал отключён"

logger = logging.getLogger(__name__)


def send_next() -> int:
    """Send one queued message whose time has come. Returns 1, or 0 if there is none."""
    message = worker.claim(OutgoingMessage.objects.filter(state=DeliveryState.QUEUED), reserve=SEND_TIME)
    if message is None:
        return 0
    now, transport = timezone.now(), transport_of(Channel(message.channel))
    if transport is None:
        _finish(message, DeliveryState.FAILED, problem=NOT_CONFIGURED)
    elif now >= (message.expires_at or message.created_at + MAX_QUEUED):
        _finish(message, DeliveryState.FAILED, problem=EXPIRED)
    else:
        _send(message, transport)
    return 1


def _send(message: OutgoingMessage, transport: Transport) -> None:
    try:
        provider_id = transport.send(message.content)
    except MessageRejected as rejected:
        _finish(message, DeliveryState.FAILED, problem=rejected.problem)
    except TransportUnavailable as error:
        logger.warning("message %s was not sent, attempt %d: %s", message.pk, message.attempts, error)
        # The pause grows with the attempts; claim() has reserved more time than a failed attempt needs.
        next_at = timezone.now() + worker.retry_pause(message.attempts)
        OutgoingMessage.objects.filter(pk=message.pk).update(next_attempt_at=next_at)
    else:
        keeps = isinstance(transport, outbox.Outbox)
        _finish(message, DeliveryState.ACCEPTED, provider_id=provider_id, keep_content=keeps)


def _finish(message: OutgoingMessage, state: DeliveryState, *, keep_content: bool = False, **values: str) -> None:
    now = timezone.now()
    message.change_state(state, now=now, **values)
    reset = {"attempts": 0, "next_attempt_at": now} | ({} if keep_content else {"encrypted_content": ""})
    OutgoingMessage.objects.filter(pk=message.pk).update(**reset)


def check_next() -> int:
    """Ask for the delivery report of one SMS. Returns 1, or 0 if there is none to ask for."""
    since = timezone.now() - MAX_AGE_OF_REPORTS
    sent = OutgoingMessage.objects.filter(state=DeliveryState.ACCEPTED, channel=Channel.SMS, accepted_at__gt=since)
    transport = transport_of(Channel.SMS)
    message = worker.claim(sent, reserve=timedelta(seconds=3)) if transport else None
    if message is None:
        return 0
    try:
        report = transport.report(message.provider_id)
    except TransportUnavailable as error:
        logger.warning("no delivery report of message %s: %s", message.pk, error)
        return 1
    if report:
        message.change_state(report.state, now=timezone.now(), problem=report.problem)
    return 1


def oldest_queued() -> datetime | None:
    """Return since when the oldest queued message has been waiting, or None."""
    queued = OutgoingMessage.objects.filter(state=DeliveryState.QUEUED).order_by("created_at")
    return queued.values_list("created_at", flat=True).first()
