"""The invariants, each with the statement that finds the rows which contradict it.

The schema enforces what a constraint can state. The statements check the rest, and part of that again.
"""

from dataclasses import dataclass

from boxoffice.admin.models import Part


@dataclass(frozen=True)
class Invariant:
    """One check of an invariant.

    Attributes:
        number: the number of the invariant in the documentation.
        query: the name of the statement that finds the rows which contradict it.
        part: what the statement looks at. A parameter of this name has the ids; the rest has none.
    """

    number: int
    name: str
    query: str
    part: Part = "orders"


INVARIANTS = (
    Invariant(1, "available, held and sold add up to a pool's quantity", "pools_that_do_not_add_up", "pools"),
    Invariant(1, "a stock row holds and has sold what its orders say", "stock_that_orders_contradict", "events"),
    Invariant(
        1, "an order draws what it holds of ticket types, capacities and its voucher", "orders_that_draw_otherwise"
    ),
    Invariant(
        1,
        "what is taken of an event's ticket types is taken of its capacity",
        "capacities_that_do_not_add_up",
        "events",
    ),
    Invariant(2, "no stock stays lost in a hold that has lapsed", "holds_overdue", "rest"),
    Invariant(2, "what guests hold counts no longer than it is held", "guest_holds_left_behind", "rest"),
    Invariant(2, "no stock stays lost in an offer that has lapsed", "offers_overdue", "rest"),
    Invariant(3, "a seat that is not free belongs to a live order or an open offer", "seats_without_owner", "events"),
    Invariant(
        3, "what holds stock of a seated ticket type has as many seats", "seats_that_orders_contradict", "events"
    ),
    Invariant(3, "a valid ticket has its own seat of those that its order took", "tickets_without_seat"),
    Invariant(3, "a seated ticket type's stock is its seats", "seats_that_stock_contradicts", "events"),
    Invariant(3, "a row of seats knows how many are free together", "seat_rows_measured_wrong", "events"),
    Invariant(
        3, "a paid order has exactly the tickets it bought, and only a paid one has any", "orders_with_wrong_tickets"
    ),
    Invariant(3, "a ticket has changed hands as often as its transfers say", "tickets_with_a_broken_chain"),
    Invariant(3, "a paid order holds the stock of its valid tickets", "orders_that_hold_wrong_stock"),
    Invariant(3, "a ticket is refunded by one refund, and an order with its last ticket", "tickets_refunded_wrong"),
    Invariant(3, "a cancelled event keeps no order", "cancellations_left_behind", "events"),
    Invariant(4, "money received ends as a paid order or as a refund", "payments_without_effect"),
    Invariant(4, "an order gives back what was paid for it, by refunds of its payment", "orders_that_gave_back_wrong"),
    Invariant(
        4, "money that came is kept by a paid order or goes back whole, and never more of it", "money_without_effect"
    ),
    Invariant(4, "money that went back elsewhere is booked once", "reversals_booked_wrong"),
    Invariant(4, "an order whose money went back elsewhere has ended", "orders_not_ended"),
    Invariant(4, "money that needs a person is seen by one", "matters_not_opened", "rest"),
    Invariant(4, "a ticket is disputed while its payment is", "tickets_disputed_wrong"),
    Invariant(4, "no refund and no open payment stays behind", "payments_left_behind", "rest"),
    Invariant(4, "an order that costs something is paid by exactly one payment", "orders_without_payment"),
    Invariant(5, "an idempotency key has one effect", "keys_without_effect", "rest"),
    Invariant(5, "an idempotency key that claimed a slot has its one claim", "keys_without_claim", "rest"),
    Invariant(6, "the ledger's days are the sums of what was posted", "days_counted_wrong", "days"),
    Invariant(6, "an organisation's balances are the sums of its entries", "balances_counted_wrong", "organisations"),
    Invariant(6, "the books of money that came are what became of it", "books_that_payments_contradict"),
    Invariant(6, "the books say of each ticket type what its items cost", "books_that_items_contradict"),
    Invariant(6, "a payout has posted what its status says", "payouts_posted_otherwise", "rest"),
    Invariant(6, "a correction has posted its amount", "corrections_posted_otherwise", "rest"),
    Invariant(7, "a paid order's confirmation is in the outbox", "orders_without_confirmation", "rest"),
    Invariant(7, "whoever is given something back is written to", "refunds_without_email", "rest"),
    Invariant(7, "no message stays behind, and a failed one says why", "messages_left_behind", "rest"),
    Invariant(7, "no webhook stays behind", "webhooks_left_behind", "rest"),
    Invariant(7, "a transfer's emails are in the outbox", "transfers_without_emails", "rest"),
    Invariant(7, "an invitation's email is in the outbox", "invitations_without_email", "rest"),
    Invariant(8, "a ticket's entries are its admissions", "tickets_with_wrong_entries"),
    Invariant(8, "of those a ticket let in the earliest are admitted, the others conflicts", "entries_out_of_order"),
    Invariant(9, "a slot is taken exactly while it has its one open claim", "slots_that_claims_contradict", "places"),
    Invariant(
        9, "a place has as many slots as its capacity, and none free above it", "places_that_do_not_add_up", "places"
    ),
    Invariant(
        10,
        "a voucher is redeemed by the orders that carry it, and not more often than allowed",
        "vouchers_overdrawn",
        "events",
    ),
    Invariant(11, "the audit log is chained without a gap", "audit_entries_out_of_chain", "rest"),
    Invariant(11, "the audit log's personal values are those that were recorded", "audit_values_out_of_place", "rest"),
    Invariant(12, "an order, its items and its tickets are one organisation's", "orders_across_tenants"),
    Invariant(12, "an organisation has an owner", "organisations_without_owner", "rest"),
    Invariant(12, "a claim, its place and its customer are one organisation's", "claims_across_tenants", "places"),
    Invariant(13, "an order costs what its items cost", "orders_with_wrong_totals"),
    Invariant(13, "what an item costs follows from the parts of its charge", "items_with_wrong_charges"),
    Invariant(13, "an item is sold under terms of its organisation or of all", "items_with_wrong_terms"),
    Invariant(13, "the default terms of the platform's fee are the setting", "default_fees_otherwise", "rest"),
    Invariant(13, "the daily sales are the sums of what was sold and given back", "sales_counted_wrong", "events"),
    Invariant(13, "the history of an order that was paid says so once", "orders_paid_otherwise"),
)
