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
        ge=1,
        le=MAX_TOTAL,
        description="Refund this amount alone, in the currency's minor unit. Tickets stay valid",
    ),
    MinorUnits,
]


class RefundRequest(Request):
    whole: Annotated[
        bool, Field(strict=True, description="Refund all valid tickets and all the money that is left")
    ] = False
    ticket_ids: Annotated[
        list[Id] | None,
        Field(min_length=1, max_length=1000, description="Refund these tickets, at what was paid for them"),
    ] = None
    amount: RefundedAmount | None = None
    reason: ShortText | None = Field(
        default=None, description="Stored in the order's history. The buyer does not see it"
    )
    force: Annotated[
        bool, Field(strict=True, description="True to refund tickets although they have been used at the door")
    ] = False

    @model_validator(mode="after")
    def _check_one_is_set(self) -> Self:
        if [self.whole, self.ticket_ids is not None, self.amount is not None].count(True) != 1:
            raise ValueError("must have exactly one of `whole`, `ticket_ids` and `amount`")
        return self


class RefundView(MoneyView):
    id: Id
    order_id: Id
    order_status: OrderStatus
    amount: int = Field(description="In the currency's minor unit. 0 for tickets that cost nothing")
    currency: str
    ticket_ids: list[Id] = Field(description="The tickets that are no longer valid")


@dataclass(frozen=True)
class PaidTicket(Charge):
    """A ticket of a paid order, with the charge of its item.

    Attributes:
        position: the number of the ticket in its item, from 1.
        group_size: how many units of the item the ticket stands for.
        quantity: how many units the item has.
        pool_ids: the pools that the ticket was taken from.
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
    """What a refund is about to do: end these tickets, give back this amount, and set this state of the order.

    Attributes:
        sends: False if all of the amount went back elsewhere, so that nothing is sent.
    """

    tickets: list[PaidTicket]
    amount: int
    status: OrderStatus
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
