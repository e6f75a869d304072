"""By which channels a client may get codes and links."""

from agreements.models import AgreementKind
from clients.models import Client
from messaging.channels import can_reach, configured_channels
from messaging.models import Channel
from messaging.sending import contact_of


def allowed_channels(client: Client, *, agreeing: bool = False) -> list[Channel]:
    """Return the app, and SMS and e-mail if they are configured, can reach the client, and the client agreed to them.

    The client has agreed to a channel if the agreement on electronic signatures in force names it, with the phone and
    e-mail that the account has now. `agreeing`: the channels after the client gives the agreement that they see.
    """
    is_agreed = agreeing or any(_names_channels(row, client) for row in client.agreements.all())
    channels = configured_channels() if is_agreed else [Channel.APP]
    return [
        channel for channel in channels if channel == Channel.APP or can_reach(channel, contact_of(client, channel))
    ]


def _names_channels(agreement, client: Client) -> bool:
    is_right_kind = agreement.kind == AgreementKind.ELECTRONIC_SIGNATURE and agreement.is_in_force
    return is_right_kind and bool(agreement.contact_hash) and agreement.contact_is_current(client)
