"""Tags for the steps before the contract that show the signed one."""

from django import template

from clients.models import Client
from contracts.models import Contract

register = template.Library()


@register.simple_tag
def signed_contract(client: Client) -> Contract | None:
    """Return the contract in force: the newest signed one."""
    return client.contracts.since_claimed().signed().only("number", "surcharge").order_by("-signed_at").first()
