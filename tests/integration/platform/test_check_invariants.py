"""GET /v1/admin/invariants: in the data of a sale, each check finds its own breach and no other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import tuple_row

from boxoffice import config, db, outbox
from boxoffice.admin import service
from boxoffice.admin.rules import INVARIANTS
from boxoffice.tickets import service as tickets
from tests.helpers import factories, ledgers, payers, sellers
from tests.helpers.doors import Doors, offline
from tests.helpers.sellers import Shop
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Answer, Client, Postgres, all_functions

NAMES = {each.query: each.name for each in INVARIANTS}
QUERIES = {name: query for query, name in NAMES.items()}


# ---------------------------------------------------------------------------------------------------- the sale


@dataclass
class Sale(Shop):
    """The data of a sale with every kind of row, all of it made by the functions.

    The shop's own event is plain; the gala has a capacity, vouchers and seats; the small one sells to a waitlist.
    """

    api: Client

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ids: dict[str, Any] = {}

    def done(self, answer: Answer) -> Any:
        assert answer.status < 300, answer.body
        return answer.json

    def buy(self, name: str, *items: tuple[UUID, int], **more: Any) -> UUID:
        """Place an order. Breaches refer to it by this name."""
        wanted = [{"ticket_type_id": str(ticket_type), "quantity": quantity} for ticket_type, quantity in items]
        request = factories.order_request(uuid4(), items=wanted, **more)
        order = UUID(self.done(self.api.post("/v1/orders", request, key="new"))["id"])
        self.ids[name] = order
        return order

    def sell(self, name: str, *items: tuple[UUID, int], **more: Any) -> UUID:
        """Place an order that is paid in cash. Its tickets are called ``<name>_1`` and so on."""
        order = self.buy(name, *items, **more)
        self.done(sellers.mark_paid(self.api, self, order))
        for number, ticket in enumerate(sellers.tickets_of(self.conn, order), 1):
            self.ids[f"{name}_{number}"] = ticket
        return order

    def give_back(self, order: UUID, **what: Any) -> UUID:
        return UUID(self.done(sellers.refund(self.api, self, order, **what))["id"])


def open_sale(conn: Connection) -> Sale:
    api = Client()
    sale = Sale(conn, api)
    ids = sale.ids
    ledgers.correct(conn, sale.organisation, 500)
    ledgers.count(conn)  # all that follows is not counted
    ids["correction"] = ledgers.correct(conn, sale.organisation, 70)
    rival = factories.organisation(conn)
    rivals_event = factories.event(conn, organisation_id=rival)
    gala, small = (factories.event(conn, organisation_id=sale.organisation) for _ in range(2))
    sale.done(api.patch(f"/v1/events/{gala}", {"capacity": 60}, account=sale.manager))
    plain = sale.ticket_type(quantity=40)
    standing = sale.ticket_type(event_id=gala, quantity=30)
    box = sale.ticket_type(event_id=gala, quantity=1, ticket_mode="choice")
    rows = [{"section": "Stalls", "row": row, "numbers": ["1", "2", "3", "4", "5"]} for row in "AB"]
    sale.done(api.put(f"/v1/ticket-types/{box}/seats", {"rows": rows}, account=sale.manager))
    last = sale.ticket_type(event_id=small, quantity=2)
    voucher = {"code": "TENTH", "discount": {"kind": "percent", "percent": 10}, "max_redemptions": 5}
    ids["voucher"] = sale.done(api.post(f"/v1/events/{gala}/vouchers", voucher, account=sale.manager))["id"]
    (ids["row"],) = row_of(conn, "SELECT id FROM seat_rows WHERE ticket_type_id = %s ORDER BY rank LIMIT 1", box)
    ids |= {"organisation": sale.organisation, "manager": sale.manager, "plain_event": sale.event, "gala": gala}
    ids |= {"small": small, "plain": plain, "standing": standing, "box": box, "last": last}
    ids |= {"rival": rival, "rivals_event": rivals_event, "rivals_voucher": factories.voucher(conn, rivals_event)}
    ids |= {"naira": "NGN", "shilling": "KES", "rivals_terms": factories.fee_terms(conn, rival)}
    ids["unsold"] = factories.ticket_type(conn, event_id=rivals_event)
    ids["invitation"], _ = factories.invitation(conn, sale.organisation)

    sell_tickets(sale)
    take_and_return_money(sale)
    offer_to_the_waitlist(sale)
    open_doors(sale)
    keep_coats(sale)
    set_terms(sale)
    pay_out(sale)
    for name in ("plain", "standing", "box", "last", "unsold"):
        (ids[f"{name}_pool"],) = row_of(conn, "SELECT pool_id FROM ticket_types WHERE id = %s", ids[name])
    unsold = "SELECT row_no FROM stock WHERE pool_id = %s AND held + sold = 0 LIMIT 1"
    (ids["free_row"],) = row_of(conn, unsold, ids["plain_pool"])
    (ids["capacity_pool"],) = row_of(conn, "SELECT capacity_pool_id FROM events WHERE id = %s", gala)
    ids["endpoint"] = factories.webhook_endpoint(conn, sale.organisation)
    factories.webhook_delivery(conn, ids["endpoint"])
    (ids["voucher_pool"],) = row_of(conn, "SELECT pool_id FROM vouchers WHERE id = %s", ids["voucher"])
    return sale


def sell_tickets(sale: Sale) -> None:
    ids = sale.ids
    plain, standing, box = ids["plain"], ids["standing"], ids["box"]
    sale.buy("pending", (plain, 2))
    sale.buy("pending_guest", (standing, 2))
    sale.buy("pending_seat", (box, 1))
    sale.sell("paid", (plain, 2))
    sale.sell("discounted", (standing, 2), voucher="TENTH")
    sale.sell("discounted_too", (standing, 1), voucher="TENTH")
    sale.sell("seated", (box, 2))
    sale.sell("seated_group", (box, 2), ticket_mode="group")
    cancelled = sale.buy("cancelled", (plain, 1))
    sale.done(sale.api.post(f"/v1/orders/{cancelled}/cancel", account=sale.manager))


def take_and_return_money(sale: Sale) -> None:
    api, conn, ids = sale.api, sale.conn, sale.ids
    plain, standing, box = ids["plain"], ids["standing"], ids["box"]
    partly = sale.sell("partly", (plain, 2), (standing, 2), (box, 2))
    ids["partly_refund"] = sale.give_back(partly, ticket_ids=[str(ids[f"partly_{number}"]) for number in (1, 3, 5)])
    ids["rebate"] = sale.give_back(sale.sell("rebated", (plain, 1)), amount=500)
    other = sale.ticket_type(quantity=10)
    ids["other"] = other
    ids["whole_refund"] = sale.give_back(sale.sell("refunded", (plain, 1), (other, 1)), whole=True)

    asked = sale.buy("asked", (plain, 1))
    ids["payment"] = payers.started(api, asked)["id"]
    short = sale.buy("short", (plain, 1))
    came_short = payers.started(api, short)
    sale.done(payers.tell(api, came_short, amount=1))
    ids["short_payment"], ids["short_incoming"] = money_for(conn, short)
    (ids["rebate_refund"],) = row_of(conn, "SELECT refund_id FROM order_refunds WHERE id = %s", ids["rebate"])
    take_back_money(sale, "reversed", "refund.created")
    take_back_money(sale, "disputed", "dispute.opened")
    body = json.dumps({"order": "KKKK-7777", "status": "PAID"}).encode()
    sale.done(api.post("/v1/webhooks/generic", body, headers=payers.prove("generic", body)))
    (ids["unknown"],) = row_of(conn, "SELECT event_id FROM provider_events WHERE effect = 'unknown_payment'")
    for name in ("paid", "rebated", "refunded"):
        ids[f"{name}_payment"], ids[f"{name}_incoming"] = money_for(conn, ids[name])


def set_terms(sale: Sale) -> None:
    """Give the organisation terms of the platform's fee, under which nothing is sold yet."""
    sale.ids["terms"] = factories.fee_terms(sale.conn, sale.organisation)


