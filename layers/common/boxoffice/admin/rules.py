"""The invariants, and the statement that looks for what contradicts each.

The schema enforces what a constraint can state; these look at the rest, and once more at that.
"""

INVARIANTS: tuple[tuple[int, str, str], ...] = (
    (1, "available, held and sold add up to a pool's quantity", "pools_that_do_not_add_up"),
    (1, "a stock row holds and has sold what its orders say", "stock_that_orders_contradict"),
    (1, "an order draws what it holds of ticket types, capacities and its voucher", "orders_that_draw_otherwise"),
    (1, "what is taken of an event's ticket types is taken of its capacity", "capacities_that_do_not_add_up"),
    (2, "no stock stays lost in a hold that has lapsed", "holds_overdue"),
    (2, "no stock stays lost in an offer that has lapsed", "offers_overdue"),
    (3, "a seat that is not free belongs to a live order or an open offer", "seats_without_owner"),
    (3, "what holds stock of a seated ticket type has as many seats", "seats_that_orders_contradict"),
    (3, "a seated ticket type's stock is its seats", "seats_that_stock_contradicts"),
    (3, "a row of seats knows how many are free together", "seat_rows_measured_wrong"),
    (3, "a paid order has exactly the tickets it bought, and only a paid one has any", "orders_with_wrong_tickets"),
    (3, "a ticket has changed hands as often as its transfers say", "tickets_with_a_broken_chain"),
    (4, "money received ends as a paid order or as a refund", "payments_without_effect"),
    (4, "money that came is kept by a paid order or goes back whole, and never more of it", "receipts_without_effect"),
    (4, "no refund and no open payment stays behind", "payments_left_behind"),
    (4, "an order that costs something is paid by exactly one payment", "orders_without_payment"),
    (5, "an idempotency key has one effect", "keys_without_effect"),
    (5, "an idempotency key that claimed a slot has its one claim", "keys_without_claim"),
    (7, "a paid order's confirmation is in the outbox", "orders_without_confirmation"),
    (7, "no message stays behind, and a failed one says why", "messages_left_behind"),
    (7, "a transfer's emails are in the outbox", "transfers_without_emails"),
    (8, "a ticket's entries are its admissions", "tickets_with_wrong_entries"),
    (8, "of those a ticket let in the earliest are admitted, the others conflicts", "entries_out_of_order"),
    (9, "a slot is taken exactly while it has its one open claim", "slots_that_claims_contradict"),
    (9, "a service has as many slots as its capacity, and none free above it", "services_that_do_not_add_up"),
    (10, "a voucher is redeemed by the orders that carry it, and not more often than allowed", "vouchers_overdrawn"),
    (11, "the audit log is chained without a gap", "audit_entries_out_of_chain"),
    (12, "an order, its items and its tickets are one organisation's", "orders_across_tenants"),
    (12, "a claim, its service and its customer are one organisation's", "claims_across_tenants"),
)
