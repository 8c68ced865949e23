"""Orders as clients request them, as the database stores them, and as answers show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from boxoffice.auth import Caller, Who
from boxoffice.models import (
    BuyerPhone,
    Email,
    Id,
    Locale,
    MoneyView,
    Name,
    Page,
    PastedText,
    Patch,
    Request,
    View,
    unchanged,
)
from boxoffice.platform_settings import PlatformFee
from boxoffice.pricing.models import Charge, FeeTerms
from boxoffice.questions.answers import Answers, AnswerView
from boxoffice.seats.models import SeatRequest, SeatView
from boxoffice.stock.models import Draw
from boxoffice.vouchers.rows import Code, Voucher

if TYPE_CHECKING:
    from boxoffice.questions.models import AskedItem

type OrderStatus = Literal["pending", "paid", "cancelled", "expired", "partially_refunded", "refunded"]
type TicketModeChoice = Literal["separate", "group"]
type TicketMode = Literal["separate", "group", "choice"]
type ChallengeOutcome = Literal["passed", "failed", "unknown"]
type EmailProblem = Literal["bounced", "complained"]
type MatterKind = Literal[
    "refund_failed", "refund_by_hand", "refunded_elsewhere", "dispute", "unknown_payment", "difference", "books_differ"
]
ALL_STATUSES = ("pending", "paid", "cancelled", "expired", "partially_refunded", "refunded")


class OrderItemRequest(Request):
    ticket_type_id: Id
    quantity: Annotated[int, Field(strict=True, ge=1, le=1000)]
    seat_ids: Annotated[
        list[Id] | None,
        Field(
            min_length=1,
            max_length=1000,
            description="As many seats as the quantity. Without them the order takes the best seats",
        ),
    ] = None
    together: Annotated[
        bool, Field(strict=True, description="True if the best seats must be next to each other in one row of seats")
    ] = True


class BuyerRequest(Request):
    name: Name
    email: Email
    phone: BuyerPhone | None = None


class HolderRequest(Request):
    name: Name | None = None
    email: Email | None = None
    answers: Answers | None = None


OrderAnswers = Annotated[
    dict[Id, Answers],
    Field(max_length=20, description="To what is asked once an order, by the ids of the events"),
]


class OrderRequest(Request):
    items: Annotated[list[OrderItemRequest], Field(min_length=1, max_length=20)]
    buyer: BuyerRequest
    holders: Annotated[
        list[HolderRequest] | None,
        Field(
            max_length=1000,
            description="Whom each ticket is for, and what they answer. They are in the order of the order's items: a "
            "ticket type that is named twice is one item, and a group has one ticket. Of named seats, in their order",
        ),
    ] = None
    answers: OrderAnswers | None = None
    voucher: Code | None = None
    ticket_mode: TicketModeChoice | None = Field(
        default=None,
        description="One ticket each, or one for the group. It applies to ticket types that let the buyer choose",
    )
    waitlist_token: Annotated[
        str | None,
        Field(
            max_length=100,
            description="Accepts what the waitlist offers to the buyer's email address, or a part of it",
        ),
    ] = None

    locale: Locale | None = None
    challenge: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=4096,
            exclude=True,  # a repeat of the request may come with another answer
            description="What the widget of the challenge has answered. It works once, and lifts a guest's budgets",
        ),
    ] = None


class OrderConfirmation(Request):
    token: Annotated[PastedText, Field(description="From the link in the email")]


class BuyerPatch(Patch):
    name: Name = unchanged()
    email: Email = unchanged()
    phone: BuyerPhone | None = None


class HolderPatch(Patch):
    ticket_id: Id = unchanged(
        "Left out while the order is pending: then it has no tickets, and all holders are sent, in order",
    )
    name: Name = unchanged()
    email: Email | None = None
    answers: Answers = unchanged()


class OrderPatch(Patch):
    buyer: BuyerPatch = unchanged()
    holders: Annotated[list[HolderPatch], Field(min_length=1, max_length=1000)] = unchanged()
    answers: OrderAnswers = unchanged()


class OrderEmailConfirmation(Request):
    token: Annotated[PastedText, Field(description="From the link in the email")]


class OrderLinksRequest(Request):
    email: Email


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
    discount: int = Field(description="What the voucher takes off this item")
    total: int = Field(description="What the buyer pays for this item")
    is_group: bool = Field(description="True if one ticket admits the whole group")
    seats: list[SeatView] = Field(default_factory=list)


class SoldItemView(OrderItemView):
    platform_fee: int | None = Field(
        description="What the platform keeps of what the seller gets for this item, for managers only"
    )


class OrderTicketView(View):
    id: Id
    ticket_type_id: Id
    group_size: int = Field(description="How many people the ticket lets in at an entry")
    seat: str | None
    status: Literal["valid", "refunded"]
    transferred: bool = Field(description="True if the ticket has passed from the buyer to somebody else")
    holder_name: str | None = Field(description="Of a ticket that has passed to somebody else, for managers only")
    holder_contact: str | None = Field(description="The holder's email address, as the buyer named it")
    answers: list[AnswerView] = Field(description="Of a ticket that has passed to somebody else, for managers only")


class HolderView(View):
    name: str | None = Field(default=None, description="Null if the ticket will be in the buyer's name")
    email: str | None = None
    answers: list[AnswerView] = Field(default_factory=list)


class OrderPaymentView(View):
    id: Id
    provider: str
    status: Literal["pending", "processing", "succeeded", "failed", "refunded"]


class OrderChangeView(View):
    from_status: OrderStatus
    to_status: OrderStatus
    reason: str
    actor_id: Id | None = Field(
        description="The account that made the change. Null if a guest, a payment provider or a job made it"
    )
    at: datetime


class OrderSummary(MoneyView):
    id: Id
    number: str
    organisation_id: Id
    status: OrderStatus
    buyer: BuyerView
    currency: str
    subtotal: int = Field(description="What the items cost before the discount, in the currency's minor unit")
    discount: int = Field(description="What the voucher takes off")
    total: int = Field(description="What the buyer pays")
    expires_at: datetime = Field(description="When the hold of a pending order lapses")
    created_at: datetime


class ReadOrder(OrderSummary):
    """What answers say of an order that was placed before, beside its summary."""

    email_problem: EmailProblem | None = Field(
        description="Why nobody writes to the buyer's address any more: an email came back for good (`bounced`), or "
        "somebody there has called one spam (`complained`). If the order gets another address, it is written to again"
    )


class OrderView(ReadOrder):
    money_matters: list[MatterKind] | None = Field(
        description="What people must look at about the order's money, for managers only"
    )
    voucher: str | None = Field(description="The code of the voucher that the order redeems")
    items: list[SoldItemView]
    platform_fee_terms: PlatformFee | None = Field(
        description="The terms of the platform's fee that the order was placed under, for managers only. Null without "
        "any"
    )
    answers: dict[Id, list[AnswerView]] = Field(description="To what was asked once the order, by event")
    holders: list[HolderView] = Field(description="Whom the tickets will be for, until they are issued")
    tickets: list[OrderTicketView]
    payments: list[OrderPaymentView]
    history: list[OrderChangeView] | None = Field(
        description="The changes of the order's state and of its buyer, for managers only"
    )
    version: int = Field(description="Of what `update_order` changes. Send it as If-Match")
    email_change_expires_at: datetime | None = Field(
        description="Until when a new address of the buyer can be confirmed, if one waits for that"
    )


class ConfirmedOrderEmail(View):
    order: OrderView
    access_token: str = Field(description="Send it as X-Order-Token to read the order as a guest")


class PlacedOrder(OrderSummary):
    voucher: str | None = Field(description="The code of the voucher that the order redeems")
    items: list[OrderItemView]
    access_token: str = Field(description="Send it as X-Order-Token to read this order as a guest")


class ListedOrder(ReadOrder):
    money_matters: list[MatterKind] | None = Field(
        description="What people must look at about the order's money, for managers only"
    )


class OrderPage(Page[ListedOrder]):
    """A page of orders, newest first."""


@dataclass(frozen=True)
class OrderFilters:
    """Which of an organisation's orders to list. An order must match every filter that is not None."""

    event_id: UUID | None
    status: OrderStatus | None
    email: str | None
    placed_from: datetime | None
    placed_before: datetime | None


