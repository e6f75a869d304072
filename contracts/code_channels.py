"""By which channels a client gets the code of a contract, and the link to it. Never both by the same.

Contacts that somebody has changed without a confirmation get neither for a day (contact/changes.py).
"""

from collections.abc import Set
from dataclasses import dataclass

from django.utils import timezone

from agreements.channels import allowed_channels
from clients.models import Client
from contact.changes import held_channels
from links.models import Link
from messaging.models import Channel


@dataclass(frozen=True)
class ClientChannels:
    """The channels of one client. `held`: those that get no codes yet."""

    client: Client
    held: Set[Channel]

    @classmethod
    def of(cls, client: Client) -> "ClientChannels":
        return cls(client, held_channels(client, timezone.now()))

    def for_code(self, link: Link | None, *, agreeing: bool = False) -> list[Channel]:
        """Return the channels by which a code may be sent, the best one first; [] if there is none.

        `link`: the one to the contract that the client may have, whose channel is left out. `agreeing`: the client
        gives the agreement on electronic signatures together with the request.
        """
        taken = {link.sent_by} if link else set()
        channels = [channel for channel in self._allowed(agreeing=agreeing) if channel not in taken]
        # Who has no password for the app can't read a code there.
        return channels if self.client.has_password else sorted(channels, key=lambda channel: channel == Channel.APP)

    def for_link(self) -> list[Channel]:
        """Return the channels by which a link may be sent, so that the client can read a code by another one."""
        channels = self._allowed()
        readable = [channel for channel in channels if channel != Channel.APP or self.client.has_password]
        return [channel for channel in channels if channel != Channel.APP and set(readable) - {channel}]

    def _allowed(self, *, agreeing: bool = False) -> list[Channel]:
        return [channel for channel in allowed_channels(self.client, agreeing=agreeing) if channel not in self.held]