def pay_out(sale: Sale) -> None:
    """Pay some of the organisation's money out."""
    factories.funds(sale.conn, sale.organisation, 100_000)
    method = factories.payout_method(sale.conn, sale.organisation)
    for status in ("requested", "approved", "sent"):
        sale.ids[f"{status}_payout"] = factories.payout(sale.conn, method, factories.account(sale.conn), status=status)


def take_back_money(sale: Sale, name: str, kind: Any) -> None:
    """Sell a ticket at the sandbox. A part of its money then goes back there, or may."""
    order = sale.buy(name, (sale.ids["plain"], 1))
    payment = payers.started(sale.api, order)
    sale.done(payers.tell(sale.api, payment))
    sale.done(payers.tell(sale.api, payment, kind, amount=100, reference=f"re_{name}"))
    sale.ids[f"{name}_payment"], sale.ids[f"{name}_incoming"] = money_for(sale.conn, order)
    query = "SELECT id FROM reversals WHERE incoming_payment_id = %s"
    (sale.ids[f"{name}_reversal"],) = row_of(sale.conn, query, sale.ids[f"{name}_incoming"])
    (sale.ids[f"{name}_1"],) = sellers.tickets_of(sale.conn, order)


def money_for(conn: Connection, order: UUID) -> Any:
    """Return the ids of an order's payment and of its incoming payment."""
    query = """SELECT payments.id, incoming_payments.id FROM payments JOIN incoming_payments ON payment_id = payments.id
        WHERE order_id = %s"""
    return row_of(conn, query, order)


def offer_to_the_waitlist(sale: Sale) -> None:
    api, conn, ids = sale.api, sale.conn, sale.ids
    gone = sale.buy("gone", (ids["last"], 2))
    factories.waitlist_entry(conn, ids["last"], quantity=1, email="waiting@example.com")
    late = payers.started(api, gone)
    sale.done(api.post(f"/v1/orders/{gone}/cancel", account=sale.manager))
    ids["entry"], status = row_of(conn, "SELECT id, status FROM waitlist_entries")
    assert status == "offered"
    sale.buy("pending_last", (ids["last"], 1))
    sale.done(payers.tell(api, late))
    ids["returned_payment"], ids["returned_incoming"] = money_for(conn, gone)


def open_doors(sale: Sale) -> None:
    api, conn, ids = sale.api, sale.conn, sale.ids
    scanner = factories.member(conn, sale.organisation, "scanner")
    doors = Doors(api, conn, sale.organisation, sale.event, scanner, sale.manager)
    contested, sent = tickets.list_for_order(conn, sale.sell("at_the_door", (ids["plain"], 2)))
    ids |= {"contested": contested.id, "sent": sent.id}
    sale.done(doors.sync("A", offline(1, contested, 20)))
    sale.done(doors.sync("B", offline(1, contested, 10)))
    (ids["conflict"],) = row_of(conn, "SELECT id FROM scans WHERE outcome = 'already_scanned'")
    doors.transfer(sent)
    (ids["transfer"],) = row_of(conn, "SELECT id FROM transfers")
    ids["started_transfer"] = factories.transfer(conn, ids["paid_1"])


def keep_coats(sale: Sale) -> None:
    sale.ids["cloakroom"] = factories.place(sale.conn, organisation_id=sale.organisation, event_id=sale.event)
    sale.ids["claim"], _ = factories.claim(sale.conn, sale.ids["cloakroom"])
    released, _ = factories.claim(sale.conn, sale.ids["cloakroom"])
    sale.done(sale.api.post(f"/v1/claims/{released}/release", account=sale.manager))


def row_of(conn: Connection, query: str, *params: Any) -> Any:
    row = conn.cursor(row_factory=tuple_row).execute(query, params).fetchone()
    assert row is not None
    return row


@pytest.fixture(scope="module")
def data(postgres: Postgres, aws_url: str) -> Iterator[tuple[Connection, dict[str, Any]]]:
    """Yield a connection of the database's owner, and the ids of the data by name."""
    with postgres.clone() as database:
        with pytest.MonkeyPatch.context() as env, db.Connection.connect(database.api_url, autocommit=True) as conn:
            env.setenv("DATABASE_URL", database.api_url)
            env.setenv("EMAIL_QUEUE_URL", f"{aws_url}/nobody-listens")
            env.setattr(outbox, "enqueue", lambda _: None)
            config.settings.cache_clear()
            all_functions()
            ids = open_sale(conn).ids
        db.disconnect()
        config.settings.cache_clear()
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            yield owner, ids


# ------------------------------------------------------------------------------------------------- the breaches


@dataclass(frozen=True)
class Breach:
    """Statements that break an invariant, a part of the rows that show it, and the checks that find it."""

    query: str
    story: str
    shows: str
    statements: tuple[str, ...]
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.query}: {self.story}"


def breach(query: str, story: str, shows: str, *statements: str, also: tuple[str, ...] = ()) -> Breach:
    return Breach(query, story, shows, statements, also)


def stock(change: str, order: str, pool: str) -> str:
    """Return a statement that changes the row of stock from which an order draws in a pool."""
    return f"""UPDATE stock SET {change} FROM orders CROSS JOIN unnest(draws) AS draw WHERE orders.id = %({order})s
        AND draw.pool_id = %({pool})s AND stock.pool_id = draw.pool_id AND stock.row_no = draw.row_no"""


def draws(order: str, pool: str, quantity: str = "quantity", row_no: str = "row_no") -> str:
    """Return a statement that changes an order's draw from a pool."""
    return f"""UPDATE orders SET draws = (SELECT array_agg(CASE WHEN pool_id = %({pool})s
        THEN (pool_id, {row_no}, {quantity})::draw ELSE (pool_id, row_no, quantity)::draw END) FROM unnest(draws))
        WHERE id = %({order})s"""


def charged(order: str, *, discount: int, fee: int, tax: int, added: int) -> str:
    """Return a statement that charges an item under terms, so that it costs ``added`` more."""
    return f"""UPDATE order_items SET discount = {discount}, terms_id = %(terms)s, buyer_fee = {fee}, tax = {tax},
        platform_fee = 10, total = total + {added} WHERE order_id = %({order})s"""


def under(terms: str, platform_fee: str = "0") -> str:
    """Return a statement that sells an item under terms."""
    return f"""UPDATE order_items SET terms_id = {terms}, buyer_fee = 0, tax = 0, platform_fee = {platform_fee}
        WHERE order_id = %(pending)s"""


NOBODY = "gen_random_uuid()"
UNSOLD = "pool_id = %(plain_pool)s AND row_no = %(free_row)s"
OVERDUE = "now() - interval '11 minutes'"


def guest_hold(order: str, until: str) -> str:
    """Return a statement that holds a ticket for a guest, for an order or under an id that no order has."""
    return f"""INSERT INTO guest_holds (order_id, event_id, request_id, network, mailbox, quantity, is_free, until)
        VALUES ({order}, {NOBODY}, {NOBODY}, '203.0.113.7', 'ada@example.com', 1, false, {until})"""


def posted_too(incoming: str, kind: str, amount: str = "amount") -> str:
    """Return a statement that posts a transfer for some money, like its sale, but of another kind and amount."""
    return f"""INSERT INTO ledger_transfers (id, organisation_id, kind, holder, currency, amount, source_id, posting_no,
            line_no, order_id, event_id, ticket_type_id)
        SELECT {NOBODY}, organisation_id, '{kind}', holder, currency, {amount}, source_id, 100, line_no, order_id,
            event_id, ticket_type_id
        FROM ledger_transfers WHERE source_id = %({incoming})s AND kind = 'sale'"""


BOOKS = ("books_that_payments_contradict",)
"""What finds money that was changed without a word to the books."""