@dataclass(frozen=True)
class SaleTerms:
    """What a purchase needs to know of a ticket type: price, sale window, limits, pools, and what the event asks.

    The last five fields are the terms of the platform's fee. In an order all ticket types have the same ones.
    """

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
    seller_sells: bool
    asks_challenge: bool
    confirm_free_orders: bool
    form: dict[str, Any] | None
    terms_id: UUID | None
    fee_basis_points: int | None
    fee_fixed: int | None
    fee_minimum: int | None
    fee_maximum: int | None

    @property
    def fee(self) -> FeeTerms | None:
        """Return the terms of the platform's fee that hold for an order, if there are any."""
        if self.terms_id is None:
            return None
        assert self.fee_basis_points is not None
        assert self.fee_fixed is not None
        assert self.fee_minimum is not None
        return FeeTerms(self.terms_id, self.fee_basis_points, self.fee_fixed, self.fee_minimum, self.fee_maximum)


@dataclass(frozen=True)
class CartItem:
    """A quantity of a ticket type. If ``is_group``, one ticket admits all of it."""

    terms: SaleTerms
    quantity: int
    is_group: bool = False


@dataclass(frozen=True)
class Cart:
    """What a request to buy comes to, under the sale terms as they were read.

    Attributes:
        charges: what each item costs, in the order of the items.
        voucher: the voucher that the order redeems.
        seats: the seats that the buyer requests.
    """

    items: list[CartItem]
    charges: list[Charge]
    voucher: Voucher | None
    seats: list[SeatRequest]

    @property
    def subtotal(self) -> int:
        """Return what the items cost before the discount, in the minor unit."""
        return sum(charge.gross for charge in self.charges)

    @property
    def discount(self) -> int:
        """Return what the voucher takes off, in the minor unit."""
        return sum(charge.discount for charge in self.charges)

    @property
    def total(self) -> int:
        """Return what the buyer pays, in the minor unit."""
        return sum(charge.total for charge in self.charges)

    @property
    def asks_for_confirmation(self) -> bool:
        """Return True if a guest has to confirm an order of the cart by a link: it is free, and an event asks so."""
        return self.total == 0 and any(item.terms.confirm_free_orders for item in self.items)


