"""A sale as it goes: all who take part do as they please, in any order, on any connection, and may die in the middle.

Deeds find what they act on in the database, so that they can be combined at will. To be refused is no failure; that the
invariants hold afterwards is for the caller to check.
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
from tests.helpers.racing import settled
from tests.helpers.support import Answer, Client, context, function

# How many times as long as in the suite: `make soak` asks for more.
SOAK = int(os.environ.get("SOAK", "1"))

_VOUCHER = "LAUNCH"
_BUYERS = [f"buyer{number}@example.com" for number in range(4)]


class Died(BaseException):
    """The process is gone, in the middle of a deed."""


@dataclass
class Sale:
    """An event with a few ticket types, all small enough to sell out, the last of them seated; and one that may be
    called off, with one.

    Attributes:
        conn: shows how things stand; deeds are done on others.
        requests: orders asked for so far, to be asked for again.
        alone: whether nobody else changes anything while a deed is done.
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
        """Put an event on sale."""
        organisation = factories.organisation(conn)
        manager = factories.member(conn, organisation, "manager")
        event = factories.event(conn, organisation_id=organisation)
        types = [
            factories.ticket_type(conn, event_id=event, quantity=12, price=5000),
            factories.ticket_type(conn, event_id=event, quantity=25, price=2500, ticket_mode="choice", max_per_buyer=9),
            factories.ticket_type(conn, event_id=event, quantity=8, price=0),
            factories.ticket_type(conn, event_id=event, quantity=0, price=7000),
        ]
        doubtful = factories.event(conn, organisation_id=organisation)
        types.insert(0, factories.ticket_type(conn, event_id=doubtful, quantity=20, price=1000, ticket_mode="group"))
        rows = [{"section": "Stalls", "row": row, "numbers": ["1", "2", "3", None, "4", "5"]} for row in "AB"]
        discount = {"kind": "percent", "percent": 30}
        voucher = {"code": _VOUCHER, "discount": discount, "max_redemptions": 6, "max_per_buyer": 2}
        with _on(conn):
            _allow(Client().put(f"/v1/ticket-types/{types[-1]}/seats", {"rows": rows}, account=manager), 200)
            _allow(Client().post(f"/v1/events/{event}/vouchers", voucher, account=manager), 201)
        return cls(conn, manager, event, doubtful, types, [])

    def some(self, choice: Random, query: str) -> Any:
        """One of the rows that a query finds, or None."""
        rows = self.conn.execute(query).fetchall()
        return choice.choice(rows) if rows else None

    def is_short_of(self, wanted: dict[str, int]) -> bool:
        """Whether a cart does not fit into what is left."""
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
    """Somebody wants a few tickets of one type or more."""
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
    """Somebody points at seats, or asks for the best wherever they are."""
    ticket_type = sale.ticket_types[-1]
    seats = sale.conn.execute("SELECT id FROM seats ORDER BY id").fetchall()
    item: dict[str, Any] = {"ticket_type_id": str(ticket_type), "quantity": choice.randint(1, 3)}
    if choice.random() < 0.7:
        item["seat_ids"] = [str(seat) for (seat,) in choice.sample(seats, item["quantity"])]
    else:
        item["together"] = False
    _post(api, "/v1/orders", _request([item], choice), key="new")


def wait(sale: Sale, api: Client, choice: Random) -> None:
    """Somebody waits for what is sold out."""
    body = {"quantity": choice.randint(1, 4), "name": "Ada Buyer", "email": choice.choice(_BUYERS)}
    path = f"/v1/ticket-types/{choice.choice(sale.ticket_types)}/waitlist"
    _post(api, path, body, address=f"198.51.100.{choice.randint(1, 250)}")


def accept_offer(sale: Sale, api: Client, choice: Random) -> None:
    """Somebody who waited buys what is offered, or some of it, or no longer wants it, or lets the offer lapse."""
    found = sale.some(choice, "SELECT id, ticket_type_id, quantity, email FROM waitlist_entries ORDER BY id")
    if not found:
        return
    entry, ticket_type, quantity, email = found
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
    """A buyer who did not hear the answer asks again."""
    if sale.requests:
        request, key = choice.choice(sale.requests)
        _post(api, "/v1/orders", request, key=key)


def start_payment(sale: Sale, api: Client, choice: Random) -> None:
    """A buyer goes to pay."""
    if found := sale.some(choice, "SELECT id FROM orders WHERE total > 0 ORDER BY id DESC LIMIT 10"):
        (order,) = found
        key = choice.choice(["once", "again"])
        _post(
            api,
            f"/v1/orders/{order}/payments",
            {"provider": "sandbox"},
            key=f"{order}{key}",
            order_token=order_token(order),
        )


def tell_of_payment(sale: Sale, api: Client, choice: Random) -> None:
    """The provider tells what became of a payment: late, twice, out of order or of another amount."""
    if found := sale.some(choice, "SELECT id, amount, currency FROM payments ORDER BY id DESC LIMIT 10"):
        payment, amount, currency = found
        kind = choice.choice(["payment.succeeded", "payment.succeeded", "payment.failed"])
        amount += choice.choice([0, 0, 0, 0, 1])
        event = f"evt_{payment}_{choice.randint(1, 3)}"
        body, headers = sandbox.signed_event(str(payment), kind, amount, currency, event)  # type: ignore[arg-type]
        _post(api, "/v1/webhooks/sandbox", body, headers=headers)


