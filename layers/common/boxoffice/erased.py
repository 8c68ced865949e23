"""What takes the place of a person's data once it is erased.

A row that must stay, such as an order, gets a name that says so, and an address of its own that leads nowhere. The
domain ``.invalid`` belongs to nobody, ever (RFC 2606), and no request can name an address in it.
"""

from collections.abc import Sequence
from typing import Any

from boxoffice import signing
from boxoffice.config import settings
from boxoffice.mailboxes import mailbox_of

NAME = "Erased"
AT_DOMAIN = "@erased.invalid"
PARAMS: dict[str, Any] = {"erased_name": NAME, "at_erased": AT_DOMAIN}
"""The parameters of a statement that erases: the name, and what follows the row's id in the address."""


def is_erased(address: str) -> bool:
    """Return True if an address stands for one that was erased, so that nobody can be written to."""
    return address.endswith(AT_DOMAIN)


def mac_of(address: str) -> bytes:
    """Return what is kept of an erased address, so that limits and newsletters know its mailbox when it comes again."""
    _, master = signing.current_key(settings().link_keys_secret)
    return _mac(master, address)


def macs_of(address: str) -> Sequence[bytes]:
    """Return what may have been kept of an address: under each key that is not withdrawn."""
    return [_mac(master, address) for master in signing.live_keys(settings().link_keys_secret)]


def _mac(master: bytes, address: str) -> bytes:
    return signing.mac(master, "limits", mailbox_of(address).encode())