@dataclass(frozen=True)
class BuyerLimit:
    """A limit per buyer that an order must respect.

    Attributes:
        subject_id: the ticket type or voucher that is limited.
        name: the ticket type's name or the voucher's code.
        quantity: how much of it the order takes.
        max_per_buyer: how much of it a buyer may have in all live orders together.
    """

    subject_id: UUID
    name: str
    quantity: int
    max_per_buyer: int


@dataclass(frozen=True)
class OrderRow:
    """An order without its items.

    Attributes:
        version: of what `update_order` changes.
        email_changes: how often the buyer's address has changed so that the links before have ended.
    """

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
    version: int
    email_changes: int

    @property
    def buyer(self) -> BuyerView:
        """Return the buyer as answers show it."""
        return BuyerView(name=self.buyer_name, email=self.buyer_email, phone=self.buyer_phone)


@dataclass(frozen=True)
class OrderSummaryRow(OrderRow):
    """An order with the sums of its items before the discount, and of the discount."""

    subtotal: int
    discount: int


@dataclass(frozen=True)
class ListedOrderRow(OrderSummaryRow):
    """An order as lists show it. To buyers they do not show its money matters."""

    email_problem: EmailProblem | None
    money_matters: list[MatterKind] | None


@dataclass(frozen=True)
class OrderDetails(ListedOrderRow):
    """An order with its items, tickets, payments and history, as the database answers them."""

    email_change_expires_at: datetime | None
    voucher: str | None
    items: list[dict[str, object]]
    platform_fee_terms: dict[str, object] | None
    answers: dict[str, list[dict[str, object]]]
    holders: list[dict[str, object]]
    tickets: list[dict[str, object]]
    payments: list[dict[str, object]]
    history: list[dict[str, object]] | None


@dataclass(frozen=True)
class Purchase:
    """An order that is about to be placed, with all that the statements need.

    Attributes:
        request_id: the id of the idempotent request, so that a repeat places no second order.
        fingerprint: tells a repeat from another request with the same idempotency key.
        limits: the limits per buyer that the order must respect.
        draws: what the order takes from pools.
        offered: what the order takes from an offer of the waitlist instead.
        waitlist_token: proves that the offer is this buyer's.
        details: the language, the answers, and the holders of the tickets. None if there are none.
    """

    caller: Caller
    request_id: UUID
    fingerprint: bytes
    order: OrderRow
    cart: Cart
    limits: list[BuyerLimit]
    draws: list[Draw]
    offered: list[Draw]
    waitlist_token: str | None
    details: dict[str, Any] | None

    @property
    def is_simple(self) -> bool:
        """Return True if one statement can place the order: it takes nothing but stock, and the buyer pays later."""
        return self.cart.total > 0 and not (self.limits or self.cart.seats or self.waitlist_token)

    @property
    def is_by_guest(self) -> bool:
        """Return True if a stranger buys: without an account, an API key, or the token that the waitlist emailed."""
        return self.caller.actor_kind == "guest" and self.waitlist_token is None

    @property
    def awaits_confirmation(self) -> bool:
        """Return True if a guest has to confirm the order by a link."""
        return self.is_by_guest and self.cart.asks_for_confirmation

    @property
    def is_paid_at_once(self) -> bool:
        """Return True if the order is paid as soon as it is placed, since it is free."""
        return self.order.total == 0 and not self.awaits_confirmation


@dataclass(frozen=True)
class AskedRow:
    """Tickets of one ticket type in an order, with what their event asks, and whether its doors are open."""

    event_id: UUID
    ticket_type_id: UUID
    tickets: int
    form: dict[str, Any] | None
    doors_are_open: bool

    @property
    def asked(self) -> "AskedItem":
        """Return the tickets with the form of their event."""
        from boxoffice.questions.models import AskedItem, Form  # whoever buys does without it

        return AskedItem(self.event_id, self.ticket_type_id, self.tickets, Form.of(self.form))


@dataclass(frozen=True)
class ChangedOrder:
    """An order after a change by a guest, its account or a manager. If ``asked``, a new address has to confirm it."""

    view: OrderView
    acts_as: Who
    asked: bool


@dataclass(frozen=True)
class LapsedOrder:
    """A pending order whose hold has lapsed.

    Attributes:
        weight: how many offers the waitlist may make of its stock; 1 if nobody waits for its events.
    """

    id: UUID
    weight: int


@dataclass(frozen=True)
class ErasedBuyer:
    """The buyer of an order, whose name and contact are erased."""

    order_id: UUID
    email: str
