"""Calls keep the pace that a provider allows, and a provider that got too many calls is not taken for a dead one."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.observability import take_measurements
from boxoffice.orders import service as orders
from boxoffice.payments import pace, providers, sending
from boxoffice.payments.errors import ProviderBusy
from boxoffice.payments.models import PLATFORM_MERCHANT
from boxoffice.payments.providers import ProviderInfo
from tests.helpers import factories
from tests.helpers.payers import start, started
from tests.helpers.provider_servers import Sandbox, Stripe, make_all_due, put_account, read_account
from tests.helpers.support import Client

type Job = Callable[[], dict[str, Any]]


@pytest.fixture
def stripe_info(api: Client) -> ProviderInfo:
    return providers.load("stripe").INFO


@pytest.fixture
def ticket_type(api: Client, conn: Connection) -> UUID:
    return factories.ticket_type(conn, price=2500, quantity=1000)


def take(conn: Connection, info: ProviderInfo, turns: int = 1, operation: Any = "create", wait: float = 15) -> float:
    return pace.take_turns(conn, info, PLATFORM_MERCHANT, operation, turns, wait)


def next_turn(conn: Connection) -> tuple[Any, ...] | None:
    """Return the row of the only pace, with the name of its version."""
    return conn.execute("SELECT ctid, xmin, next_at FROM paces").fetchone()


class TestTurns:
    def test_they_come_25_a_second(self, stripe_info: ProviderInfo, conn: Connection) -> None:
        waits = [take(conn, stripe_info, turns=100) for _ in range(4)]

        assert waits == pytest.approx([0, 4, 8, 12], abs=0.5)

    def test_several_at_once_take_as_many(self, stripe_info: ProviderInfo, conn: Connection) -> None:
        assert take(conn, stripe_info, turns=50) == 0
        assert take(conn, stripe_info) == pytest.approx(2, abs=0.5)

    def test_beyond_ten_seconds_a_buyer_takes_none_and_writes_nothing(
        self, stripe_info: ProviderInfo, conn: Connection
    ) -> None:
        take(conn, stripe_info, turns=300)
        before = next_turn(conn)

        with pytest.raises(ProviderBusy) as refused:
            take(conn, stripe_info, wait=pace.BUYERS_WAIT)

        assert refused.value.retry_after == 12
        assert next_turn(conn) == before
        assert take(conn, stripe_info, wait=13) == pytest.approx(12, abs=0.5)

    def test_operations_and_accounts_have_turns_of_their_own(self, stripe_info: ProviderInfo, conn: Connection) -> None:
        take(conn, stripe_info, turns=200)
        put_account(f"boxoffice/local/organisations/{(own := uuid4())}/stripe", {"secret_key": "sk_own"})

        assert take(conn, stripe_info, operation="refund") == 0
        assert take(conn, stripe_info, operation="fetch") == 0
        assert pace.take_turns(conn, stripe_info, own, "create", 1, 0) == 0

    def test_after_too_many_calls_the_next_turn_is_later(self, stripe_info: ProviderInfo, conn: Connection) -> None:
        take(conn, stripe_info)

        pace.slow_down(conn, "stripe", PLATFORM_MERCHANT, "create", 3)
        assert take(conn, stripe_info) == pytest.approx(3, abs=0.5)
        pace.slow_down(conn, "stripe", PLATFORM_MERCHANT, "create", 1)
        assert take(conn, stripe_info) == pytest.approx(3.04, abs=0.5)


@pytest.mark.parametrize(
    ("fields", "create", "fetch", "refund"),
    [
        ({}, 25, 25, 25),
        ({"account_pace": "25"}, 12.5, 6.25, 6.25),  # Stripe allows a test account 25 calls a second in all
        ({"account_pace": "400", "endpoint_pace": "80"}, 80, 80, 80),
        ({"account_pace": "0", "endpoint_pace": "-1"}, 25, 25, 25),  # no paces
        ({"account_pace": "many", "endpoint_pace": "nan"}, 25, 25, 25),
    ],
)
def test_operations_share_what_an_account_may_do(
    stripe_info: ProviderInfo, fields: dict[str, str], create: float, fetch: float, refund: float
) -> None:
    account = read_account("stripe")
    put_account("stripe", account | fields)
    operations: list[Any] = ["create", "fetch", "refund"]

    paces = [1 / pace.interval_of(stripe_info, PLATFORM_MERCHANT, operation) for operation in operations]

    put_account("stripe", account)
    assert paces == [create, fetch, refund]
    assert sum(paces) <= {"25": 25, "400": 400}.get(fields.get("account_pace", ""), 100)


def test_whoever_is_refused_comes_back_at_random_within_the_time_that_all_need(
    stripe_info: ProviderInfo, conn: Connection, ticket_type: UUID
) -> None:
    order = factories.order(conn, ticket_type)
    conn.execute(
        """INSERT INTO payments (id, order_id, provider, amount, currency)
        SELECT gen_random_uuid(), %s, 'stripe', 5000, 'NGN' FROM generate_series(1, 500)""",
        [order],
    )

    returns = [pace.return_in(conn, stripe_info, PLATFORM_MERCHANT, ProviderBusy(retry_after=10)) for _ in range(400)]

    # 500 need 20 s at 25 a second. The first return once half of the queue is through.
    assert min(returns) >= 5
    assert max(returns) <= 25
    counts = [returns.count(second) for second in range(6, 26)]
    assert all(5 <= count <= 45 for count in counts), counts


def test_a_buyer_who_is_refused_may_repeat_with_the_same_key(
    sandbox: Sandbox, api: Client, conn: Connection, ticket_type: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.set_pace(2)
    monkeypatch.setattr(pace, "BUYERS_WAIT", 0.4)
    first, second = (factories.order(conn, ticket_type) for _ in range(2))
    started(api, first)

    refused = start(api, second, key="k")
    assert (refused.status, refused.code) == (503, "provider_busy")
    assert int(refused.headers["retry-after"]) == refused.json["retry_after"] >= 1
    monkeypatch.setattr(pace, "BUYERS_WAIT", 1)

    assert start(api, second, key="k").status == 201
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (2,)
    assert {each["status"] for each in sandbox.take_answers()} == {200}


class TestTooManyCalls:
    def test_a_buyer_hears_when_to_come_back_and_the_turns_move_on(
        self, stripe: Stripe, api: Client, conn: Connection, stripe_info: ProviderInfo, ticket_type: UUID
    ) -> None:
        stripe.set_mode("busy")

        answer = start(api, factories.order(conn, ticket_type), provider="stripe")

        assert (answer.status, answer.code) == (503, "provider_busy")
        assert take(conn, stripe_info) == pytest.approx(3, abs=0.5), "the stub asks for 3 s"

    def test_the_job_goes_on_with_the_account(
        self, sandbox: Sandbox, api: Client, conn: Connection, ticket_type: UUID, reconcile: Job
    ) -> None:
        sandbox.set_pace(100)
        for _ in range(45):
            factories.payment(conn, factories.order(conn, ticket_type, quantity=1), ask_at=factories.a_moment_ago())
        sandbox.order("fetch", "busy", times=2)

        assert reconcile()["asked"] == 45

        statuses = [each["status"] for each in sandbox.take_answers()]
        assert (statuses.count(429), len(statuses)) == (2, 45)

    def test_a_refund_waits_for_another_turn_and_nothing_went_wrong(
        self, sandbox: Sandbox, api: Client, conn: Connection, ticket_type: UUID, reconcile: Job
    ) -> None:
        payment = started(api, factories.order(conn, ticket_type))
        sandbox.decide(payment)
        reconcile()
        with conn.transaction():
            orders.lock_order(conn, UUID(payment["order_id"]))
            refund = sending.owe_refund(conn, UUID(payment["id"]), 100, "asked for")
        sandbox.order("refund", "busy", seconds=7)
        take_measurements()

        sending.send_refunds(conn, ids=[refund])

        status, error, due = conn.execute(
            "SELECT status, last_error, due_at BETWEEN now() AND now() + interval '8 seconds' FROM refunds"
        ).fetchall()[0]
        assert (status, error, due) == ("owed", None, True)
        counted = {each.metric for each in take_measurements()}
        assert "ProviderTooManyCalls" in counted
        assert "RefundsNotMade" not in counted
        make_all_due(conn)
        sending.send_refunds(conn, ids=[refund])
        assert conn.execute("SELECT status FROM refunds").fetchall() == [("succeeded",)]
