"""Orders as requested, as stored and as shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.models import Email, Id, Page, Phone, Request, ShortText, View
from boxoffice.pricing.models import Charge
from boxoffice.seats.models import SeatRequest, SeatView
from boxoffice.stock.models import Draw
from boxoffice.vouchers.models import Code, Voucher

type OrderStatus = Literal["pending", "paid", "cancelled", "expired", "partially_refunded", "refunded"]
type TicketModeChoice = Literal["separate", "group"]
type TicketMode = Literal["separate", "group", "choice"]
ALL_STATUSES = ("pending", "paid", "cancelled", "expired", "partially_refunded", "refunded")


class OrderItemRequest(Request):
    ticket_type_id: Id
    quantity: Annotated[int, Field(strict=True, ge=1, le=1000)]
    seat_ids: Annotated[
        list[Id] | None,
        Field(min_length=1, max_length=1000, description="As many as the quantity; else the best seats"),
    ] = None
    together: Annotated[
        bool, Field(strict=True, description="True if the best seats must be next to each other in one row")
    ] = True


class BuyerRequest(Request):
    name: ShortText
    email: Email
    phone: Phone | None = None


class OrderRequest(Request):
    items: Annotated[list[OrderItemRequest], Field(min_length=1, max_length=20)]
    buyer: BuyerRequest
    voucher: Code | None = None
    ticket_mode: TicketModeChoice | None = Field(
        default=None, description="A ticket each or one for all, of the ticket types that leave it to the buyer"
    )
    waitlist_token: Annotated[
        str | None,
        Field(
            max_length=100,
            description="Takes what the waitlist offers to the buyer's email address, or less",
        ),
    ] = None


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
    discount: int = Field(description="What a voucher takes off this item")
    total: int = Field(description="What is to be paid for this item")
    is_group: bool = Field(description="True if one ticket admits them all")
    seats: list[SeatView] = Field(default_factory=list)


class OrderTicketView(View):
    id: Id
    ticket_type_id: Id
    group_size: int = Field(description="How many people it lets in at once")
    seat: str | None
    status: Literal["valid", "refunded"]
    transferred: bool = Field(description="True if it has passed from the buyer to somebody else")


class OrderPaymentView(View):
    id: Id
    provider: str
    status: Literal["pending", "succeeded", "failed", "refunded"]


class OrderChangeView(View):
    from_status: OrderStatus
    to_status: OrderStatus
    reason: str
    actor_id: Id | None = Field(description="Who did it; null for the buyer as a guest, a provider and the clock")
    at: datetime


class OrderSummary(View):
    id: Id
    number: str
    organisation_id: Id
    status: OrderStatus
    buyer: BuyerView
    currency: str
    subtotal: int = Field(description="What the items cost without discount, in the currency's minor unit")
    discount: int = Field(description="What a voucher takes off")
    total: int = Field(description="What is to be paid")
    expires_at: datetime = Field(description="Until when a pending order holds its stock")
    created_at: datetime


class OrderView(OrderSummary):
    voucher: str | None = Field(description="The code that was redeemed")
    items: list[OrderItemView]
    tickets: list[OrderTicketView]
    payments: list[OrderPaymentView]
    history: list[OrderChangeView] | None = Field(description="What became of it, for managers only")


class PlacedOrder(OrderSummary):
    voucher: str | None = Field(description="The code that was redeemed")
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
class SaleTerms:
    """A ticket type, on the terms on which it is sold."""

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
    max_per_buyer: int | None
    ticket_mode: TicketMode
    hidden: bool
    seated: bool
    pool_id: UUID
    pool_rows: int
    capacity_pool_id: UUID | None
    capacity_rows: int | None


@dataclass(frozen=True)
class CartItem:
    """A quantity of a ticket type; is_group, one ticket stands for all of it."""

    terms: SaleTerms
    quantity: int
    is_group: bool = False


@dataclass(frozen=True)
class Cart:
    """What a buyer's request comes to, on the terms of sale as they were read.

    Attributes:
        charges: what each item costs, in the order of the items.
    """

    items: list[CartItem]
    charges: list[Charge]
    voucher: Voucher | None
    seats: list[SeatRequest]

    @property
    def subtotal(self) -> int:
        """Return what the items cost without discount, in the minor unit."""
        return sum(charge.gross for charge in self.charges)

    @property
    def discount(self) -> int:
        """Return what the voucher takes off, in the minor unit."""
        return sum(charge.discount for charge in self.charges)

    @property
    def total(self) -> int:
        """Return what the buyer pays, in the minor unit."""
        return sum(charge.total for charge in self.charges)


@dataclass(frozen=True)
class BuyerLimit:
    """How much of a ticket type, or of a voucher, one buyer may have, and how much an order adds to that."""

    subject_id: UUID
    name: str
    wanted: int
    most: int


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
    voucher_id: UUID | None
    expires_at: datetime
    created_at: datetime

    @property
    def buyer(self) -> BuyerView:
        """Return the buyer, as shown."""
        return BuyerView(name=self.buyer_name, email=self.buyer_email, phone=self.buyer_phone)


@dataclass(frozen=True)
class OrderSummaryRow(OrderRow):
    """An order, and what its items come to before and by discount."""

    subtotal: int
    discount: int


@dataclass(frozen=True)
class OrderDetails(OrderSummaryRow):
    voucher: str | None
    items: list[dict[str, object]]
    tickets: list[dict[str, object]]
    payments: list[dict[str, object]]
    history: list[dict[str, object]] | None


@dataclass(frozen=True)
class Purchase:
    """An order that is to be placed, and all that it takes to place it.

    Attributes:
        request_id: names the request, so that the order is placed once.
        fingerprint: tells another request with the same name.
        limits: what the buyer may have at most, over all their orders.
        draws: what is to be found in stock.
        offered: what the waitlist holds for the buyer instead.
        waitlist_token: proves that it is held for this buyer.
    """

    request_id: UUID
    fingerprint: bytes
    order: OrderRow
    cart: Cart
    limits: list[BuyerLimit]
    draws: list[Draw]
    offered: list[Draw]
    waitlist_token: str | None

    @property
    def is_simple(self) -> bool:
        """Return True if one statement can place the order: all that it takes is stock, and it is paid later."""
        return self.cart.total > 0 and not (self.limits or self.cart.seats or self.waitlist_token)
