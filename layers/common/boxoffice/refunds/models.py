"""Refunds as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from boxoffice.models import Id, Request, ShortText, View
from boxoffice.orders.models import OrderStatus
from boxoffice.pricing.models import Charge
from boxoffice.tickets.models import TicketStatus


class RefundRequest(Request):
    whole: Annotated[
        bool, Field(strict=True, description="All that is left: the tickets that are valid, and the money")
    ] = False
    ticket_ids: Annotated[
        list[Id] | None, Field(min_length=1, max_length=1000, description="These tickets, for what was paid for them")
    ] = None
    amount: Annotated[
        int | None,
        Field(strict=True, ge=1, le=100_000_000_000, description="Money alone, in the minor unit; tickets stay valid"),
    ] = None
    reason: ShortText | None = Field(default=None, description="Kept in the order's history; the buyer is not told")
    force: Annotated[bool, Field(strict=True, description="Refund tickets that have admitted their holders, too")] = (
        False
    )

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if [self.whole, self.ticket_ids is not None, self.amount is not None].count(True) != 1:
            raise ValueError("name one of whole, ticket_ids and amount")
        return self


class RefundView(View):
    id: Id
    order_id: Id
    order_status: OrderStatus
    amount: int = Field(description="In the currency's minor unit; 0 for tickets that cost nothing")
    currency: str
    ticket_ids: list[Id] = Field(description="The tickets that admit nobody any more")


@dataclass(frozen=True)
class PaidTicket(Charge):
    """A ticket of a paid order, with the charge of its item.

    Attributes:
        position: counts the item's tickets from 1.
        group_size: how many of the item's units it stands for.
        quantity: how many units the item has.
        pool_ids: what it was drawn from.
    """

    id: UUID
    event_id: UUID
    status: TicketStatus
    position: int
    group_size: int
    quantity: int
    pool_ids: list[UUID]


@dataclass(frozen=True)
class RefundPlan:
    """What is to be given back of an order, and its state after that."""

    tickets: list[PaidTicket]
    amount: int
    status: OrderStatus


@dataclass(frozen=True)
class CancelledEvent:
    """An event whose orders are being given back."""

    id: UUID
    cancelled_at: datetime
    cancelled_by: UUID | None
    reason: str


@dataclass(frozen=True)
class OrderToGiveBack:
    """An order that still holds something of a cancelled event."""

    id: UUID
    event: CancelledEvent