BREACHES = [
    # 6: the ledger
    breach(
        "days_counted_wrong",
        "a transfer was counted twice",
        "organisation",
        "UPDATE ledger_days SET transfers = transfers + 1 WHERE kind = 'correction'",
    ),
    breach(
        "days_counted_wrong",
        "transfers were passed over",
        "organisation",
        "UPDATE ledger_state SET counted = pg_current_snapshot()",
    ),
    breach(
        "days_counted_wrong",
        "money moved on a day that has no transfers",
        "organisation",
        """WITH moved AS (UPDATE ledger_days SET day = '2020-02-29' WHERE kind = 'correction' RETURNING 1)
        SELECT FROM moved""",
    ),
    breach(
        "balances_counted_wrong",
        "a balance has grown by itself",
        "organisation",
        "UPDATE ledger_balances SET amount = amount + 1 WHERE account = 'available'",
    ),
    breach(
        "balances_counted_wrong",
        "a balance is gone",
        "organisation",
        "DELETE FROM ledger_balances WHERE account = 'available'",
    ),
    # 13: the daily sales
    breach(
        "sales_counted_wrong",
        "a sale was counted that nobody has made",
        "plain",
        "INSERT INTO daily_sales SELECT event_id, current_date, id, 1, 1, 5, 0, 0, 0, 0, 5, 0, 0 FROM ticket_types "
        "WHERE id = %(plain)s",
    ),
    breach(
        "sales_counted_wrong",
        "sales were passed over",
        "plain",
        "UPDATE daily_sales_state SET counted = pg_current_snapshot()",
    ),
    breach(
        "orders_paid_otherwise",
        "an order was paid twice",
        "paid",
        """INSERT INTO order_history (order_id, from_status, to_status, reason)
        VALUES (%(paid)s, 'pending', 'paid', '')""",
    ),
    breach(
        "orders_paid_otherwise",
        "an order was paid, and its history does not say so",
        "paid",
        "DELETE FROM order_history WHERE order_id = %(paid)s",
    ),
    # 1: stock
    breach(
        "pools_that_do_not_add_up",
        "a ticket too many is for sale",
        "plain_pool",
        f"UPDATE stock SET available = available + 1 WHERE {UNSOLD}",
    ),
    breach(
        "pools_that_do_not_add_up",
        "a pool without stock",
        "unsold_pool",
        "DELETE FROM stock WHERE pool_id = %(unsold_pool)s",
    ),
    breach(
        "stock_that_orders_contradict",
        "a ticket is held for nobody",
        "plain_pool",
        f"UPDATE stock SET available = available - 1, held = held + 1 WHERE {UNSOLD}",
    ),
    breach(
        "stock_that_orders_contradict",
        "a ticket is sold to nobody",
        "plain_pool",
        f"UPDATE stock SET available = available - 1, sold = sold + 1 WHERE {UNSOLD}",
    ),
    breach(
        "stock_that_orders_contradict",
        "an order holds stock of a row that is not there",
        "plain_pool",
        stock("held = held - quantity, available = available + quantity", "pending", "plain_pool"),
        draws("pending", "plain_pool", row_no="99::smallint"),
    ),
    breach(
        "stock_that_orders_contradict",
        "an offer ended and left its stock",
        "last_pool",
        "UPDATE waitlist_entries SET status = 'lapsed' WHERE id = %(entry)s",
    ),
    breach(
        "orders_that_draw_otherwise",
        "an item is more than its order holds",
        "pending",
        "UPDATE order_items SET quantity = quantity + 1, discount = discount + unit_price WHERE order_id = %(pending)s",
    ),
    breach(
        "orders_that_draw_otherwise",
        "an order holds what it has no item of",
        "pending_guest",
        f"UPDATE stock SET available = available - 1, held = held + 1 WHERE {UNSOLD}",
        "UPDATE orders SET draws = draws || (%(plain_pool)s, %(free_row)s, 1)::draw WHERE id = %(pending_guest)s",
    ),
    breach(
        "orders_that_draw_otherwise",
        "an order holds the capacity that another one needs",
        "pending_guest",
        draws("pending_guest", "capacity_pool", quantity="quantity - 1"),
        """UPDATE orders SET draws = orders.draws || (draw.pool_id, draw.row_no, 1)::draw
        FROM orders AS robbed CROSS JOIN unnest(robbed.draws) AS draw
        WHERE robbed.id = %(pending_guest)s AND draw.pool_id = %(capacity_pool)s AND orders.id = %(pending_seat)s""",
    ),
    breach(
        "orders_that_draw_otherwise",
        "an order has a voucher's price without a redemption",
        "discounted",
        "UPDATE orders SET voucher_id = %(voucher)s WHERE id = %(pending_guest)s",
        "UPDATE orders SET voucher_id = NULL WHERE id = %(discounted)s",
    ),
    breach(
        "capacities_that_do_not_add_up",
        "a ticket is not counted against its event's capacity",
        "gala",
        stock("sold = sold - 1, available = available + 1", "partly", "capacity_pool"),
        draws("partly", "capacity_pool", quantity="quantity - 1"),
    ),
    # 2: what lapses
    breach(
        "holds_overdue",
        "a hold that nobody ended",
        "pending",
        f"UPDATE orders SET expires_at = {OVERDUE} WHERE id = %(pending)s",
    ),
    breach(
        "holds_overdue",
        "a hold that waits for its provider for ever",
        "asked",
        "UPDATE orders SET expires_at = now() - interval '26 minutes' WHERE id = %(asked)s",
    ),
    breach(
        "offers_overdue",
        "an offer that nobody ended",
        "entry",
        f"UPDATE waitlist_entries SET expires_at = {OVERDUE} WHERE id = %(entry)s",
    ),
    breach(
        "guest_holds_left_behind",
        "an order is paid, and its hold goes on",
        "paid",
        guest_hold("%(paid)s", "now() + interval '5 minutes'"),
    ),
    breach(
        "guest_holds_left_behind",
        "a hold without an order that nobody ended",
        "paid_1",
        guest_hold("%(paid_1)s", OVERDUE),
    ),
    # 3: seats
    breach(
        "seats_without_owner",
        "a seat is sold before it is paid",
        "pending_seat",
        "UPDATE seats SET sold = true WHERE owner_id = %(pending_seat)s",
    ),
    breach(
        "seats_without_owner",
        "a seat is only held though it is paid",
        "seated",
        "UPDATE seats SET sold = false WHERE owner_id = %(seated)s",
    ),
    breach(
        "seats_without_owner",
        "a seat's order was cancelled",
        "cancelled",
        "UPDATE seats SET owner_id = %(cancelled)s WHERE owner_id = %(pending_seat)s",
        also=("seats_that_orders_contradict",),
    ),
    breach(
        "seats_without_owner",
        "a seat's owner does not exist",
        "plain",
        "UPDATE seats SET owner_id = %(plain)s WHERE owner_id = %(pending_seat)s",
        also=("seats_that_orders_contradict",),
    ),
    breach(
        "seats_that_orders_contradict",
        "one order's seat is another's",
        "pending_seat",
        "UPDATE seats SET owner_id = %(pending)s WHERE owner_id = %(pending_seat)s",
    ),
    breach(
        "tickets_without_seat",
        "two tickets have one seat",
        "seated_2",
        "UPDATE order_items SET seat_ids[2] = seat_ids[1] WHERE order_id = %(seated)s",
    ),
    breach(
        "tickets_without_seat",
        "a ticket says another seat than it has",
        "seated_1",
        "UPDATE tickets SET seat = 'Stalls · Row Z · 1' WHERE id = %(seated_1)s",
    ),
    breach(
        "tickets_without_seat",
        "a group has a seat too few",
        "seated_group_1",
        "UPDATE order_items SET seat_ids = seat_ids[1:1] WHERE order_id = %(seated_group)s",
    ),
    breach(
        "seats_that_stock_contradicts",
        "there is stock without a seat",
        "box",
        "UPDATE stock_pools SET quantity = quantity + 1 WHERE id = %(box_pool)s",
        "UPDATE stock SET available = available + 1 WHERE pool_id = %(box_pool)s AND row_no = 0",
    ),
    breach(
        "seat_rows_measured_wrong",
        "a row counts a seat too many",
        "row",
        "UPDATE seat_rows SET longest_free = longest_free + 1 WHERE id = %(row)s",
    ),
    # 3: tickets
    breach(
        "orders_with_wrong_tickets",
        "a ticket was not issued",
        "partly",
        """UPDATE order_items SET quantity = quantity + 1, discount = discount + unit_price
        WHERE order_id = %(partly)s AND item_no = 1""",
    ),
    breach(
        "orders_with_wrong_tickets",
        "a ticket was issued for another item",
        "refunded",
        """UPDATE tickets SET item_no = 1, position = 2, ticket_type_id = (
            SELECT ticket_type_id FROM order_items WHERE order_id = %(refunded)s AND item_no = 1)
        WHERE order_id = %(refunded)s AND item_no = 2""",
    ),
    breach(
        "orders_with_wrong_tickets",
        "an order has tickets before it is paid",
        "pending",
        "UPDATE tickets SET order_id = %(pending)s, position = 3 WHERE id = %(paid_2)s",
        also=("orders_that_hold_wrong_stock",),
    ),
    breach(
        "orders_with_wrong_tickets",
        "a ticket of no order",
        "other",
        "UPDATE tickets SET order_id = %(other)s WHERE id = %(paid_2)s",
        also=("orders_that_hold_wrong_stock",),
    ),
    breach(
        "tickets_with_a_broken_chain",
        "a holder is missing",
        "sent",
        "DELETE FROM transfers WHERE id = %(transfer)s",
    ),
    breach(
        "tickets_with_a_broken_chain",
        "the chain has a gap",
        "sent",
        "UPDATE transfers SET transfer_count = 2 WHERE id = %(transfer)s",
    ),
    breach(
        "orders_that_hold_wrong_stock",
        "a valid ticket's stock is for sale again",
        "partly",
        stock("sold = sold - 1, available = available + 1", "partly", "plain_pool"),
        draws("partly", "plain_pool", quantity="quantity - 1"),
    ),
    breach(
        "tickets_refunded_wrong",
        "a ticket ended without a refund",
        "partly_1",
        "UPDATE order_refunds SET ticket_ids = array_remove(ticket_ids, %(partly_1)s) WHERE id = %(partly_refund)s",
    ),
    breach(
        "tickets_refunded_wrong",
        "a ticket was refunded twice",
        "partly_1",
        "UPDATE order_refunds SET ticket_ids = ticket_ids || %(partly_1)s WHERE id = %(partly_refund)s",
    ),
    breach(
        "tickets_refunded_wrong",
        "a refunded ticket is valid",
        "partly_2",
        "UPDATE order_refunds SET ticket_ids = ticket_ids || %(partly_2)s WHERE id = %(partly_refund)s",
    ),
    breach(
        "tickets_refunded_wrong",
        "a refund names another order's ticket",
        "paid_1",
        "UPDATE order_refunds SET ticket_ids = ticket_ids || %(paid_1)s WHERE id = %(partly_refund)s",
    ),
    breach(
        "tickets_refunded_wrong",
        "an order without a valid ticket is not refunded",
        "refunded",
        "UPDATE orders SET status = 'partially_refunded' WHERE id = %(refunded)s",
    ),
    breach(
        "cancellations_left_behind",
        "an event was finished too early",
        "plain_event",
        """UPDATE events SET status = 'cancelled', cancelled_at = now(), cancellation_finished_at = now()
        WHERE id = %(plain_event)s""",
    ),
    breach(
        "cancellations_left_behind",
        "a cancelled event that nobody finishes",
        "plain_event",
        "UPDATE events SET status = 'cancelled', cancelled_at = now() - interval '2 days' WHERE id = %(plain_event)s",
    ),
    breach(
        "cancellations_left_behind",
        "a finished event has an order that is pending",
        "small",
        """UPDATE events SET status = 'cancelled', cancelled_at = now(), cancellation_finished_at = now()
        WHERE id = %(small)s""",
    ),
    # 4: money
    breach(
        "payments_without_effect",
        "money pays an order that was cancelled",
        "returned_payment",
        "UPDATE payments SET status = 'succeeded' WHERE id = %(returned_payment)s",
        "UPDATE incoming_payments SET pays_order = true, refunded = 0 WHERE id = %(returned_incoming)s",
        "DELETE FROM refunds WHERE incoming_payment_id = %(returned_incoming)s",
        also=(*BOOKS, "books_that_items_contradict"),
    ),
    breach(
        "payments_without_effect",
        "a payment without money",
        "paid_payment",
        "DELETE FROM incoming_payments WHERE id = %(paid_incoming)s",
    ),
    breach(
        "payments_without_effect",
        "less money came than was asked for",
        "paid_payment",
        "UPDATE incoming_payments SET amount = amount - 1 WHERE id = %(paid_incoming)s",
        also=BOOKS,
    ),
    breach(
        "payments_without_effect",
        "money came in another currency",
        "paid_payment",
        "UPDATE incoming_payments SET currency = 'USD' WHERE id = %(paid_incoming)s",
        also=BOOKS,
    ),
    breach(
        "payments_without_effect",
        "an order was paid with less than it costs",
        "paid_payment",
        "UPDATE payments SET amount = amount - 1 WHERE id = %(paid_payment)s",
        "UPDATE incoming_payments SET amount = amount - 1 WHERE id = %(paid_incoming)s",
        also=BOOKS,
    ),
    breach(
        "payments_without_effect",
        "an order was paid in another currency",
        "paid_payment",
        "UPDATE payments SET currency = 'USD' WHERE id = %(paid_payment)s",
        "UPDATE incoming_payments SET currency = 'USD' WHERE id = %(paid_incoming)s",
        also=BOOKS,
    ),
    breach(
        "payments_without_effect",
        "a payment is returned without a refund",
        "returned_payment",
        "DELETE FROM refunds WHERE incoming_payment_id = %(returned_incoming)s",
        "DELETE FROM incoming_payments WHERE id = %(returned_incoming)s",
    ),
    breach(
        "orders_that_gave_back_wrong",
        "a refund is less than the books say",
        "partly",
        "UPDATE order_refunds SET amount = amount + 1 WHERE id = %(partly_refund)s",
    ),
    breach(
        "orders_that_gave_back_wrong",
        "an order's refund went to another order's payer",
        "rebated",
        """UPDATE refunds SET (payment_id, incoming_payment_id) = (%(paid_payment)s, %(paid_incoming)s)
        WHERE id = (SELECT refund_id FROM order_refunds WHERE id = %(rebate)s)""",
        "UPDATE incoming_payments SET refunded = 500 WHERE id = %(paid_incoming)s",
        """UPDATE incoming_payments SET refunded = 0
        WHERE payment_id = (SELECT id FROM payments WHERE order_id = %(rebated)s)""",
        also=BOOKS,
    ),
    breach(
        "orders_that_gave_back_wrong",
        "more was given back than was paid",
        "refunded",
        "ALTER TABLE incoming_payments DROP CONSTRAINT incoming_payments_refunded",
        "UPDATE order_refunds SET amount = amount + 1 WHERE id = %(whole_refund)s",
        """UPDATE refunds SET amount = amount + 1
        WHERE id = (SELECT refund_id FROM order_refunds WHERE id = %(whole_refund)s)""",
        """UPDATE incoming_payments SET refunded = refunded + 1
        WHERE payment_id = (SELECT id FROM payments WHERE order_id = %(refunded)s)""",
        also=(
            *BOOKS,
            "money_without_effect",
        ),
    ),
    breach(
        "orders_that_gave_back_wrong",
        "a refunded order kept some money",
        "refunded",
        "UPDATE order_refunds SET amount = amount - 1 WHERE id = %(whole_refund)s",
        """UPDATE refunds SET amount = amount - 1
        WHERE id = (SELECT refund_id FROM order_refunds WHERE id = %(whole_refund)s)""",
        """UPDATE incoming_payments SET refunded = refunded - 1
        WHERE payment_id = (SELECT id FROM payments WHERE order_id = %(refunded)s)""",
        also=BOOKS,
    ),
    breach(
        "orders_that_gave_back_wrong",
        "an order gave back and does not say so",
        "rebated",
        "UPDATE orders SET status = 'paid' WHERE id = %(rebated)s",
    ),
    breach(
        "orders_that_gave_back_wrong",
        "an order says it gave back and has not",
        "paid",
        "UPDATE orders SET status = 'partially_refunded' WHERE id = %(paid)s",
    ),
    breach(
        "money_without_effect",
        "a refund that the incoming payment does not know of",
        "paid_incoming",
        f"""INSERT INTO refunds (id, payment_id, incoming_payment_id, amount, currency, reason)
        VALUES ({NOBODY}, %(paid_payment)s, %(paid_incoming)s, 1, 'NGN', 'twice')""",
    ),
    breach(
        "money_without_effect",
        "money that pays nothing was not all returned",
        "returned_incoming",
        "UPDATE incoming_payments SET amount = amount + 1 WHERE id = %(returned_incoming)s",
        also=BOOKS,
    ),
    breach(
        "money_without_effect",
        "more money came than was asked for, and the rest was not returned",
        "paid_incoming",
        "UPDATE incoming_payments SET amount = amount + 1 WHERE id = %(paid_incoming)s",
        also=BOOKS,
    ),
    breach(
        "money_without_effect",
        "money pays an order by a payment that has not succeeded",
        "payment",
        f"""INSERT INTO incoming_payments
            (id, payment_id, provider, merchant_id, reference, amount, currency, pays_order)
        SELECT {NOBODY}, id, provider, merchant_id, 'early', amount, currency, true
        FROM payments WHERE id = %(payment)s""",
        also=(*BOOKS, "books_that_items_contradict"),
    ),
    breach(
        "money_without_effect",
        "money went back to another payer",
        "short_incoming",
        "UPDATE refunds SET payment_id = %(paid_payment)s WHERE incoming_payment_id = %(short_incoming)s",
    ),
    breach(
        "money_without_effect",
        "money went back in another currency",
        "short_incoming",
        "UPDATE refunds SET currency = 'USD' WHERE incoming_payment_id = %(short_incoming)s",
    ),
    breach(
        "money_without_effect",
        "money that pays nothing went back elsewhere, and was sent as well",
        "short_incoming",
        "ALTER TABLE incoming_payments DROP CONSTRAINT incoming_payments_refunded",
        "UPDATE incoming_payments SET refunded_elsewhere = 1 WHERE id = %(short_incoming)s",
        f"""INSERT INTO reversals (id, provider, merchant_id, kind, reference, payment_id, money_reference,
            incoming_payment_id, amount, currency, status, reason, booked)
        SELECT {NOBODY}, provider, merchant_id, 'refund', 're', payment_id, reference, id, 1, currency, 'made', '', 1
        FROM incoming_payments WHERE id = %(short_incoming)s""",
        also=BOOKS,
    ),
    breach(
        "reversals_booked_wrong",
        "what went back elsewhere is not booked",
        "reversed_incoming",
        "UPDATE incoming_payments SET refunded_elsewhere = 0 WHERE id = %(reversed_incoming)s",
    ),
    breach(
        "reversals_booked_wrong",
        "more is booked than went back",
        "reversed_incoming",
        "UPDATE incoming_payments SET refunded_elsewhere = 101 WHERE id = %(reversed_incoming)s",
        "UPDATE reversals SET booked = 101 WHERE id = %(reversed_reversal)s",
        also=BOOKS,
    ),
    breach(
        "reversals_booked_wrong",
        "a refund that failed is booked",
        "reversed_incoming",
        "UPDATE reversals SET status = 'failed' WHERE id = %(reversed_reversal)s",
        also=BOOKS,
    ),
    breach(
        "reversals_booked_wrong",
        "a refund counts as sent what never went back",
        "paid_incoming",
        f"""INSERT INTO refunds (id, payment_id, incoming_payment_id, amount, elsewhere, currency, reason, status)
        VALUES ({NOBODY}, %(paid_payment)s, %(paid_incoming)s, 1, 1, 'NGN', 'gone', 'succeeded')""",
    ),
    breach(
        "orders_not_ended",
        "all money went back and nobody ends the order",
        "reversed",
        f"UPDATE incoming_payments SET ends_order_at = {OVERDUE} WHERE id = %(reversed_incoming)s",
    ),
    breach(
        "orders_not_ended",
        "a lost dispute ended nothing",
        "disputed",
        "UPDATE reversals SET status = 'lost' WHERE id = %(disputed_reversal)s",
        also=(
            *BOOKS,
            "tickets_disputed_wrong",
        ),
    ),
    breach(
        "matters_not_opened",
        "nobody knows that a refund is to be made by hand",
        "rebate_refund",
        "UPDATE money_matters SET settled_at = now(), resolution = 'done' WHERE refund_id = %(rebate_refund)s",
    ),
    breach(
        "matters_not_opened",
        "nobody sees a dispute",
        "disputed_reversal",
        "DELETE FROM money_matters WHERE kind = 'dispute' AND subject = %(disputed_reversal)s::text",
    ),
    breach(
        "matters_not_opened",
        "money that names no order is dropped",
        "unknown",
        "DELETE FROM money_matters WHERE kind = 'unknown_payment'",
    ),
    breach(
        "tickets_disputed_wrong",
        "a disputed ticket does not say so",
        "disputed_1",
        "UPDATE tickets SET disputed = false WHERE id = %(disputed_1)s",
    ),
    breach(
        "tickets_disputed_wrong",
        "a ticket says that it is disputed and is not",
        "paid_1",
        "UPDATE tickets SET disputed = true WHERE id = %(paid_1)s",
    ),
    breach(
        "payments_left_behind",
        "a provider that nobody asks",
        "payment",
        f"UPDATE payments SET ask_at = {OVERDUE} WHERE id = %(payment)s",
    ),
    breach(
        "payments_left_behind",
        "a refund that nobody sends",
        "short_payment",
        f"UPDATE refunds SET id = %(short_payment)s, due_at = {OVERDUE} WHERE incoming_payment_id = %(short_incoming)s",
    ),
    breach(
        "orders_without_payment",
        "an order was paid without a payment",
        "paid",
        "UPDATE payments SET status = 'failed' WHERE id = %(paid_payment)s",
        "DELETE FROM incoming_payments WHERE id = %(paid_incoming)s",
    ),
    breach(
        "orders_without_payment",
        "an order gave back what it never got",
        "rebated",
        "DELETE FROM incoming_payments WHERE payment_id = (SELECT id FROM payments WHERE order_id = %(rebated)s)",
        "UPDATE payments SET status = 'failed' WHERE order_id = %(rebated)s",
    ),
    # 6: the books
    breach(
        "books_that_payments_contradict",
        "a refund is in no books",
        "refunded_incoming",
        "DELETE FROM ledger_transfers WHERE source_id = %(refunded_incoming)s AND kind = 'refund'",
    ),
    breach(
        "books_that_payments_contradict",
        "a refund was posted that nobody has sent",
        "refunded_incoming",
        posted_too("refunded_incoming", "refund_sent"),
    ),
    breach(
        "books_that_payments_contradict",
        "the platform's books have money that an organisation took itself",
        "paid_incoming",
        "UPDATE ledger_transfers SET holder = 'platform' WHERE source_id = %(paid_incoming)s",
    ),
    breach(
        "books_that_items_contradict",
        "a sale was posted for another ticket type",
        "paid_incoming",
        """UPDATE ledger_transfers SET ticket_type_id = %(standing)s
        WHERE source_id = %(paid_incoming)s AND kind = 'sale'""",
    ),
    breach(
        "books_that_items_contradict",
        "a fee was posted that no item has",
        "paid_incoming",
        posted_too("paid_incoming", "platform_fee", "1"),
    ),
    breach(
        "books_that_items_contradict",
        "more went back of a ticket type than it cost",
        "rebated_incoming",
        posted_too("rebated_incoming", "refund", "amount"),
        also=BOOKS,
    ),
    breach(
        "books_that_items_contradict",
        "all went back of an item, and the platform kept its fee",
        "refunded_incoming",
        f"""UPDATE order_items SET terms_id = {NOBODY}, buyer_fee = 0, tax = 0, platform_fee = 1
        WHERE order_id = %(refunded)s""",
        posted_too("refunded_incoming", "platform_fee", "1"),
        also=("items_with_wrong_terms",),
    ),
    breach(
        "balances_counted_wrong",
        "a balance was counted that nobody has made",
        "rival",
        f"""INSERT INTO ledger_balances (organisation_id, currency, holder, account, event_id, provider, amount)
        VALUES (%(rival)s, 'EUR', 'platform', 'available', {NOBODY}, '', 1)""",
    ),
    # 5: idempotency
    breach(
        "keys_without_effect",
        "a payment was answered and is not there",
        "asked",
        f"""UPDATE idempotency_keys SET response = response || jsonb_build_object('id', {NOBODY})
        WHERE operation = 'start_payment' AND response ->> 'order_id' = %(asked)s::text""",
    ),
    breach(
        "keys_without_effect",
        "a refund was answered and is not there",
        "rebated",
        f"""UPDATE idempotency_keys SET response = response || jsonb_build_object('id', {NOBODY})
        WHERE operation = 'refund_order' AND response ->> 'order_id' = %(rebated)s::text""",
    ),
    breach(
        "keys_without_effect",
        "an order was answered as paid by hand and has no payment",
        "cancelled",
        """UPDATE idempotency_keys SET response = response || jsonb_build_object('id', %(cancelled)s)
        WHERE operation = 'mark_order_paid' AND response ->> 'id' = %(paid)s::text""",
    ),
    breach(
        "keys_without_effect",
        "a matter was answered as settled and is not there",
        "plain_event",
        """INSERT INTO idempotency_keys (operation, scope, key, fingerprint, response)
        VALUES ('settle_money_matter', 'scope', 'a key', '', jsonb_build_object('id', %(plain_event)s::text))""",
    ),
    breach(
        "keys_without_claim",
        "a claim was answered and is not there",
        "cloakroom",
        f"""UPDATE idempotency_keys SET key = %(cloakroom)s, response = jsonb_build_object('id', {NOBODY})
        WHERE operation = 'claim_slot' AND response ->> 'id' = %(claim)s::text""",
    ),
    # 7: what is owed to people
    breach(
        "orders_without_confirmation",
        "a buyer gets no tickets",
        "paid",
        "DELETE FROM outbox WHERE template = 'order_confirmation' AND payload ->> 'order_id' = %(paid)s::text",
    ),
    breach(
        "refunds_without_email",
        "a buyer is not told of a refund",
        "rebate",
        "DELETE FROM outbox WHERE payload ->> 'order_refund_id' = %(rebate)s::text",
    ),
    breach(
        "messages_left_behind",
        "a message that nobody puts on the queue",
        "paid",
        f"UPDATE outbox SET id = %(paid)s, relay_at = {OVERDUE} WHERE payload ->> 'order_id' = %(paid)s::text",
    ),
    breach(
        "messages_left_behind",
        "a message that a worker took and left",
        "paid",
        f"""UPDATE outbox SET id = %(paid)s, status = 'sending', relay_at = {OVERDUE}
        WHERE payload ->> 'order_id' = %(paid)s::text""",
    ),
    breach(
        "messages_left_behind",
        "a message that failed and does not say why",
        "paid",
        """UPDATE outbox SET id = %(paid)s, status = 'failed'
        WHERE payload ->> 'order_id' = %(paid)s::text""",
    ),
    breach(
        "webhooks_left_behind",
        "an endpoint whose turn nobody takes",
        "endpoint",
        f"UPDATE webhook_endpoints SET next_turn_at = {OVERDUE} WHERE id = %(endpoint)s",
        f"UPDATE webhook_deliveries SET due_at = {OVERDUE} WHERE endpoint_id = %(endpoint)s",
    ),
    breach(
        "webhooks_left_behind",
        "a disabled endpoint that nobody gives up",
        "endpoint",
        f"""UPDATE webhook_endpoints SET next_turn_at = {OVERDUE}, disabled_at = {OVERDUE}, disabled_reason = 'gone'
        WHERE id = %(endpoint)s""",
        f"UPDATE webhook_deliveries SET due_at = {OVERDUE} WHERE endpoint_id = %(endpoint)s",
    ),
    breach(
        "transfers_without_emails",
        "who sent a ticket is not told",
        "transfer",
        "DELETE FROM outbox WHERE template = 'transfer_completed' AND payload ->> 'transfer_id' = %(transfer)s::text",
    ),
    breach(
        "transfers_without_emails",
        "who is sent a ticket is not told",
        "started_transfer",
        "DELETE FROM outbox WHERE payload ->> 'transfer_id' = %(started_transfer)s::text",
    ),
    breach(
        "invitations_without_email",
        "who is invited is not told",
        "invitation",
        "DELETE FROM outbox WHERE payload ->> 'invitation_id' = %(invitation)s::text",
    ),
    # 8: the door
    breach(
        "tickets_with_wrong_entries",
        "somebody was admitted and is not counted",
        "contested",
        "UPDATE tickets SET entries = 0 WHERE id = %(contested)s",
    ),
    breach(
        "tickets_with_wrong_entries",
        "somebody is counted who was not admitted",
        "paid_2",
        "UPDATE tickets SET entries = 1 WHERE id = %(paid_2)s",
    ),
    breach(
        "tickets_with_wrong_entries",
        "the first entry was at another time",
        "contested",
        "UPDATE tickets SET first_scan_at = first_scan_at + interval '1 second' WHERE id = %(contested)s",
    ),
    breach(
        "entries_out_of_order",
        "the later of two was admitted",
        "conflict",
        "UPDATE scans SET at = at - interval '1 hour', time_unknown = false WHERE id = %(conflict)s",
    ),
    # 9: slots
    breach(
        "slots_that_claims_contradict",
        "a slot is taken by nobody",
        "cloakroom",
        "UPDATE slots SET state = 'taken' WHERE place_id = %(cloakroom)s AND number = 9",
    ),
    breach(
        "slots_that_claims_contradict",
        "a slot is free though somebody's coat hangs there",
        "cloakroom",
        "UPDATE slots SET state = 'free' WHERE place_id = %(cloakroom)s AND state = 'taken'",
    ),
    breach(
        "places_that_do_not_add_up",
        "a slot is missing",
        "cloakroom",
        "DELETE FROM slots WHERE place_id = %(cloakroom)s AND number = 10",
    ),
    breach(
        "places_that_do_not_add_up",
        "a slot is free above the capacity",
        "cloakroom",
        "UPDATE slots SET number = 11 WHERE place_id = %(cloakroom)s AND number = 10",
    ),
    # 10: vouchers
    breach(
        "vouchers_overdrawn",
        "a voucher was redeemed more often than allowed",
        "voucher",
        "UPDATE vouchers SET max_redemptions = 1 WHERE id = %(voucher)s",
    ),
    breach(
        "vouchers_overdrawn",
        "an order carries a voucher that it has not redeemed",
        "voucher",
        "UPDATE orders SET voucher_id = %(voucher)s WHERE id = %(partly)s",
    ),
    # 11: the audit log
    breach(
        "audit_entries_out_of_chain",
        "an entry was changed",
        "organisation",
        "UPDATE audit_log SET details = '{}' WHERE chain = %(organisation)s AND entry = 3",
        also=("audit_values_out_of_place",),
    ),
    breach(
        "audit_entries_out_of_chain",
        "an entry was changed and hashed anew",
        "organisation",
        """UPDATE audit_log SET subject = 'nothing', hash = audit_hash(previous_hash, chain, entry, at, actor_kind,
            actor_id, as_admin, action, 'nothing', details)
        WHERE chain = %(organisation)s AND entry = 3""",
    ),
    breach(
        "audit_entries_out_of_chain",
        "an entry was taken out",
        "organisation",
        "DELETE FROM audit_log WHERE chain = %(organisation)s AND entry = 3",
    ),
    breach(
        "audit_entries_out_of_chain",
        "the first entry was taken out",
        "organisation",
        "DELETE FROM audit_log WHERE chain = %(organisation)s AND entry = 1",
    ),
    breach(
        "audit_entries_out_of_chain",
        "the last entry was taken out",
        "organisation",
        """DELETE FROM audit_log WHERE (chain, entry) =
        (SELECT chain, entries FROM audit_chains WHERE chain = %(organisation)s)""",
    ),
    breach(
        "audit_entries_out_of_chain",
        "the whole log was taken out",
        "organisation",
        "DELETE FROM audit_log WHERE chain = %(organisation)s",
    ),
    breach(
        "audit_entries_out_of_chain",
        "the chain's head was taken out",
        "organisation",
        "DELETE FROM audit_chains WHERE chain = %(organisation)s",
    ),
    breach(
        "audit_entries_out_of_chain",
        "the chain's head is behind",
        "organisation",
        """UPDATE audit_chains SET entries = entry, hash = log.hash FROM audit_log AS log
        WHERE log.chain = audit_chains.chain AND log.chain = %(organisation)s AND entry = entries - 1""",
    ),
    breach(
        "audit_values_out_of_place",
        "a personal value was changed",
        "organisation",
        "UPDATE audit_values SET value = 'Mallory' WHERE chain = %(organisation)s",
    ),
    breach(
        "audit_values_out_of_place",
        "a personal value was put into an entry",
        "organisation",
        """INSERT INTO audit_values
        SELECT chain, entry, sha256('sixteen of bytesvalue'), 'sixteen of bytes', 'value', NULL FROM audit_log
        WHERE chain = %(organisation)s AND entry = 3""",
    ),
    # 12: tenants
    breach(
        "orders_across_tenants",
        "an order is another organisation's",
        "pending",
        "UPDATE orders SET organisation_id = %(rival)s WHERE id = %(pending)s",
    ),
    breach(
        "orders_across_tenants",
        "an order is in another currency than its event",
        "pending",
        "UPDATE orders SET currency = 'USD' WHERE id = %(pending)s",
    ),
    breach(
        "orders_across_tenants",
        "an item of no order",
        "other",
        "UPDATE order_items SET order_id = %(other)s WHERE order_id = %(cancelled)s",
    ),
    breach(
        "orders_across_tenants",
        "an order of nothing",
        "cancelled",
        "DELETE FROM order_items WHERE order_id = %(cancelled)s",
    ),
    breach(
        "orders_across_tenants",
        "an item's ticket type is another event's",
        "cancelled",
        "UPDATE order_items SET event_id = %(small)s WHERE order_id = %(cancelled)s",
    ),
    breach(
        "orders_across_tenants",
        "an order's account does not exist",
        "pending",
        f"UPDATE orders SET account_id = {NOBODY} WHERE id = %(pending)s",
    ),
    breach(
        "orders_across_tenants",
        "an order's voucher does not exist",
        "cancelled",
        f"UPDATE orders SET voucher_id = {NOBODY} WHERE id = %(cancelled)s",
    ),
    breach(
        "orders_across_tenants",
        "an order's voucher is another organisation's",
        "cancelled",
        "UPDATE orders SET voucher_id = %(rivals_voucher)s WHERE id = %(cancelled)s",
    ),
    breach(
        "orders_across_tenants",
        "a ticket is another organisation's",
        "paid",
        "UPDATE tickets SET organisation_id = %(rival)s WHERE id = %(paid_1)s",
    ),
    breach(
        "orders_across_tenants",
        "a ticket is another event's than its item",
        "paid",
        "UPDATE tickets SET event_id = %(gala)s WHERE id = %(paid_1)s",
    ),
    breach(
        "orders_across_tenants",
        "a ticket is of another type than its item",
        "refunded",
        "UPDATE tickets SET ticket_type_id = %(standing)s WHERE order_id = %(refunded)s AND item_no = 1",
    ),
    breach(
        "organisations_without_owner",
        "an organisation's last owner has left",
        "rival",
        "DELETE FROM members WHERE organisation_id = %(rival)s AND role = 'owner'",
    ),
    breach(
        "organisations_without_owner",
        "an organisation's last owner has become a manager",
        "rival",
        "UPDATE members SET role = 'manager' WHERE organisation_id = %(rival)s",
    ),
    breach(
        "claims_across_tenants",
        "a claim's customer is another organisation's",
        "claim",
        """UPDATE customers SET organisation_id = %(rival)s
        WHERE id = (SELECT customer_id FROM claims WHERE id = %(claim)s)""",
    ),
    breach(
        "claims_across_tenants",
        "a cloakroom is at another organisation's event",
        "claim",
        "UPDATE places SET event_id = %(rivals_event)s WHERE id = %(cloakroom)s",
    ),
    # 13: prices
    breach(
        "orders_with_wrong_totals",
        "an order's price was changed",
        "pending",
        "UPDATE orders SET total = 1 WHERE id = %(pending)s",
    ),
    breach(
        "orders_with_wrong_totals",
        "an item got a discount that its order does not know of",
        "pending",
        "UPDATE order_items SET discount = discount + 1, total = total - 1 WHERE order_id = %(pending)s",
    ),
    breach(
        "items_with_wrong_charges",
        "an item costs more than its price",
        "pending",
        "UPDATE order_items SET total = total + 1 WHERE order_id = %(pending)s",
        "UPDATE orders SET total = total + 1 WHERE id = %(pending)s",
    ),
    breach(
        "items_with_wrong_charges",
        "an item's price was edited",
        "paid",
        "UPDATE order_items SET unit_price = unit_price + 1 WHERE order_id = %(paid)s",
    ),
    breach(
        "items_with_wrong_charges",
        "a part of the tax is on top",
        "pending",
        charged("pending", discount=0, fee=300, tax=200, added=400),
        "UPDATE orders SET total = total + 400 WHERE id = %(pending)s",
    ),
    breach(
        "items_with_wrong_charges",
        "a voucher took off more than the price",
        "pending",
        charged("pending", discount=10_001, fee=10_001, tax=0, added=0),
    ),
    breach(
        "items_with_wrong_charges",
        "a tax without terms",
        "pending",
        "UPDATE order_items SET tax = 0 WHERE order_id = %(pending)s",
    ),
    breach(
        "items_with_wrong_charges",
        "terms without a fee",
        "pending",
        "UPDATE order_items SET terms_id = %(terms)s, tax = 0, platform_fee = 0 WHERE order_id = %(pending)s",
    ),
    breach("items_with_wrong_terms", "terms that nobody knows", "pending", under(NOBODY)),
    breach("items_with_wrong_terms", "terms of another organisation", "pending", under("%(rivals_terms)s")),
    breach(
        "items_with_wrong_terms", "a fee of more than was paid", "pending", under("%(terms)s", platform_fee="total + 1")
    ),
    breach(
        "items_with_wrong_terms",
        "terms in another currency",
        "pending",
        """WITH kenyan AS (
            INSERT INTO fee_terms (id, organisation_id, currency, basis_points, fixed, minimum, return_on_refund)
            VALUES (gen_random_uuid(), %(organisation)s, 'KES', 0, 0, 0, true) RETURNING id
        ) UPDATE order_items SET terms_id = kenyan.id, buyer_fee = 0, tax = 0, platform_fee = 0 FROM kenyan
        WHERE order_id = %(pending)s""",
    ),
    breach(
        "payouts_posted_otherwise",
        "a payout of more than it took",
        "requested_payout",
        "UPDATE payouts SET amount = amount + 1 WHERE id = %(requested_payout)s",
    ),
    breach(
        "payouts_posted_otherwise",
        "a rejected payout whose money is not back",
        "approved_payout",
        "UPDATE payouts SET status = 'rejected', reason = 'No' WHERE id = %(approved_payout)s",
    ),
    breach(
        "payouts_posted_otherwise",
        "a payout that was sent in the books alone",
        "sent_payout",
        """UPDATE payouts SET status = 'approved', bank_reference = NULL, value_date = NULL
        WHERE id = %(sent_payout)s""",
    ),
    breach(
        "corrections_posted_otherwise",
        "a correction of more than it has moved",
        "correction",
        "UPDATE ledger_corrections SET amount = amount + 1 WHERE id = %(correction)s",
    ),
    breach(
        "default_fees_otherwise",
        "a setting that no terms follow",
        "naira",
        """INSERT INTO platform_settings VALUES ('platform_fees', '{"NGN": {"basis_points": 1}}')""",
    ),
    breach(
        "default_fees_otherwise",
        "default terms that no setting has",
        "shilling",
        """INSERT INTO fee_terms (id, organisation_id, currency, basis_points, fixed, minimum, return_on_refund)
        VALUES (gen_random_uuid(), '00000000-0000-0000-0000-000000000000', 'KES', 0, 0, 0, true)""",
    ),
]

