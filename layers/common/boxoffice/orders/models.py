"""Orders as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Email, Id, Line, Page, Phone, Request, View

type OrderStatus = Literal["pending", "paid", "cancelled", "expired", "partially_refunded", "refunded"]
ALL_STATUSES = ("pending", "paid", "cancelled", "expired", "partially_refunded", "refunded")


class OrderItemRequest(Request):
    ticket_type_id: Id
    quantity: Annotated[int, Field(strict=True, ge=1, le=1000)]


class BuyerRequest(Request):
    name: Line
    email: Email
    phone: Phone | None = None


class OrderRequest(Request):
    items: Annotated[list[OrderItemRequest], Field(min_length=1, max_length=20)]
    buyer: BuyerRequest


class BuyerView(View):
    name: str
    email: str
    phone: str | None


class OrderItemView(View):
    event_id: Id
    ticket_type_id: Id
    event_title: str
    ticket_type_name: str
    quantity: int
    unit_price: int = Field(description="In the currency's minor unit")


class OrderTicketView(View):
    id: Id
    ticket_type_id: Id
    status: Literal["valid", "refunded"]


class OrderPaymentView(View):
    id: Id
    provider: str
    status: Literal["pending", "succeeded", "failed", "refunded"]


class OrderSummary(View):
    id: Id
    number: str
    organisation_id: Id
    status: OrderStatus
    buyer: BuyerView
    currency: str
    total: int = Field(description="In the currency's minor unit")
    expires_at: datetime = Field(description="Until when a pending order holds its stock")
    created_at: datetime


class OrderView(OrderSummary):
    items: list[OrderItemView]
    tickets: list[OrderTicketView]
    payments: list[OrderPaymentView]


class PlacedOrder(OrderSummary):
    items: list[OrderItemView]
    access_token: str = Field(description="Reads this order as a guest, sent as X-Order-Token")


class OrderPage(Page[OrderSummary]):
    """A page of orders, newest first."""


@dataclass(frozen=True)
class OrderFilters:
    """Which of an organisation's orders to list: all that are given must hold."""

    event_id: UUID | None
    status: OrderStatus | None
    email: str | None
    placed_from: datetime | None
    placed_before: datetime | None


@dataclass(frozen=True)
class Offer:
    """A ticket type as a purchase needs to know it."""

    ticket_type_id: UUID
    ticket_type_name: str
    event_id: UUID
    event_title: str
    organisation_id: UUID
    currency: str
    unit_price: int
    on_sale_from: datetime | None
    on_sale_until: datetime
    min_per_order: int
    max_per_order: int
    pool_id: UUID
    pool_rows: int


@dataclass(frozen=True)
class OrderLine:
    """A ticket type and how many of it are bought."""

    offer: Offer
    quantity: int


@dataclass(frozen=True)
class OrderRow:
    id: UUID
    number: str
    organisation_id: UUID
    account_id: UUID | None
    status: OrderStatus
    buyer_name: str
    buyer_email: str
    buyer_phone: str | None
    currency: str
    total: int
    expires_at: datetime
    created_at: datetime

    @property
    def buyer(self) -> BuyerView:
        """The buyer, as shown."""
        return BuyerView(name=self.buyer_name, email=self.buyer_email, phone=self.buyer_phone)


@dataclass(frozen=True)
class OrderDetails(OrderRow):
    items: list[dict[str, object]]
    tickets: list[dict[str, object]]
    payments: list[dict[str, object]]
