"""Send a message to a client. The app's message is written at once; the worker sends all others."""

from dataclasses import dataclass
from datetime import datetime

from clients.models import Client
from managers import cipher
from managers.models import Manager
from messaging.models import Channel, Content, DeliveryState, OutgoingMessage, Purpose
from support import bridge, log

ACCOUNT_DELETED = "учётной записи в «Привет Супер» нет"
NO_CONTACT = "у клиента не указан телефон или почта"


@dataclass(frozen=True)
class Text:
    """`masked` is what staff read instead of `body`; `log_text` what the client log gets instead of `masked`.

    With an empty `log_text`, the client log gets nothing.
    """

    body: str
    subject: str = ""
    masked: str | None = None
    log_text: str | None = None

    @property
    def for_log(self) -> str:
        texts = (self.log_text, self.masked, self.body)
        return next(text for text in texts if text is not None)


def send(
    client: Client,
    channel: Channel,
    text: Text,
    *,
    purpose: Purpose,
    by: Manager | None,
    now: datetime,
    recipient: str = "",
    expires_at: datetime | None = None,
) -> OutgoingMessage:
    """Send `text` and record it in the client log, in the caller's transaction.

    `recipient`: a phone or an e-mail; by default the one of the account. `by`: None if the client or the system caused
    it. Raises ClientErased or ClientReassigned.
    """
    message = OutgoingMessage(
        client=client, channel=channel, purpose=purpose, created_at=now, created_by=by, expires_at=expires_at
    )
    if channel == Channel.APP:
        _post_to_app(message, text)
    else:
        client.lock()  # an erasure that is running would miss the message
        _queue(message, recipient or contact_of(client, channel), text)
    if text.for_log:
        label = "" if channel == Channel.APP else f"{channel.label}: "
        log.add_event(client, f"{label}{text.for_log}", by=by, now=now)
    message.save(force_insert=True)
    return message


def contact_of(client: Client, channel: Channel) -> str:
    """Return the client's phone (ten digits) or e-mail; "" if there is none."""
    if client.account is None:
        return ""
    return {Channel.SMS: client.account.shown_phone, Channel.EMAIL: client.account.shown_email}.get(channel, "")


def _post_to_app(message: OutgoingMessage, text: Text) -> None:
    subject = bridge.COPY_SUBJECT if message.purpose == Purpose.COPY_CODE else bridge.CONTRACT_SUBJECT
    posted = bridge.post_to_client(
        message.client, text.body, masked=text.masked, now=message.created_at, subject=subject
    )
    if posted:
        message.state, message.accepted_at = DeliveryState.ACCEPTED, message.created_at
        message.provider_id = str(posted.pk)
    else:
        _fail(message, ACCOUNT_DELETED)


def _queue(message: OutgoingMessage, recipient: str, text: Text) -> None:
    if recipient:
        message.recipient_hash = cipher.keyed_hash(recipient)
        message.content = Content(recipient, text.subject, text.body)
    else:
        _fail(message, NO_CONTACT)


def _fail(message: OutgoingMessage, problem: str) -> None:
    message.state, message.failed_at, message.problem = DeliveryState.FAILED, message.created_at, problem
