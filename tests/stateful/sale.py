"""A sale in which everybody acts in any order, on any connection. A process may die in the middle of a deed.

Its payments are made at the sandbox, which remembers on its own side what it has received and sent back.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg

from boxoffice.errors import Busy
from tests.helpers import factories
from tests.helpers.payers import prove
from tests.helpers.provider_servers import Sandbox
from tests.helpers.racing import on, wait_for_rollbacks
from tests.helpers.support import Answer, Client

# Three decimals, of which the last must be 0. OFF_STEP finds what nobody could pay.
CURRENCY = "KWD"
OFF_STEP = """SELECT order_id, discount FROM order_items WHERE discount % 10 <> 0 OR total % 10 <> 0
    UNION ALL SELECT order_id, amount FROM order_refunds WHERE amount % 10 <> 0"""

VOUCHER = "LAUNCH"
BUYERS = [f"buyer{number}@example.com" for number in range(4)]

_LOST_WEBHOOKS = 100_000  # all that the sandbox would send by itself: deeds tell of what it knows, so that they can die


class Died(BaseException):
    """The process has died in the middle of a deed."""


@dataclass
class Purchase:
    """A request for an order, to be repeated, and the order if an answer has named it."""

    body: dict[str, Any]
    key: str
    order: str | None = None


@dataclass
class Sale:
    """Two events on sale, with few tickets, so that they sell out, and another organisation's shop.

    A third event is over, so what it has earned is to be released.

    Attributes:
        conn: a connection to look at the database. Deeds run on other connections.
        sandbox: the provider.
        owner: the organisation's owner.
        admin: an admin, for the money matters of the platform.
        event: the main event, whose last ticket type is seated. Its payments may take days.
        doubtful_event: an event that may be cancelled.
        ticket_types: the ticket types of both events. The first is the doubtful event's.
        other_shop: the ticket type of another organisation.
        payout_method: where the organisation is paid out to.
        purchases: the requests for orders so far.
        alone: True if nobody else changes anything during a deed.
    """

    conn: psycopg.Connection
    sandbox: Sandbox
    organisation: UUID
    manager: UUID
    owner: UUID
    admin: UUID
    event: UUID
    doubtful_event: UUID
    ticket_types: list[UUID]
    other_shop: UUID
    payout_method: UUID
    purchases: list[Purchase] = field(default_factory=list)
    alone: bool = True

    @classmethod
    def open(cls, conn: psycopg.Connection, sandbox: Sandbox) -> "Sale":
        """Put the events on sale."""
        sandbox.reset()
        sandbox.order("webhook", "lost", times=_LOST_WEBHOOKS)
        owner = factories.account(conn)
        organisation = factories.organisation(conn, owner=owner)
        manager = factories.member(conn, organisation, "manager")
        late = {"late_payments_until": factories.NOW + timedelta(days=20), "late_payments_share": 50}
        event = factories.event(conn, organisation_id=organisation, currency=CURRENCY, **late)
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
        voucher = {"code": VOUCHER, "discount": discount, "max_redemptions": 6, "max_per_buyer": 2}
        with on(conn):
            allow(Client().put(f"/v1/ticket-types/{types[-1]}/seats", {"rows": rows}, account=manager), 200)
            allow(Client().post(f"/v1/events/{event}/vouchers", voucher, account=manager), 201)
        other_shop = factories.ticket_type(conn, event_id=factories.event(conn, currency=CURRENCY), quantity=15)
        admin = factories.account(conn, is_admin=True)
        method = factories.payout_method(conn, organisation, currency=CURRENCY)
        _let_one_be_over(conn, organisation)
        return cls(conn, sandbox, organisation, manager, owner, admin, event, doubtful, types, other_shop, method)

    def let_wait(self, people: int) -> None:
        """Let so many people wait for the cheapest ticket type of the main event that costs something."""
        self.conn.execute(
            """INSERT INTO waitlist_entries (id, organisation_id, event_id, ticket_type_id, name, email, mailbox,
                quantity)
            SELECT uuidv7(), %s, %s, %s, 'Ada Waiting', 'waiting' || number || '@example.com',
                'waiting' || number || '@example.com', 1 + number %% 4
            FROM generate_series(1, %s) AS number""",
            [self.organisation, self.event, self.ticket_types[2], people],
        )

    def some(self, choice: Random, query: str, *params: object) -> Any:
        """Return one of the rows that a query finds, or None."""
        rows = self.conn.execute(query, params).fetchall()
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


def _let_one_be_over(conn: psycopg.Connection, organisation: UUID) -> None:
    """Sell tickets of an event to two buyers by a bank, and let the event be over for weeks."""
    event = factories.event(conn, organisation_id=organisation, currency=CURRENCY)
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=10, price=3000)
    with on(conn):
        for _ in range(2):
            order = {"order": str(factories.order(conn, ticket_type)), "status": "PAID"}
            body = json.dumps(order).encode()
            answer = Client().post("/v1/webhooks/generic", body, headers=prove("generic", body))
            assert allow(answer, 200).json["effect"] == "paid"
    conn.execute(
        "UPDATE events SET starts_at = now() - interval '21 days', ends_at = now() - interval '20 days', "
        "doors_open_at = NULL WHERE id = %s",
        [event],
    )


type Deed = Callable[[Sale, Client, Random], None]

_AWAY = ("busy", "provider_busy", "provider_unavailable")
"""Whoever gets one of these comes back later."""


def do(sale: Sale, api: Client, deed: Deed, choice: Random, conn: psycopg.Connection, dies_at: int | None) -> None:
    """Do a deed on a connection. With ``dies_at``, let the process die at that moment.

    Moments count from 0. Even moments are before a round trip, odd ones after it.
    """
    try:
        with on(conn), _dying(conn, dies_at):
            deed(sale, api, choice)
    except Died:
        if sale.alone:
            wait_for_rollbacks(sale.conn)
    except Busy:  # a job gave up waiting for the others, as a request does that answers `busy`: its next run goes on
        if sale.alone:
            raise


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


def request(items: list[dict[str, Any]], choice: Random) -> dict[str, Any]:
    """Return the body of a request for an order."""
    return {"items": items, "buyer": {"name": "Ada Buyer", "email": choice.choice(BUYERS)}}


def post(api: Client, path: str, body: Any = None, **options: Any) -> Answer:
    """Send a request that the sale may refuse."""
    return allow(api.post(path, body, **options))


def allow(answer: Answer, *statuses: int) -> Answer:
    """Check that an answer is no failure of the server, and has one of the ``statuses`` if any are given."""
    assert answer.status < 500 or answer.code in _AWAY, answer.body
    assert answer.status in (statuses or (answer.status,)), answer.body
    return answer
