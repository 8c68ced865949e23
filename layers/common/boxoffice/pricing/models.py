"""What is priced, and what it costs. All amounts are in the currency's minor unit."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class PricedItem:
    """A quantity of a ticket type at a unit price."""

    event_id: UUID
    ticket_type_id: UUID
    quantity: int
    unit_price: int

    @property
    def gross(self) -> int:
        """Return the price before anything is taken off or added."""
        return self.unit_price * self.quantity


@dataclass(frozen=True)
class Charge:
    """What an item of an order costs, in parts. The order stores it when it is placed, and it never changes.

    Terms decide on fees and tax: terms_id, buyer_fee, tax and platform_fee are None together in an order without terms.

    Attributes:
        terms_id: the terms that the order was placed under.
        gross: the unit price times the quantity.
        discount: what a voucher takes off.
        buyer_fee: a fee that the buyer pays on top.
        tax: the tax, on top of the price or inside it.
        platform_fee: what the platform keeps of the seller's money.
        total: what the buyer pays: gross less discount plus buyer_fee, plus tax if it is on top.
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
        """Return the tax that is on top of the price: the whole tax, or 0 if the price includes it."""
        return self.total - (self.gross - self.discount + (self.buyer_fee or 0))
