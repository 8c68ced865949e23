"""Ticket types as requested, as stored and as shown."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from boxoffice.models import Id, Moment, MoneyView, Patch, Price, Request, ShortText, Text, unchanged

MOST_TICKET_TYPES = 50

_DEEPEST = 8  # levels of nesting in a ticket type's attributes
_LARGEST = 8192  # characters of JSON
_NOT_IN_JSONB = re.compile(r"[\x00\ud800-\udfff]")

type EventStatus = Literal["draft", "published", "cancelled"]


def _storable(attributes: dict[str, Any]) -> dict[str, Any]:
    """Refuse what jsonb cannot store (NUL, lone surrogates, infinity), and what is too large."""
    from json import dumps

    _check_json(attributes, depth=1)
    if len(dumps(attributes)) > _LARGEST:
        raise ValueError(f"must not be longer than {_LARGEST} characters of JSON")
    return attributes


def _check_json(value: object, depth: int) -> None:
    """Check a value of JSON, and all values in it.

    Raises:
        ValueError: jsonb cannot store it, or it is nested too deep.
    """
    if depth > _DEEPEST:
        raise ValueError(f"must not be nested more than {_DEEPEST} deep")
    match value:
        case str() if _NOT_IN_JSONB.search(value):
            raise ValueError("must not contain NUL or lone surrogates")
        case float() if not math.isfinite(value):
            raise ValueError("must not contain numbers beyond double precision")
        case list():
            for item in value:
                _check_json(item, depth + 1)
        case dict():
            for name, item in value.items():
                _check_json(name, depth)
                _check_json(item, depth + 1)


Quantity = Annotated[int, Field(strict=True, ge=0, le=10_000_000)]
PerOrder = Annotated[int, Field(strict=True, ge=1, le=1000)]
PerBuyer = Annotated[
    int, Field(strict=True, ge=1, le=1000, description="How many a buyer may have, over all pending and paid orders")
]
Entries = Annotated[int, Field(strict=True, ge=1, le=1000, description="How often a ticket lets its holder in")]
TicketMode = Annotated[
    Literal["separate", "group", "choice"],
    Field(description="One ticket each, one ticket that admits the whole group, or as the buyer chooses"),
]
Flag = Annotated[bool, Field(strict=True)]
Attributes = Annotated[
    dict[str, Any],
    AfterValidator(_storable),
    Field(description=f"A JSON object of your own, {_LARGEST} characters and {_DEEPEST} levels at the most"),
]


class TicketTypeRequest(Request):
    name: ShortText
    description: Text = ""
    price: Price
    quantity: Quantity
    sales_start: Moment | None = None
    sales_end: Moment | None = None
    min_per_order: PerOrder = 1
    max_per_order: PerOrder = 10
    max_per_buyer: PerBuyer | None = None
    max_entries: Entries = 1
    ticket_mode: TicketMode = "separate"
    attributes: Attributes = Field(default_factory=dict)
    hidden: Flag = Field(default=False, description="True if only members of the organisation see it")


class TicketTypePatch(Patch):
    name: ShortText = unchanged()
    description: Text = unchanged()
    price: Price = unchanged()
    quantity: Quantity = unchanged()
    sales_start: Moment | None = unchanged()
    sales_end: Moment | None = unchanged()
    min_per_order: PerOrder = unchanged()
    max_per_order: PerOrder = unchanged()
    max_per_buyer: PerBuyer | None = unchanged()
    max_entries: Entries = unchanged()
    ticket_mode: TicketMode = unchanged()
    attributes: Attributes = unchanged()
    hidden: Flag = unchanged()


class TicketTypeView(MoneyView):
    id: Id
    event_id: Id
    name: str
    description: str
    price: int = Field(description="In the currency's minor unit")
    currency: str
    quantity: int
    available: int = Field(description="How many can be bought now, within the event's capacity")
    sales_start: datetime | None
    sales_end: datetime | None = Field(description="Sales end with the event at the latest")
    min_per_order: int
    max_per_order: int
    max_per_buyer: int | None
    max_entries: int
    ticket_mode: TicketMode
    attributes: dict[str, Any]
    hidden: bool
    seated: bool = Field(description="True if each ticket has a numbered seat")
    version: int


@dataclass(frozen=True)
class TicketTypeRow:
    """A ticket type, with the counts of its stock summed up over the rows of its pool.

    Attributes:
        available: how many can be bought now, within the event's capacity.
    """

    id: UUID
    event_id: UUID
    event_status: EventStatus
    organisation_id: UUID
    pool_id: UUID
    name: str
    description: str
    price: int
    currency: str
    quantity: int
    available: int
    held: int
    sold: int
    sales_start: datetime | None
    sales_end: datetime | None
    min_per_order: int
    max_per_order: int
    max_per_buyer: int | None
    max_entries: int
    ticket_mode: TicketMode
    attributes: dict[str, Any]
    hidden: bool
    seated: bool
    version: int


@dataclass(frozen=True)
class TicketTypeCopy:
    """A ticket type that another event gets too.

    Attributes:
        id: of the copy.
        event_id: which event gets it.
    """

    source: TicketTypeRow
    id: UUID
    event_id: UUID
    sales_start: datetime | None
    sales_end: datetime | None
