"""By which channels a client gets the code of a contract, and the link to it. Never both by the same."""

from agreements.channels import allowed_channels
from clients.models import Client
from links.models import Link
from messaging.models import Channel


def code_channels(client: Client, link: Link | None, *, agreeing: bool = False) -> list[Channel]:
    """Return the channels by which a code may be sent, the best one first; [] if there is none.

    `link`: the one to the contract that the client may have, whose channel is left out. `agreeing`: the client gives
    the agreement on electronic signatures together with the request.
    """
    taken = {link.sent_by} if link else set()
    channels = [channel for channel in allowed_channels(client, agreeing=agreeing) if channel not in taken]
    # Who has no password for the app can't read a code there.
    return channels if client.has_password else sorted(channels, key=lambda channel: channel == Channel.APP)


def link_channels(client: Client) -> list[Channel]:
    """Return the channels by which a link may be sent, so that a channel for the code is left that the client reads."""
    channels = allowed_channels(client)
    readable = [channel for channel in channels if channel != Channel.APP or client.has_password]
    return [channel for channel in channels if channel != Channel.APP and set(readable) - {channel}]
