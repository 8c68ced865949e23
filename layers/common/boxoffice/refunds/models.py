"""Refunds as managers request them, and what the database knows of the orders concerned."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from boxoffice.models import Id, MinorUnits, MoneyView, Request, ShortText
from boxoffice.money import MAX_TOTAL
from boxoffice.orders.models import OrderStatus
from boxoffice.pricing.models import Charge
from boxoffice.tickets.models import TicketStatus

RefundedAmount = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=MAX_TOTAL,
        description="Refund this, in the currency's minor unit. Alone, tickets stay valid. With tickets, it is instead "
        "of what was paid for them: 0 ends them for nothing",
    ),
    MinorUnits,
]
Fee = Annotated[
    int,
    Field(strict=True, ge=1, le=MAX_TOTAL, description="Keep this of what was paid for all of the tickets"),
    MinorUnits,
]


class RefundRequest(Request):
    whole: Annotated[
        bool, Field(strict=True, description="End all valid tickets, and refund what was paid for them")
    ] = False
    ticket_ids: Annotated[
        list[Id] | None,
        Field(min_length=1, max_length=1000, description="End these tickets, and refund what was paid for them"),
    ] = None
    amount: RefundedAmount | None = None
    fee: Fee | None = None
    reason: ShortText | None = Field(
        default=None, description="Stored in the order's history. The buyer does not see it"
    )
    force: Annotated[
        bool, Field(strict=True, description="True to refund tickets although they have been used at the door")
    ] = False
    preview: Annotated[
        bool,
        Field(strict=True, description="True to learn what the request would do, with status 200. Nothing is done"),
    ] = False

    @model_validator(mode="after")
    def _check_what_is_set(self) -> Self:
        if self.whole and self.ticket_ids is not None:
            raise ValueError("must have one of `whole` and `ticket_ids`, not both")
        if not self.ends_tickets and not self.amount:
            raise ValueError("must have `whole`, `ticket_ids` or an `amount` above 0")
        if self.fee is not None and (self.amount is not None or not self.ends_tickets):
            raise ValueError("must have `fee` only with `whole` or `ticket_ids`, and without `amount`")
        return self

    @property
    def ends_tickets(self) -> bool:
        """Return True if tickets end, and not just money goes back."""
        return self.whole or self.ticket_ids is not None


class RefundPreview(MoneyView):
    order_id: Id
    order_status: OrderStatus = Field(description="The state of the order after the refund")
    amount: int = Field(description="What goes back, in the currency's minor unit")
    kept: int = Field(description="What the seller keeps of what was paid for the tickets")
    platform_fee_returned: int = Field(description="What of the platform's fee goes back to the seller")
    currency: str
    ticket_ids: list[Id] = Field(description="The tickets that are no longer valid after it")


class RefundView(RefundPreview):
    id: Id


@dataclass(frozen=True)
class PaidTicket(Charge):
    """A ticket of a paid order, with the charge of its item.

    Attributes:
        item_no: the number of its item in the order.
        position: the number of the ticket in its item, from 1.
        entries: how often the ticket has been used at the door.
        group_size: how many units of the item the ticket stands for.
        quantity: how many units the item has.
        pool_ids: the pools that the ticket was taken from.
    """

    id: UUID
    item_no: int
    event_id: UUID
    status: TicketStatus
    position: int
    entries: int
    group_size: int
    quantity: int
    pool_ids: list[UUID]

    @property
    def units(self) -> tuple[int, int]:
        """Return how many units of its item come before the ticket, and how many there are up to its end."""
        return (self.position - 1) * self.group_size, self.position * self.group_size


@dataclass(frozen=True)
class RefundPlan:
    """What a refund is about to do: end these tickets, give back this amount, and set this state of the order.

    Attributes:
        kept: how much of what was paid for the tickets stays with the seller.
        sends: False if all of the amount went back elsewhere, so that nothing is sent.
    """

    tickets: list[PaidTicket]
    amount: int
    status: OrderStatus
    kept: int = 0
    sends: bool = True


@dataclass(frozen=True)
class CancelledEvent:
    """A cancelled event, whose orders are being given back."""

    id: UUID
    cancelled_at: datetime
    cancelled_by: UUID | None
    reason: str


@dataclass(frozen=True)
class OrderToGiveBack:
    """An order that still has stock or valid tickets of a cancelled event."""

    id: UUID
    event: CancelledEvent