# What looks like a breach and is none, since somebody has a while to mend it.
ALLOWED = {
    "a hold that has just lapsed": "UPDATE orders SET expires_at = now() - interval '9 minutes' WHERE id = %(pending)s",
    "a hold that waits for its provider": f"UPDATE orders SET expires_at = {OVERDUE} WHERE id = %(asked)s",
    "an order that has just been marked": "UPDATE incoming_payments SET ends_order_at = now() WHERE pays_order",
    "an event that was called off an hour ago": """UPDATE events
        SET status = 'cancelled', cancelled_at = now() - interval '1 hour' WHERE id = %(plain_event)s""",
    "a message that has just been due": "UPDATE outbox SET relay_at = now() - interval '9 minutes'",
    "a webhook whose endpoint is paused": f"""WITH paused AS (UPDATE webhook_endpoints SET next_turn_at = now())
        UPDATE webhook_deliveries SET due_at = {OVERDUE}""",
}


def found(conn: Connection) -> dict[str, str]:
    """Return what the checks find, by statement."""
    report = json.loads(service.check_invariants(conn).model_dump_json())
    assert report["hold"] == all(check["holds"] for check in report["checks"])
    return {QUERIES[check["name"]]: json.dumps(check["violations"]) for check in report["checks"] if not check["holds"]}


