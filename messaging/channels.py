"""The channels that are configured, and what carries their messages.

To add another SMS gateway, write a module with a Transport, and add it to SMS_TRANSPORTS and to `sms_gateway` in
`foundation/env.py`.
"""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from messaging import exolve, mail, outbox
from messaging.models import Channel
from messaging.transport import MOBILE, Transport

SMS_TRANSPORTS = {"exolve": exolve.Exolve, "outbox": outbox.Outbox}


def transport_of(channel: Channel) -> Transport | None:
    """Return what carries the messages of the channel; None if it is not configured.

    The app has none: its messages are rows of the shared database, written at once.
    """
    if channel == Channel.SMS and settings.SMS_GATEWAY:
        return SMS_TRANSPORTS[settings.SMS_GATEWAY]()
    if channel == Channel.EMAIL and settings.SMTP_HOST:
        return mail.Mail()
    if channel == Channel.EMAIL and settings.SMS_GATEWAY == "outbox":
        return outbox.Outbox()
    return None


def configured_channels() -> list[Channel]:
    """Return the channels by which messages can be sent, in order of preference."""
    return [Channel.APP, *(channel for channel in (Channel.SMS, Channel.EMAIL) if transport_of(channel))]


def can_reach(channel: Channel, contact: str) -> bool:
    """Whether `contact`, a phone or an e-mail as the app has it, can get a message by SMS or e-mail."""
    if channel == Channel.SMS:
        return bool(MOBILE.fullmatch(contact))
    try:
        validate_email(contact)
    except ValidationError:
        return False
    return True
