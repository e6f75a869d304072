"""What is signed, for pages of the steps before the contract."""

from django import template

from clients.models import Client
from contracts.models import Contract

register = template.Library()


@register.simple_tag
def signed_contract(client: Client) -> Contract | None:
    """The contract that is in force: the newest one that the client has signed."""
    return client.contracts.since_claimed().signed().only("number", "surcharge").order_by("-signed_at").first()