def test_the_data_of_a_sale_keeps_every_invariant(data: tuple[Connection, dict[str, Any]]) -> None:
    conn, _ = data
    with conn.transaction():
        assert found(conn) == {}


def test_every_check_has_a_breach() -> None:
    assert {each.query for each in BREACHES} == set(NAMES)


@pytest.mark.parametrize("breach", BREACHES, ids=str)
def test_a_breach_is_found(data: tuple[Connection, dict[str, Any]], breach: Breach) -> None:
    conn, ids = data
    with conn.transaction(force_rollback=True):
        conn.execute("SET LOCAL session_replication_role = replica")  # switches triggers and foreign keys off
        for statement in breach.statements:
            assert conn.execute(statement, ids).rowcount != 0, f"it changed nothing: {statement}"

        broken = found(conn)

    assert set(broken) == {breach.query, *breach.also}, broken
    assert str(ids[breach.shows]) in broken[breach.query]


@pytest.mark.parametrize("story", ALLOWED)
def test_rows_that_are_not_overdue_yet_are_no_breach(data: tuple[Connection, dict[str, Any]], story: str) -> None:
    conn, ids = data
    with conn.transaction(force_rollback=True):
        assert conn.execute(ALLOWED[story], ids).rowcount > 0

        assert found(conn) == {}


