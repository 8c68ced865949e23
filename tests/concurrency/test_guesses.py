"""Attacks by many requests at once. Each counts before anybody looks at what it guesses."""

from collections import Counter
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import db, outbox
from tests.helpers import factories, invariants
from tests.helpers.factories import order_request
from tests.helpers.people import PASSWORD, sign_up
from tests.helpers.racing import deadlocks, race_in_processes
from tests.helpers.support import Answer, Client, Database

BURST = 24


def at_once(database: Database, act: object, racers: int = BURST) -> list[str]:
    """Return how so many requests at once are answered: the code of each, or its status if it is none."""

    def run(racer: db.Connection, number: int) -> str:
        db._connection, outbox.enqueue = racer, lambda *_: []
        answer: Answer = act(number)  # type: ignore[operator]
        return str(answer.json["code"]) if answer.status >= 400 else str(answer.status)

    return race_in_processes(database, racers, run)


def test_of_passwords_for_one_account_from_many_networks_ten_are_looked_at(
    api: Client, database: Database, conn: Connection
) -> None:
    person = sign_up(api)

    def guess(number: int) -> Answer:
        password = PASSWORD if number == BURST - 1 else f"wrong {number}"
        return api.post("/v1/sessions", {"email": person.email, "password": password}, address=f"192.0.2.{number}")

    answers = Counter(at_once(database, guess))

    looked_at = answers["wrong_credentials"] + answers["200"]
    assert 10 <= looked_at <= 11, "a right one may make room for one more"
    assert answers["too_many_requests"] == BURST - looked_at
    counted = conn.execute("SELECT attempts FROM rate_limits WHERE bucket = %s", [f"password {person.email}"])
    assert counted.fetchall() == [(answers["wrong_credentials"],)]
    assert deadlocks(conn) == 0


@pytest.fixture
def ticket_type(conn: Connection) -> UUID:
    event = factories.event(conn)
    factories.voucher(conn, event, code="RIGHT")
    return factories.ticket_type(conn, event_id=event, quantity=100)


@pytest.mark.parametrize("used_key", [False, True])
def test_of_voucher_codes_of_one_buyer_ten_are_looked_at(
    api: Client, database: Database, conn: Connection, ticket_type: UUID, used_key: bool
) -> None:
    buyer = {"name": "Eve", "email": "eve@example.com"}
    assert api.post("/v1/orders", order_request(ticket_type, buyer=buyer), key="used").status == 201

    def guess(number: int) -> Answer:
        body = order_request(ticket_type, voucher=f"WRONG{number}", buyer=buyer)
        return api.post("/v1/orders", body, key="used" if used_key else "new")

    answers = Counter(at_once(database, guess))

    refusal = "idempotency_key_reused" if used_key else "voucher_not_found"
    assert answers == {refusal: 10, "too_many_requests": BURST - 10}
    counted = conn.execute("SELECT attempts FROM rate_limits WHERE bucket LIKE 'voucher%'")
    assert counted.fetchall() == [(10,), (10,)]
    assert deadlocks(conn) == 0


def test_right_codes_at_once_count_for_nobody(
    api: Client, database: Database, conn: Connection, ticket_type: UUID
) -> None:
    """Ten buyers behind one address use a code of a campaign."""
    assert api.post("/v1/orders", order_request(ticket_type), key="new").status == 201

    answers = at_once(
        database, lambda _: api.post("/v1/orders", order_request(ticket_type, voucher="RIGHT"), key="new"), 10
    )

    assert answers == ["201"] * 10
    assert conn.execute("SELECT FROM rate_limits").fetchall() == []
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_free_orders_at_once_put_no_more_emails_into_a_mailbox_than_its_limit(
    api: Client, database: Database, conn: Connection
) -> None:
    free = factories.ticket_type(conn, price=0, quantity=100)
    paid = factories.ticket_type(conn, quantity=100)
    assert api.post("/v1/orders", order_request(paid), key="new").status == 201

    def order(number: int) -> Answer:
        buyer = {"name": "Eve", "email": f"ada+{number}@example.com"}
        return api.post("/v1/orders", order_request(free, buyer=buyer), key="new", address=f"192.0.2.{number}")

    answers = Counter(at_once(database, order))

    assert answers == {"201": 10, "too_many_requests": BURST - 10}
    assert conn.execute("SELECT count(*) FROM outbox WHERE recipient LIKE 'ada+%'").fetchone() == (10,)
    assert deadlocks(conn) == 0
    invariants.check(conn)
