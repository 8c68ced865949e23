"""The address that a request comes from.

API Gateway says who has connected. Behind our own CDN that is the CDN, which says in headers of its own whom it serves,
and proves itself by a secret. A trusted shop passes on the address of its buyer in the same way, with its API key.
"""

import hmac
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from boxoffice.config import secret, settings
from boxoffice.errors import Invalid

EDGE_SECRET = "x-edge-secret"  # noqa: S105 - the name of a header
VIEWER_ADDRESS = "cloudfront-viewer-address"
BUYER_ADDRESS = "x-buyer-address"


def address_of(headers: Mapping[str, str], connected: str) -> str:
    """Return the address of whoever sent a request: as our CDN says, if the request proves to come from it.

    Args:
        headers: of the request.
        connected: who has connected to API Gateway.
    """
    presented = headers.get(EDGE_SECRET)
    if presented is None or not _is_edge(presented):
        return connected
    viewer = _read(headers.get(VIEWER_ADDRESS, "").rpartition(":")[0])  # without the port
    return str(viewer) if viewer else connected


def passed_on_address(text: str) -> str:
    """Return the buyer's address that a shop passes on.

    Raises:
        Invalid: it is no IP address.
    """
    address = _read(text)
    if address is None:
        raise Invalid.at("header", "X-Buyer-Address", because="must be an IPv4 or IPv6 address and nothing else")
    return str(address)


def network_of(address: str) -> str:
    """Return what limits count for an address: itself, or the /64 of an IPv6 address, since people get that whole."""
    if ":" not in address:
        return address
    ip = _read(address)
    return str(IPv6Network((ip, 64), strict=False)) if isinstance(ip, IPv6Address) else address


def part_of_network(address: str) -> str:
    """Return what logs say of an address: the first 24 bits if it is IPv4, the first 48 if it is IPv6.

    Too many people share that for it to name one. It still shows if an attack comes from one place or from many.
    """
    ip = _read(address)
    return str(ip_network((ip, 24 if isinstance(ip, IPv4Address) else 48), strict=False)) if ip else ""


def _is_edge(presented: str) -> bool:
    """Return True if a secret is one of the key ring that our CDN has."""
    ring = secret(settings().edge_keys_secret)
    texts = [text for name, text in ring.items() if name != "current"]
    matches = [hmac.compare_digest(text.encode(), presented.encode(errors="replace")) for text in texts]
    return True in matches


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address, or None if the text is none. An IPv4 address that is written as IPv6 is IPv4."""
    try:
        ip = ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    if isinstance(ip, IPv4Address):
        return ip
    if ip.scope_id is not None:
        return None  # it means something on one machine alone
    return ip.ipv4_mapped or ip
