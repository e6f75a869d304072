"""IP address of a request."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str:
    """Return the client's IP address, trusting only `TRUSTED_PROXIES` proxies; "" if it is malformed.

    With n trusted proxies it is the n-th entry of X-Forwarded-For from the right. Entries further left can be forged
    by the client.
    """
    ip = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXIES:
        hops = request.headers.get("X-Forwarded-For", "").split(",")
        if len(hops) >= settings.TRUSTED_PROXIES:
            ip = hops[-settings.TRUSTED_PROXIES].strip()
    try:
        return str(ipaddress.ip_address(ip))
    except ValueError:
        return ""


def ip_network(ip: str) -> str:
    """Return the network of one subscriber: the IPv4 address itself, or the IPv6 /64 network; "" for ""."""
    if not ip:
        return ""
    address = ipaddress.ip_address(ip)
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