def cancel(sale: Sale, api: Client, choice: Random) -> None:
    """A buyer thinks better of it."""
    if found := sale.some(choice, "SELECT id FROM orders ORDER BY id DESC LIMIT 10"):
        (order,) = found
        _post(api, f"/v1/orders/{order}/cancel", order_token=order_token(order))


def lapse(sale: Sale, api: Client, choice: Random) -> None:
    """A hold runs out of time."""
    if found := sale.some(choice, "SELECT id FROM orders WHERE status = 'pending' ORDER BY id"):
        sale.conn.execute("UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = %s", found)


def sweep(sale: Sale, api: Client, choice: Random) -> None:
    """The schedule comes round."""
    jobs = ["expire_orders", "offer_waitlist", "reconcile_payments", "finish_cancellations"]
    function(choice.choice(jobs)).handler({}, context())


def refund(sale: Sale, api: Client, choice: Random) -> None:
    """A manager gives something back: all, some tickets, or some money."""
    found = sale.some(choice, "SELECT id, total FROM orders ORDER BY id DESC LIMIT 10")
    if not found:
        return
    order, total = found
    tickets = sale.conn.execute("SELECT id FROM tickets WHERE order_id = %s ORDER BY id", [order]).fetchall()
    body: dict[str, Any] = {"force": choice.random() < 0.5}
    match choice.randint(1, 3):
        case 1:
            body["whole"] = True
        case 2:
            body["amount"] = choice.randint(1, max(1, total))
        case _ if tickets:
            chosen = choice.sample(tickets, choice.randint(1, len(tickets)))
            body["ticket_ids"] = [str(ticket) for (ticket,) in chosen]
    _post(api, f"/v1/orders/{order}/refunds", body, account=sale.manager, key="new")


def pay_at_the_desk(sale: Sale, api: Client, choice: Random) -> None:
    """A buyer brings the money, maybe late."""
    if found := sale.some(choice, "SELECT id FROM orders WHERE total > 0 ORDER BY id DESC LIMIT 10"):
        (order,) = found
        _post(api, f"/v1/orders/{order}/mark-paid", {"method": "cash"}, account=sale.manager, key="new")


def call_off(sale: Sale, api: Client, choice: Random) -> None:
    """The doubtful event does not take place; but it takes a while until somebody says so."""
    if choice.random() < 0.1:
        _post(api, f"/v1/events/{sale.doubtful_event}/cancel", {"reason": "Rain"}, account=sale.manager)


def resize(sale: Sale, api: Client, choice: Random) -> None:
    """The organiser offers more of a ticket type, of all together or of a voucher, or less."""
    (voucher,) = sale.some(choice, "SELECT id FROM vouchers")
    path, body = choice.choice(
        [
            (f"/v1/ticket-types/{choice.choice(sale.ticket_types)}", {"quantity": choice.randint(0, 30)}),
            (f"/v1/events/{sale.event}", {"capacity": choice.choice([None, choice.randint(10, 50)])}),
            (f"/v1/vouchers/{voucher}", {"max_redemptions": choice.choice([None, choice.randint(0, 9)])}),
        ]
    )
    _allow(api.patch(path, body, account=sale.manager))


def scan(sale: Sale, api: Client, choice: Random) -> None:
    """Somebody comes to the door, maybe again."""
    if found := sale.some(choice, "SELECT id FROM tickets WHERE status = 'valid' ORDER BY id DESC LIMIT 10"):
        with suppress(TicketRefunded):  # by somebody else, meanwhile
            text = tickets.get_qr(sale.conn, Caller(Who.MANAGER, sale.manager), found[0])
            _post(api, "/v1/scans", {"qr": text}, account=sale.manager)


DEEDS: dict[str, tuple[Deed, int]] = {
    # With how often each is done, to the others.
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
    "pay at the desk": (pay_at_the_desk, 1),
    "call off": (call_off, 1),
    "resize": (resize, 2),
    "scan": (scan, 1),
}
FREQUENCIES = [name for name, (_, often) in DEEDS.items() for _ in range(often)]


def do(sale: Sale, api: Client, name: str, choice: Random, conn: psycopg.Connection, dies_at: int | None) -> None:
    """Do a deed on a connection; with ``dies_at``, only up to that moment of it.

    Even moments are before a round trip, odd ones after it, beginning with 0.
    """
    deed, _ = DEEDS[name]
    try:
        with _on(conn), _dying(conn, dies_at):
            deed(sale, api, choice)
    except Died:
        if sale.alone:
            settled(sale.conn)


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
    """Cut the connection at a round trip, as the death of its process does."""
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
    """Whatever the answer, it is not a failure of ours; of the ``statuses``, if any are given."""
    assert answer.status < 500 or answer.code == "busy", answer.body
    assert answer.status in (statuses or (answer.status,)), answer.body
    return answer
