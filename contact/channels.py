"""By which channels a client gets codes and notices about their contact data."""

from clients.models import Client
from messaging.channels import configured_channels
from messaging.models import Channel


def allowed_channels(client: Client) -> list[Channel]:
    """Return the channels by which messages about the contact data may be sent to this client."""
    return configured_channels()
