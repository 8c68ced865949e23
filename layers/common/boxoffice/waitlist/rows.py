"""Waitlist entries as stored, and what offers need to know of a ticket type."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

type EntryStatus = Literal["waiting", "offered", "accepted", "lapsed", "left", "closed"]
ALL_STATUSES = ("waiting", "offered", "accepted", "lapsed", "left", "closed")


@dataclass(frozen=True)
class WaitlistTerms:
    """What a request to join the waitlist needs to know of a ticket type: sale window, limits and pools.

    Attributes:
        pool_quantity: how many tickets the pools have in all: those of the ticket type, or of its event if fewer.
    """

    ticket_type_id: UUID
    ticket_type_name: str
    organisation_id: UUID
    event_id: UUID
    on_sale_from: datetime | None
    on_sale_until: datetime
    min_per_order: int
    max_per_order: int
    max_per_buyer: int | None
    pool_ids: list[UUID]
    pool_quantity: int
    seller_sells: bool


@dataclass(frozen=True)
class WaitlistEntry:
    """A person's place in the line for a quantity of a ticket type.

    Attributes:
        draws: the stock that an offer holds, as PostgreSQL writes it.
        expires_at: when the offer lapses.
        in_line_since: the place in the line.
    """

    id: UUID
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    account_id: UUID | None
    name: str
    email: str
    quantity: int
    status: EntryStatus
    draws: str | None
    expires_at: datetime | None
    in_line_since: datetime
    created_at: datetime


@dataclass(frozen=True)
class NextEntry:
    """One of the entries that may get the next offers of a ticket type, and the terms of such an offer.

    Attributes:
        pool_ids: what an offer draws from.
        available: how much of the ticket type is available to all these entries together.
        has_limit: True if the ticket type has a limit per buyer.
        has_mailbox: True if no other transaction makes offers to the mailbox now.
    """

    id: UUID
    organisation_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    email: str
    mailbox: str
    has_mailbox: bool
    quantity: int
    pool_ids: list[UUID]
    seated: bool
    on_sale_until: datetime
    time_zone: str
    offer_minutes: int
    available: int
    has_limit: bool


@dataclass(frozen=True)
class OpenOffers:
    """How many open offers a mailbox has, of all ticket types and of the one that is offered now."""

    mailbox: str
    offers: int
    of_type: int
