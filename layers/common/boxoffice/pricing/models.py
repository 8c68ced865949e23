"""Items to be priced, and their charges. All amounts are in the currency's minor unit."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class PricedItem:
    """What pricing needs to know of an item: a quantity of a ticket type at a unit price."""

    event_id: UUID
    ticket_type_id: UUID
    quantity: int
    unit_price: int

    @property
    def gross(self) -> int:
        """Return the price before anything is taken off or added."""
        return self.unit_price * self.quantity


@dataclass(frozen=True)
class FeeTerms:
    """What the platform keeps of each ticket that is not free, in the currency of the order.

    Attributes:
        basis_points: the part of what is paid, in hundredths of a percent.
        fixed: an amount for each ticket.
        minimum: what the fee of a ticket comes to at least, and ``maximum`` at most if there is one.
    """

    id: UUID
    basis_points: int
    fixed: int
    minimum: int
    maximum: int | None


@dataclass(frozen=True)
class Charge:
    """What an item of an order costs, in parts. An order stores its charges when it is placed, and they never change.

    Terms decide on fees and tax. In an order without terms, terms_id, buyer_fee, tax and platform_fee are all None.

    Attributes:
        terms_id: the terms that the order was placed under.
        gross: the unit price times the quantity.
        discount: what the voucher takes off.
        buyer_fee: a fee that the buyer pays on top of the price.
        tax: the tax, on top of the price or included in it.
        platform_fee: what the platform keeps of the seller's money.
        total: what the buyer pays: gross less discount, plus buyer_fee, plus tax if it is on top.
    """

    terms_id: UUID | None
    gross: int
    discount: int
    buyer_fee: int | None
    tax: int | None
    platform_fee: int | None
    total: int

    @property
    def tax_on_top(self) -> int:
        """Return the tax that is on top of the price: all of it, or 0 if the price includes the tax."""
        return self.total - (self.gross - self.discount + (self.buyer_fee or 0))