def test_prices_that_were_all_overwritten_are_found(data: tuple[Connection, dict[str, Any]]) -> None:
    conn, _ = data
    with conn.transaction(force_rollback=True):
        conn.execute("UPDATE orders SET total = 1")

        assert set(found(conn)) == {
            "orders_with_wrong_totals",
            "payments_without_effect",
            "orders_that_gave_back_wrong",
        }


@pytest.mark.parametrize("added", [300, 500], ids=["a tax inside", "a tax on top"])
def test_a_charge_under_terms_is_no_breach(data: tuple[Connection, dict[str, Any]], added: int) -> None:
    conn, ids = data
    with conn.transaction(force_rollback=True):
        conn.execute(charged("pending", discount=0, fee=300, tax=200, added=added), ids)
        conn.execute("UPDATE orders SET total = total + %(added)s WHERE id = %(pending)s", ids | {"added": added})

        assert found(conn) == {}


# ------------------------------------------------------------------------------------------------- the endpoint


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True)


def test_an_admin_sees_that_every_invariant_holds(api: Client, conn: Connection, admin: UUID) -> None:
    factories.paid_order(conn, factories.ticket_type(conn, price=0))
    before = snapshot(conn)

    answer = api.get("/v1/admin/invariants", account=admin)

    assert (answer.status, answer.json["hold"]) == (200, True)
    assert [(check["invariant"], check["name"]) for check in answer.json["checks"]] == [
        (each.number, each.name) for each in INVARIANTS
    ]
    assert all(check["holds"] and check["violations"] == [] for check in answer.json["checks"])
    assert snapshot(conn) == before


