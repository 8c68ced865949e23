"""POST /v1/webhooks/generic"""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants
from tests.helpers.payers import prove, refunds, started, tell
from tests.helpers.provider_servers import send_webhook
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Answer, Client, context, function

SECRET = prove("generic", b"")["X-Webhook-Secret"]


@pytest.fixture
def ticket_type(api: Client, conn: Connection) -> UUID:
    return factories.ticket_type(conn, quantity=10)


@pytest.fixture
def order(conn: Connection, ticket_type: UUID) -> UUID:
    return factories.order(conn, ticket_type, number="K7QW3MPX")


def say(api: Client, order: object, status: str = "PAID", **more: object) -> Answer:
    return send_webhook(api, "generic", {"order": str(order), "status": status, **more})


def payments(conn: Connection) -> list[tuple[str, str, int]]:
    return conn.execute("SELECT provider, status, amount FROM payments").fetchall()


@pytest.mark.parametrize("named", ["id", "K7QW3MPX", "k7qw-3mpx", " K7QW 3MPX "])
def test_paid(api: Client, conn: Connection, order: UUID, named: str) -> None:
    answer = say(api, order if named == "id" else named)

    assert (answer.status, answer.json) == (200, {"event_id": f"{order}:PAID", "effect": "paid"})
    assert payments(conn) == [("generic", "succeeded", 10_000)]
    assert conn.execute("SELECT status FROM orders").fetchall() == [("paid",)]
    invariants.check(conn)


def test_paid_twice_pays_once_however_the_order_is_named(api: Client, conn: Connection, order: UUID) -> None:
    assert [say(api, each).json["effect"] for each in (order, "K7QW3MPX")] == ["paid", "paid"]
    assert refunds(conn) == []
    invariants.check(conn)


class TestNamedByTheBank:
    def test_a_repeat_changes_nothing_and_a_second_payment_goes_back(
        self, api: Client, conn: Connection, order: UUID
    ) -> None:
        effects = [say(api, order, payment=name).json["effect"] for name in ("TX-1", "TX-1", "TX-2")]

        assert effects == ["paid", "paid", "returned"]
        assert conn.execute("SELECT reference, pays_order FROM incoming_payments ORDER BY id").fetchall() == [
            ("TX-1", True),
            ("TX-2", False),
        ]
        assert [amount for _, amount, _ in refunds(conn)] == [10_000]
        invariants.check(conn)

    def test_two_payers_who_write_the_same_words_are_two_matters(self, api: Client, conn: Connection) -> None:
        for name in ("TX-1", "TX-2", "TX-2"):
            assert say(api, "the concert", payment=name).json["effect"] == "unknown_payment"

        assert conn.execute("SELECT reference FROM money_matters ORDER BY id").fetchall() == [("TX-1",), ("TX-2",)]
        invariants.check(conn)

    def test_money_that_a_person_has_assigned_counts_once(self, api: Client, conn: Connection, order: UUID) -> None:
        say(api, "the concert", payment="TX-1")
        row = conn.execute("SELECT id FROM money_matters").fetchone()
        assert row is not None
        path, admin = f"/v1/organisations/{UUID(int=0)}/money-matters/{row[0]}", factories.account(conn, is_admin=True)
        settled = api.post(path, {"action": "assign", "order": "K7QW-3MPX"}, account=admin, key="new")
        assert settled.json["resolution"] == "assigned: paid"

        assert say(api, order, payment="TX-1").json["effect"] == "ignored"
        assert refunds(conn) == []
        invariants.check(conn)


def test_rejected_and_then_paid_pays_the_order(api: Client, conn: Connection, order: UUID) -> None:
    assert say(api, order, "REJECTED", reason="no funds").json["effect"] == "failed"
    assert payments(conn) == [("generic", "failed", 10_000)]
    assert conn.execute("SELECT payload ->> 'reason' FROM provider_events").fetchall() == [("no funds",)]

    assert say(api, order).json["effect"] == "paid"
    assert say(api, order, "REJECTED").json["effect"] == "failed"
    assert payments(conn) == [("generic", "succeeded", 10_000)]
    invariants.check(conn)


def test_paid_after_the_hold_takes_stock_again(api: Client, conn: Connection, order: UUID) -> None:
    conn.execute("UPDATE orders SET expires_at = %s", [datetime.now(UTC) - timedelta(minutes=1)])
    function("expire_orders").handler({}, context())

    assert say(api, order).json["effect"] == "paid"
    invariants.check(conn)


def test_a_refund_waits_for_people_who_send_it(api: Client, conn: Connection, order: UUID) -> None:
    tell(api, started(api, order))

    assert say(api, order).json["effect"] == "returned"

    assert conn.execute("SELECT status, due_at FROM refunds").fetchall() == [("by_hand", None)]
    assert conn.execute("SELECT kind, provider FROM money_matters").fetchall() == [("refund_by_hand", "generic")]
    invariants.check(conn)


def test_an_event_about_an_unknown_order_is_stored(api: Client, conn: Connection) -> None:
    for unknown in (uuid4(), "ZZZZZZZZ", "'; --"):
        answer = say(api, unknown)
        assert (answer.status, answer.json["effect"]) == (200, "unknown_payment")
    assert conn.execute("SELECT count(*) FROM provider_events").fetchone() == (3,)


def test_a_free_order_needs_no_payment(api: Client, conn: Connection) -> None:
    free = factories.paid_order(conn, factories.ticket_type(conn, price=0))

    assert say(api, free).json["effect"] == "unknown_payment"
    invariants.check(conn)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"order": "K7QW3MPX"},
        {"status": "PAID"},
        {"order": "", "status": "PAID"},
        {"order": "K7QW3MPX", "status": "paid"},
        {"order": 7, "status": "PAID"},
        {"order": "\0", "status": "PAID"},
        {"order": "K" * 201, "status": "PAID"},
        {"order": "K7QW3MPX", "status": "PAID", "amount": 1},
        {"order": "K7QW3MPX", "status": "PAID", "payment": ""},
        {"order": "K7QW3MPX", "status": "PAID", "payment": "a b"},
        {"order": "K7QW3MPX", "status": "PAID", "payment": "x" * 101},
        {"order": "K7QW3MPX", "status": "PAID", "reason": "\ud800"},
    ],
)
def test_an_event_with_impossible_values_is_malformed(
    api: Client, conn: Connection, order: UUID, body: dict[str, object]
) -> None:
    before = snapshot(conn)

    answer = send_webhook(api, "generic", body)

    assert (answer.status, answer.code) == (400, "malformed")
    assert snapshot(conn) == before


@pytest.mark.parametrize("shown", [None, "", "secret", f"{SECRET} ", SECRET.upper(), "é"])
def test_without_the_secret_an_event_is_refused(api: Client, conn: Connection, order: UUID, shown: str | None) -> None:
    headers = {} if shown is None else {"X-Webhook-Secret": shown}

    answer = api.post("/v1/webhooks/generic", {"order": str(order), "status": "PAID"}, headers=headers)

    assert (answer.status, answer.code) == (401, "signature_wrong")
    assert payments(conn) == []
