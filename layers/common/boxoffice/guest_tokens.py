"""Tokens of guests: in a link, each shows one order, ticket or waitlist entry to whoever has it.

They are derived from the id, so any email can carry them (decision 15).
"""

from typing import Literal
from uuid import UUID

from boxoffice.config import settings
from boxoffice.signing import is_token, token

type GuestResource = Literal["order", "ticket", "waitlist entry", "subscription"]
"""What a guest holds the token of. Each kind has a purpose of its own, so that no token serves another kind."""


def order_token(order_id: UUID, email_changes: int = 0) -> str:
    """Return the token that lets a guest read an order.

    Args:
        email_changes: how often the buyer's address has changed. Each change ends the token before.
    """
    return _guest_token("order", order_id, email_changes)


def ticket_token(ticket_id: UUID, transfer_count: int) -> str:
    """Return the token that lets a guest read a ticket that was transferred to them. The next transfer ends it."""
    return _guest_token("ticket", ticket_id, transfer_count)


def waitlist_token(entry_id: UUID) -> str:
    """Return the token that lets a guest accept an offer to a waitlist entry, or leave the waitlist."""
    return _guest_token("waitlist entry", entry_id)


def subscription_token(subscription_id: UUID) -> str:
    """Return the token that ends a subscription to a newsletter. It names the subscription, and never expires."""
    return f"{subscription_id.hex}.{_guest_token('subscription', subscription_id)}"


def subscription_of(presented: str) -> UUID | None:
    """Return the subscription that a token ends, or None if the token is none of ours."""
    name, _, proof = presented.partition(".")
    try:
        subscription_id = UUID(hex=name)
    except ValueError:
        return None
    return subscription_id if is_guest_token(proof, "subscription", subscription_id) else None


def is_guest_token(presented: str | None, kind: GuestResource, resource_id: UUID, ended: int = 0) -> bool:
    """Return True if ``presented`` is the token of this resource.

    Args:
        ended: how many of its tokens have ended: a ticket's transfers, or the changes of an order's address.
    """
    if presented is None:
        return False
    return is_token(settings().link_keys_secret, kind, _message(resource_id, ended), presented)


def _guest_token(kind: GuestResource, resource_id: UUID, ended: int = 0) -> str:
    return token(settings().link_keys_secret, kind, _message(resource_id, ended))


def _message(resource_id: UUID, ended: int) -> bytes:
    """Return the bytes that a token proves."""
    return resource_id.bytes + ended.to_bytes(2)
