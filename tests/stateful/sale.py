"""A sale in which everybody acts in any order, on any connection. A process may die in the middle of a deed.

Deeds find what they act on in the database, so they can be combined in any way. A refusal is no failure. The caller
checks the invariants afterwards.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg

from boxoffice import db
from boxoffice.auth import Caller, Who, order_token
from boxoffice.payments import sandbox
from boxoffice.tickets import service as tickets
from boxoffice.tickets.errors import TicketRefunded
from tests.helpers import factories
from tests.helpers.racing import wait_for_rollbacks
from tests.helpers.support import Answer, Client, context, function

# How many times as long as in the suite: `make soak` asks for more.
SOAK = int(os.environ.get("SOAK", "1"))

# Three decimals, of which the last must be 0. OFF_STEP finds what nobody could pay.
CURRENCY = "KWD"
OFF_STEP = """SELECT order_id, discount FROM order_items WHERE discount % 10 <> 0 OR total % 10 <> 0
    UNION ALL SELECT order_id, amount FROM order_refunds WHERE amount % 10 <> 0"""

_VOUCHER = "LAUNCH"
_BUYERS = [f"buyer{number}@example.com" for number in range(4)]


class Died(BaseException):
    """The process has died in the middle of a deed."""


@dataclass
class Sale:
    """Two events on sale, with few tickets, so that they sell out.

    Attributes:
        conn: a connection to look at the database. Deeds run on other connections.
        event: the main event, whose last ticket type is seated.
        doubtful_event: an event that may be cancelled.
        ticket_types: the ticket types of both events. The first is the doubtful event's.
        requests: the requests for orders so far, to be repeated.
        alone: True if nobody else changes anything during a deed.
    """

    conn: psycopg.Connection
    manager: UUID
    event: UUID
    doubtful_event: UUID
    ticket_types: list[UUID]
    requests: list[tuple[dict[str, Any], str]]
    alone: bool = True

    @classmethod
    def open(cls, conn: psycopg.Connection) -> "Sale":
        """Put the events on sale."""
        organisation = factories.organisation(conn)
        manager = factories.member(conn, organisation, "manager")
        event = factories.event(conn, organisation_id=organisation, currency=CURRENCY)
        types = [
            factories.ticket_type(conn, event_id=event, quantity=12, price=5000),
            factories.ticket_type(conn, event_id=event, quantity=25, price=2500, ticket_mode="choice", max_per_buyer=9),
            factories.ticket_type(conn, event_id=event, quantity=8, price=0),
            factories.ticket_type(conn, event_id=event, quantity=0, price=7000),
        ]
        doubtful = factories.event(conn, organisation_id=organisation, currency=CURRENCY)
        types.insert(0, factories.ticket_type(conn, event_id=doubtful, quantity=20, price=1000, ticket_mode="group"))
        rows = [{"section": "Stalls", "row": row, "numbers": ["1", "2", "3", None, "4", "5"]} for row in "AB"]
        discount = {"kind": "percent", "percent": 33}
        voucher = {"code": _VOUCHER, "discount": discount, "max_redemptions": 6, "max_per_buyer": 2}
        with _on(conn):
            _allow(Client().put(f"/v1/ticket-types/{types[-1]}/seats", {"rows": rows}, account=manager), 200)
            _allow(Client().post(f"/v1/events/{event}/vouchers", voucher, account=manager), 201)
        return cls(conn, manager, event, doubtful, types, [])

    def some(self, choice: Random, query: str) -> Any:
        """Return one of the rows that a query finds, or None."""
        rows = self.conn.execute(query).fetchall()
        return choice.choice(rows) if rows else None

    def is_short_of(self, wanted: dict[str, int]) -> bool:
        """Return True if too little is available for a cart."""
        rows = self.conn.execute(
            """SELECT ticket_types.id::text, sum(available) FROM ticket_types JOIN stock USING (pool_id)
            GROUP BY ticket_types.id
            UNION ALL
            SELECT 'event', coalesce(sum(available), 1000) FROM events LEFT JOIN stock ON pool_id = capacity_pool_id
            WHERE events.id = %s""",
            [self.event],
        ).fetchall()
        left = dict(rows)
        of_event = sum(many for each, many in wanted.items() if each != str(self.ticket_types[0]))
        return any(many > left[each] for each, many in {**wanted, "event": of_event}.items())


type Deed = Callable[[Sale, Client, Random], None]


def buy(sale: Sale, api: Client, choice: Random) -> None:
    """Order a few tickets of one ticket type or more."""
    cart = choice.sample(sale.ticket_types, choice.randint(1, 3))
    wanted = {str(ticket_type): choice.randint(1, 5) for ticket_type in cart}
    items = [{"ticket_type_id": ticket_type, "quantity": many} for ticket_type, many in wanted.items()]
    request = _request(items, choice)
    if choice.random() < 0.2:
        request["voucher"] = _VOUCHER
    if choice.random() < 0.2:
        request["ticket_mode"] = choice.choice(["separate", "group"])
    sale.requests.append((request, str(uuid4())))
    answer = _post(api, "/v1/orders", request, key=sale.requests[-1][1])
    if sale.alone and answer.status == 409 and answer.code == "sold_out":
        assert sale.is_short_of(wanted), "sold out, although there was enough"


def choose_seats(sale: Sale, api: Client, choice: Random) -> None:
    """Order named seats, or the best seats wherever they are."""
    ticket_type = sale.ticket_types[-1]
    seats = sale.conn.execute("SELECT id FROM seats ORDER BY id").fetchall()
    item: dict[str, Any] = {"ticket_type_id": str(ticket_type), "quantity": choice.randint(1, 3)}
    if choice.random() < 0.7:
        item["seat_ids"] = [str(seat) for (seat,) in choice.sample(seats, item["quantity"])]
    else:
        item["together"] = False
    _post(api, "/v1/orders", _request([item], choice), key="new")


def wait(sale: Sale, api: Client, choice: Random) -> None:
    """Join the waitlist."""
    body = {"quantity": choice.randint(1, 4), "name": "Ada Buyer", "email": choice.choice(_BUYERS)}
    path = f"/v1/ticket-types/{choice.choice(sale.ticket_types)}/waitlist"
    _post(api, path, body, address=f"198.51.100.{choice.randint(1, 250)}")


def accept_offer(sale: Sale, api: Client, choice: Random) -> None:
    """Buy what the waitlist offers or a part of it, leave the waitlist, or let the offer lapse."""
    row = sale.some(choice, "SELECT id, ticket_type_id, quantity, email FROM waitlist_entries ORDER BY id")
    if not row:
        return
    entry, ticket_type, quantity, email = row
    token = order_token(entry)
    match choice.randint(1, 4):
        case 1:
            _allow(api.delete(f"/v1/waitlist/{entry}", order_token=token))
        case 2:
            sale.conn.execute(
                """UPDATE waitlist_entries SET expires_at = now() - interval '1 second'
                WHERE id = %s AND status = 'offered'""",
                [entry],
            )
        case _:
            item = {"ticket_type_id": str(ticket_type), "quantity": choice.randint(1, quantity)}
            request = {**_request([item], choice), "waitlist_token": token}
            request["buyer"]["email"] = email
            _post(api, "/v1/orders", request, key="new")


def ask_again(sale: Sale, api: Client, choice: Random) -> None:
    """Repeat a request for an order."""
    if sale.requests:
        request, key = choice.choice(sale.requests)
        _post(api, "/v1/orders", request, key=key)


def start_payment(sale: Sale, api: Client, choice: Random) -> None:
    """Start a payment, or repeat the start."""
    if row := sale.some(choice, "SELECT id FROM orders WHERE total > 0 ORDER BY id DESC LIMIT 10"):
        (order,) = row
        key = choice.choice(["once", "again"])
        _post(
            api,
            f"/v1/orders/{order}/payments",
            {"provider": "sandbox"},
            key=f"{order}{key}",
            order_token=order_token(order),
        )


def tell_of_payment(sale: Sale, api: Client, choice: Random) -> None:
    """Receive an event about a payment: late, twice, out of order or with a wrong amount."""
    if row := sale.some(choice, "SELECT id, amount, currency FROM payments ORDER BY id DESC LIMIT 10"):
        payment, amount, currency = row
        kind = choice.choice(["payment.succeeded"] * 4 + ["payment.failed"] * 2 + ["payment.processing"])
        amount += choice.choice([0, 0, 0, 0, 1, -1])
        event = f"evt_{payment}_{choice.randint(1, 3)}"
        body, headers = sandbox.signed_event(str(payment), kind, amount, currency, event)  # type: ignore[arg-type]
        _post(api, "/v1/webhooks/sandbox", body, headers=headers)


def cancel(sale: Sale, api: Client, choice: Random) -> None:
    """Cancel an order as the buyer."""
    if row := sale.some(choice, "SELECT id FROM orders ORDER BY id DESC LIMIT 10"):
        (order,) = row
        _post(api, f"/v1/orders/{order}/cancel", order_token=order_token(order))


def lapse(sale: Sale, api: Client, choice: Random) -> None:
    """Let a hold lapse. That is when the provider is asked about its open payments."""
    if row := sale.some(choice, "SELECT id FROM orders WHERE status = 'pending' ORDER BY id"):
        sale.conn.execute("UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = %s", row)
        sale.conn.execute("UPDATE payments SET ask_at = now() WHERE order_id = %s AND ask_at IS NOT NULL", row)


def sweep(sale: Sale, api: Client, choice: Random) -> None:
    """Run one of the jobs."""
    jobs = ["expire_orders", "offer_waitlist", "reconcile_payments", "finish_cancellations"]
    function(choice.choice(jobs)).handler({}, context())


def refund(sale: Sale, api: Client, choice: Random) -> None:
    """Refund a whole order, some tickets, or an amount."""
    row = sale.some(choice, "SELECT id, total FROM orders ORDER BY id DESC LIMIT 10")
    if not row:
        return
    order, total = row
    tickets = sale.conn.execute("SELECT id FROM tickets WHERE order_id = %s ORDER BY id", [order]).fetchall()
    body: dict[str, Any] = {"force": choice.random() < 0.5}
    match choice.randint(1, 3):
        case 1:
            body["whole"] = True
        case 2:
            body["amount"] = choice.randint(1, max(1, total // 10)) * choice.choice([10, 10, 10, 7])
        case _ if tickets:
            chosen = choice.sample(tickets, choice.randint(1, len(tickets)))
            body["ticket_ids"] = [str(ticket) for (ticket,) in chosen]
    _post(api, f"/v1/orders/{order}/refunds", body, account=sale.manager, key="new")


def take_money_back(sale: Sale, api: Client, choice: Random) -> None:
    """Refund a payment in the provider's dashboard, or dispute it: early, twice, out of order or more than is left."""
    if row := sale.some(choice, "SELECT id, amount, currency FROM payments ORDER BY id DESC LIMIT 10"):
        payment, amount, currency = row
        kind = choice.choice(["refund.created", "refund.created", "refund.failed", "dispute.opened"])
        if choice.random() < 0.2:
            kind = choice.choice(["dispute.won", "dispute.lost"])
        part = max(10, amount // choice.choice([1, 2, 3]) // 10 * 10)
        name = f"{kind.partition('.')[0]}_{payment}_{choice.randint(1, 2)}"
        body, headers = sandbox.signed_event(str(payment), kind, part, currency, reference=name)  # type: ignore[arg-type]
        _post(api, "/v1/webhooks/sandbox", body, headers=headers)


def settle_matter(sale: Sale, api: Client, choice: Random) -> None:
    """Settle a money matter as the owner, or look at the list."""
    (owner, organisation) = sale.some(choice, "SELECT account_id, organisation_id FROM members WHERE role = 'owner'")
    path = f"/v1/organisations/{organisation}/money-matters"
    if row := sale.some(choice, "SELECT id FROM money_matters ORDER BY id DESC LIMIT 5"):
        body = choice.choice([{"action": "done", "note": "Seen"}, {"action": "retry"}])
        _post(api, f"{path}/{row[0]}", body, account=owner, key="new")
    _allow(api.get(path, account=sale.manager, query={"settled": choice.choice(["true", "false"])}), 200)


def pay_at_the_desk(sale: Sale, api: Client, choice: Random) -> None:
    """Mark an order as paid in cash, maybe late."""
    if row := sale.some(choice, "SELECT id FROM orders WHERE total > 0 ORDER BY id DESC LIMIT 10"):
        (order,) = row
        _post(api, f"/v1/orders/{order}/mark-paid", {"method": "cash"}, account=sale.manager, key="new")


def call_off(sale: Sale, api: Client, choice: Random) -> None:
    """Cancel the doubtful event, once in ten times."""
    if choice.random() < 0.1:
        _post(api, f"/v1/events/{sale.doubtful_event}/cancel", {"reason": "Rain"}, account=sale.manager)


def resize(sale: Sale, api: Client, choice: Random) -> None:
    """Change the quantity of a ticket type, the capacity of the event, or a limit of the voucher."""
    (voucher,) = sale.some(choice, "SELECT id FROM vouchers")
    path, body = choice.choice(
        [
            (f"/v1/ticket-types/{choice.choice(sale.ticket_types)}", {"quantity": choice.randint(0, 30)}),
            (f"/v1/events/{sale.event}", {"capacity": choice.choice([None, choice.randint(10, 50)])}),
            (f"/v1/vouchers/{voucher}", {"max_redemptions": choice.choice([None, choice.randint(0, 9)])}),
            (f"/v1/vouchers/{voucher}", {"max_tickets_per_redemption": choice.choice([None, 1, 2, 3])}),
        ]
    )
    _allow(api.patch(path, body, account=sale.manager))


def scan(sale: Sale, api: Client, choice: Random) -> None:
    """Scan a ticket, maybe again."""
    if row := sale.some(choice, "SELECT id FROM tickets WHERE status = 'valid' ORDER BY id DESC LIMIT 10"):
        with suppress(TicketRefunded):  # by somebody else, meanwhile
            text = tickets.get_qr_text(sale.conn, Caller(Who.MANAGER, sale.manager), row[0])
            _post(api, "/v1/scans", {"qr": text}, account=sale.manager)


DEEDS: dict[str, tuple[Deed, int]] = {
    # Each deed with its frequency relative to the others.
    "buy": (buy, 6),
    "choose seats": (choose_seats, 2),
    "wait": (wait, 2),
    "accept an offer": (accept_offer, 2),
    "ask again": (ask_again, 1),
    "start a payment": (start_payment, 4),
    "tell of a payment": (tell_of_payment, 5),
    "cancel": (cancel, 1),
    "lapse": (lapse, 2),
    "sweep": (sweep, 2),
    "refund": (refund, 3),
    "take money back": (take_money_back, 2),
    "settle a matter": (settle_matter, 1),
    "pay at the desk": (pay_at_the_desk, 1),
    "call off": (call_off, 1),
    "resize": (resize, 2),
    "scan": (scan, 1),
}
FREQUENCIES = [name for name, (_, often) in DEEDS.items() for _ in range(often)]


def do(sale: Sale, api: Client, name: str, choice: Random, conn: psycopg.Connection, dies_at: int | None) -> None:
    """Do a deed on a connection. With ``dies_at``, let the process die at that moment.

    Moments count from 0. Even moments are before a round trip, odd ones after it.
    """
    deed, _ = DEEDS[name]
    try:
        with _on(conn), _dying(conn, dies_at):
            deed(sale, api, choice)
    except Died:
        if sale.alone:
            wait_for_rollbacks(sale.conn)


@contextmanager
def _on(conn: psycopg.Connection) -> Iterator[None]:
    """Let the functions use this connection."""
    db._connection = conn
    try:
        yield
    finally:
        db._connection = None


@contextmanager
def _dying(conn: psycopg.Connection, dies_at: int | None) -> Iterator[None]:
    """Cut the connection at a moment, as the death of its process does."""
    moments = itertools.count()
    wait = conn.wait

    def pass_moment() -> None:
        if next(moments) == dies_at:
            conn.pgconn.finish()
            raise Died

    def counted(*args: Any, **kwargs: Any) -> Any:
        pass_moment()
        answer = wait(*args, **kwargs)
        pass_moment()
        return answer

    conn.wait = counted  # type: ignore[method-assign]
    try:
        yield
    finally:
        conn.wait = wait  # type: ignore[method-assign]


def _request(items: list[dict[str, Any]], choice: Random) -> dict[str, Any]:
    return {"items": items, "buyer": {"name": "Ada Buyer", "email": choice.choice(_BUYERS)}}


def _post(api: Client, path: str, body: Any = None, **options: Any) -> Answer:
    return _allow(api.post(path, body, **options))


def _allow(answer: Answer, *statuses: int) -> Answer:
    """Check that an answer is no failure of the server, and has one of the ``statuses`` if any are given."""
    assert answer.status < 500 or answer.code == "busy", answer.body
    assert answer.status in (statuses or (answer.status,)), answer.body
    return answer
