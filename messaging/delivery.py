"""Jobs of the worker: send queued messages, and ask the gateway whether they arrived.

A message whose answer arrived is never sent twice. If the answer is lost, or the worker is killed before it recorded
the answer, the message is sent again: we know no way to tell the gateway that a request is repeated.
"""

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from foundation import worker
from messaging import outbox
from messaging.channels import transport_of
from messaging.models import Channel, DeliveryState, OutgoingMessage, Purpose
from messaging.sending import contact_of
from messaging.transport import AnswerLost, MessageRejected, Transport, TransportUnavailable

# Longer than sending takes: until then no other worker takes the message.
SEND_TIME = timedelta(minutes=1)
# Messages without an expiry are given up after this.
MAX_QUEUED = timedelta(days=1)
# After so many attempts a lost answer is not worth one more copy of the message.
MAX_ATTEMPTS_WITHOUT_ANSWER = 3
REPORT_TIME = timedelta(seconds=10)
# A gateway knows no more about a message after this.
MAX_AGE_OF_REPORTS = timedelta(days=1)

EXPIRED = "не удалось отправить вовремя"
NOT_CONFIGURED = "канал отключён"
CONTACT_CHANGED = "контакт клиента изменился"
NO_ANSWER = "оператор не подтвердил отправку, сообщение могло дойти"

logger = logging.getLogger(__name__)


def send_next() -> int:
    """Send one queued message whose time has come. Returns 1, or 0 if there is none."""
    message = worker.claim(OutgoingMessage.objects.filter(state=DeliveryState.QUEUED), reserve=SEND_TIME)
    if message is None:
        return 0
    now, transport = timezone.now(), transport_of(Channel(message.channel))
    if transport is None:
        message.change_state(DeliveryState.FAILED, now=now, problem=NOT_CONFIGURED)
    elif now >= (message.expires_at or message.created_at + MAX_QUEUED):
        message.change_state(DeliveryState.FAILED, now=now, problem=EXPIRED)
    elif not _recipient_is_current(message):
        message.change_state(DeliveryState.FAILED, now=now, problem=CONTACT_CHANGED)
    else:
        _send(message, transport)
    return 1


def _recipient_is_current(message: OutgoingMessage) -> bool:
    """Whether a code or a link still goes to the client's contact. Notices may go to a former one on purpose."""
    if message.purpose in (Purpose.NOTICE, Purpose.REQUEST):
        return True
    return message.content.recipient == contact_of(message.client, Channel(message.channel))


def _send(message: OutgoingMessage, transport: Transport) -> None:
    try:
        provider_id = transport.send(message.content)
    except MessageRejected as rejected:
        message.change_state(DeliveryState.FAILED, now=timezone.now(), problem=rejected.problem)
    except TransportUnavailable as error:
        logger.warning("message %s was not sent, attempt %d: %s", message.pk, message.attempts, str(error))
        if isinstance(error, AnswerLost) and message.attempts >= MAX_ATTEMPTS_WITHOUT_ANSWER:
            message.change_state(DeliveryState.FAILED, now=timezone.now(), problem=NO_ANSWER)
        else:
            _retry(message)
    else:
        keeps = isinstance(transport, outbox.Outbox)
        message.change_state(DeliveryState.ACCEPTED, now=timezone.now(), provider_id=provider_id, keep_content=keeps)


def _retry(message: OutgoingMessage) -> None:
    """Schedule the next attempt, earlier than claim() did: it has reserved the time of an attempt."""
    # Not if another worker has claimed the message meanwhile.
    still_ours = OutgoingMessage.objects.filter(pk=message.pk, state=DeliveryState.QUEUED, attempts=message.attempts)
    still_ours.update(next_attempt_at=timezone.now() + worker.retry_pause(message.attempts))


def check_next() -> int:
    """Ask for the delivery report of one SMS. Returns 1, or 0 if there is none to ask for."""
    transport = transport_of(Channel.SMS)
    if transport is None:
        return 0
    since = timezone.now() - MAX_AGE_OF_REPORTS
    sent = OutgoingMessage.objects.filter(state=DeliveryState.ACCEPTED, channel=Channel.SMS, accepted_at__gt=since)
    message = worker.claim(sent.exclude(provider_id=""), reserve=REPORT_TIME)
    if message is None:
        return 0
    try:
        report = transport.report(message.provider_id)
    except TransportUnavailable as error:
        logger.warning("no delivery report of message %s: %s", message.pk, str(error))
    else:
        if report:
            message.change_state(report.state, now=timezone.now(), problem=report.problem)
    return 1


def oldest_queued() -> datetime | None:
    """Return since when the oldest queued message has been waiting, or None."""
    queued = OutgoingMessage.objects.filter(state=DeliveryState.QUEUED).order_by("created_at")
    return queued.values_list("created_at", flat=True).first()
