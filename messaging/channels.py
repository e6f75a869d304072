"""The channels that are configured, and what carries their messages.

To add another SMS gateway, write a module with a Transport, and add it to SMS_TRANSPORTS and to `sms_gateway` in
`foundation/env.py`.
"""

from django.conf import settings

from messaging import exolve, mail, outbox
from messaging.models import Channel
from messaging.transport import Transport

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