def test_a_breach_is_shown_by_its_rows_with_money_as_numbers(api: Client, conn: Connection, admin: UUID) -> None:
    (ticket,) = sellers.tickets_of(conn, factories.paid_order(conn, factories.ticket_type(conn), quantity=1))
    factories.refund(conn, ticket)
    conn.execute("UPDATE order_refunds SET amount = amount - 1")

    answer = api.get("/v1/admin/invariants", account=admin)

    assert (answer.status, answer.json["hold"]) == (200, False)
    (broken,) = [check for check in answer.json["checks"] if not check["holds"]]
    assert broken["name"] == NAMES["orders_that_gave_back_wrong"]
    (order,) = row_of(conn, "SELECT id FROM orders")
    assert broken["violations"] == [
        {"order_id": str(order), "status": "refunded", "total": 5000, "given": 4999, "kept": 0, "booked": 5000}
    ]


def test_of_many_breaches_ten_are_shown(api: Client, conn: Connection, admin: UUID) -> None:
    factories.ticket_type(conn, quantity=200)
    conn.execute("UPDATE stock SET held = held + 1, available = available - 1")

    answer = api.get("/v1/admin/invariants", account=admin)

    assert [len(check["violations"]) for check in answer.json["checks"] if not check["holds"]] == [10]


def test_only_admins_can_ask(api: Client, conn: Connection) -> None:
    owner = factories.account(conn)
    factories.organisation(conn, owner=owner)

    assert api.get("/v1/admin/invariants").status == 401
    assert api.get("/v1/admin/invariants", account=owner).status == 403


def test_the_statements_have_time_to_read_whole_tables_and_later_ones_do_not(conn: Connection) -> None:
    def allowed() -> str:
        return str(row_of(conn, "SHOW statement_timeout")[0])

    usual = allowed()
    with conn.transaction():
        service.check_invariants(conn)
        assert usual != allowed() == "12s"

    assert allowed() == usual
