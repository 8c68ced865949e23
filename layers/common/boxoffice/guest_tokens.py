"""Tokens of guests: in a link, each shows one order, ticket or waitlist entry to whoever has it.

They are derived from the id, so any email can carry them (decision 15).
"""

from typing import Literal
from uuid import UUID

from boxoffice.config import settings
from boxoffice.signing import is_token, token

type GuestResource = Literal["order", "ticket", "waitlist entry"]
"""What a guest holds the token of. Each kind has a purpose of its own, so that no token serves another kind."""


def order_token(order_id: UUID) -> str:
    """Return the token that lets a guest read an order."""
    return _guest_token("order", order_id)


def ticket_token(ticket_id: UUID, transfer_count: int) -> str:
    """Return the token that lets a guest read a ticket that was transferred to them. The next transfer ends it."""
    return _guest_token("ticket", ticket_id, transfer_count)


def waitlist_token(entry_id: UUID) -> str:
    """Return the token that lets a guest accept an offer to a waitlist entry, or leave the waitlist."""
    return _guest_token("waitlist entry", entry_id)


def is_guest_token(presented: str | None, kind: GuestResource, resource_id: UUID, transfer_count: int = 0) -> bool:
    """Return True if ``presented`` is the token of this resource.

    Args:
        transfer_count: of a ticket; each transfer ends the token before.
    """
    if presented is None:
        return False
    return is_token(settings().link_keys_secret, kind, _message(resource_id, transfer_count), presented)


def _guest_token(kind: GuestResource, resource_id: UUID, transfer_count: int = 0) -> str:
    return token(settings().link_keys_secret, kind, _message(resource_id, transfer_count))


def _message(resource_id: UUID, transfer_count: int) -> bytes:
    """Return the bytes that a token proves."""
    return resource_id.bytes + transfer_count.to_bytes(2)
