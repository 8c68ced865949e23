"""The worker sends what is due to an endpoint, turn by turn, and holds nobody else up."""

import json
from datetime import UTC, datetime, timedelta
from socket import socket
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.ids import new_id
from boxoffice.webhooks import owed, rules
from tests.helpers import factories, invariants, mailbox, sellers
from tests.helpers.receivers import Receiver, http, make_all_due, receiver, take_turn
from tests.helpers.support import Client, context, function

NO = http(500, b"no")


def state(conn: Connection, endpoint: UUID) -> tuple[Any, ...]:
    """Return the failures of an endpoint, for how many seconds it waits, and why it is disabled."""
    row = conn.execute(
        """SELECT failures, round(extract(epoch FROM next_turn_at - now()))::integer, disabled_reason
        FROM webhook_endpoints WHERE id = %s""",
        [endpoint],
    ).fetchone()
    assert row is not None
    return row


def statuses(conn: Connection) -> list[str]:
    return [status for (status,) in conn.execute("SELECT status FROM webhook_deliveries ORDER BY id").fetchall()]


def owe(conn: Connection, endpoint: UUID, number: int) -> list[str]:
    return [str(factories.webhook_delivery(conn, endpoint)) for _ in range(number)]


def asked_turns(url: str) -> list[str]:
    """Take all records from the queue. Return the endpoints whose turns they ask for."""
    import boto3

    sqs, found = boto3.client("sqs"), list[str]()
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            found.append(json.loads(message["Body"])["endpoint_id"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


@pytest.fixture
def turns_queue(api: Client) -> str:
    url = config.settings().webhook_queue_url
    asked_turns(url)
    return url


def relay() -> dict[str, Any]:
    return dict(function("relay_outbox").handler({}, context("relay_outbox")))


def test_a_turn_sends_all_that_is_due_ten_at_once(conn: Connection, endpoint: UUID, shop: Receiver) -> None:
    ids = owe(conn, endpoint, 25)
    factories.webhook_delivery(conn, endpoint, due_at=datetime.now(UTC) + timedelta(minutes=1))

    assert take_turn(endpoint) == {"batchItemFailures": []}

    assert sorted(shop.ids) == sorted(ids)
    assert statuses(conn) == ["delivered"] * 25 + ["pending"]
    assert shop.most_at_once <= rules.AT_ONCE
    assert state(conn, endpoint) == (0, 0, None)
    invariants.check(conn)


def test_a_change_asks_for_a_turn_once_for_each_endpoint(
    api: Client, conn: Connection, organisation: UUID, endpoint: UUID, turns_queue: str
) -> None:
    other = factories.webhook_endpoint(conn, organisation)
    factories.webhook_endpoint(conn, organisation, types=["order.paid"])
    with conn.transaction():
        owed.owe(conn, "event.deleted", [(organisation, {}), (organisation, {})])
    conn.run_effects()

    assert sorted(asked_turns(turns_queue)) == sorted([str(endpoint), str(other)])
    assert len(statuses(conn)) == 4


def test_a_lost_nudge_is_made_up_for_by_the_job(
    conn: Connection, endpoint: UUID, organisation: UUID, turns_queue: str
) -> None:
    owe(conn, endpoint, 3)
    factories.webhook_endpoint(conn, organisation)
    busy = factories.webhook_endpoint(conn, organisation, next_turn_at=datetime.now(UTC) + timedelta(minutes=1))
    owe(conn, busy, 1)

    assert relay()["webhook_turns"] == 1
    assert asked_turns(turns_queue) == [str(endpoint)]


def test_while_a_worker_has_the_turn_nobody_else_has(conn: Connection, endpoint: UUID, shop: Receiver) -> None:
    owe(conn, endpoint, 1)
    conn.execute("UPDATE webhook_endpoints SET next_turn_at = now() + interval '90 seconds'")

    assert take_turn(endpoint) == {"batchItemFailures": []}
    assert shop.requests == []

    make_all_due(conn)
    take_turn(endpoint)
    assert len(shop.requests) == 1


def test_failures_in_a_row_let_all_webhooks_of_an_endpoint_wait_together(
    conn: Connection, endpoint: UUID, shop: Receiver, turns_queue: str
) -> None:
    shop.usual = NO
    owe(conn, endpoint, 30)

    take_turn(endpoint)
    assert len(shop.requests) == 10, "one round: it goes on only while all goes well"
    assert state(conn, endpoint) == (10, 30, None)
    assert asked_turns(turns_queue) == [], "the job asks once the pause is over"
    assert relay()["webhook_turns"] == 0
    take_turn(endpoint)
    assert len(shop.requests) == 10

    make_all_due(conn)
    take_turn(endpoint)
    assert len(shop.requests) == 11, "one tries if it is back"
    assert state(conn, endpoint) == (11, 60, None)

    shop.usual = http(200)
    make_all_due(conn)
    take_turn(endpoint)
    assert statuses(conn) == ["delivered"] * 30
    assert state(conn, endpoint) == (0, 0, None)


def test_one_that_fails_holds_no_other_up(conn: Connection, endpoint: UUID, shop: Receiver, turns_queue: str) -> None:
    shop.answers = [NO]
    owe(conn, endpoint, 12)

    take_turn(endpoint)
    assert statuses(conn).count("delivered") == 9
    assert state(conn, endpoint) == (0, 0, None), "one success ends a row of failures"
    assert asked_turns(turns_queue) == [str(endpoint)], "for the two that were not tried yet"
    take_turn(endpoint)
    assert statuses(conn).count("delivered") == 11


def test_an_endpoint_that_is_overloaded_is_left_alone(conn: Connection, endpoint: UUID, shop: Receiver) -> None:
    shop.usual = http(429, b"slow down", Retry_After="600")
    owe(conn, endpoint, 1)

    take_turn(endpoint)

    assert state(conn, endpoint) == (1, 600, None)
    assert conn.execute("SELECT round(extract(epoch FROM due_at - now())) FROM webhook_deliveries").fetchall() == [
        (600,)
    ]


def test_an_endpoint_that_is_gone_is_disabled_and_its_owners_told(
    api: Client, conn: Connection, endpoint: UUID, owner: UUID, shop: Receiver, aws_url: str
) -> None:
    shop.usual = http(410, b"bye")
    owe(conn, endpoint, 12)

    take_turn(endpoint)

    assert state(conn, endpoint)[2] == "gone"
    (address,) = conn.execute("SELECT email FROM accounts WHERE id = %s", [owner]).fetchone() or ()
    assert sellers.outbox_of(conn, "webhook_endpoint_disabled") == [(address, {"endpoint_id": str(endpoint)})]
    (message,) = conn.execute("SELECT id FROM outbox").fetchone() or ()
    assert mailbox.deliver(message) == []
    (mail,) = mailbox.inbox(aws_url, address)
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert shop.url in text
    assert "It answered that it is gone" in text
    assert relay()["stranded_webhooks"] == 12
    assert statuses(conn) == ["failed"] * 12
    assert {error for (error,) in conn.execute("SELECT error FROM webhook_deliveries")} == {"the endpoint was disabled"}
    entry = conn.execute("SELECT actor_kind, action, details FROM audit_log").fetchall()
    assert entry == [("platform", "disable_webhook_endpoint", {"why": "gone"})]
    invariants.check(conn)


def test_an_endpoint_is_disabled_after_five_days_of_failures_alone(
    conn: Connection, endpoint: UUID, owner: UUID, shop: Receiver
) -> None:
    shop.usual = NO
    owe(conn, endpoint, 1)
    for days, reason in ((4, None), (5, "failing")):
        make_all_due(conn)
        conn.execute(
            "UPDATE webhook_endpoints SET failures = 20, failing_since = now() - make_interval(days => %s)", [days]
        )
        take_turn(endpoint)
        assert state(conn, endpoint)[2] == reason
    assert len(sellers.outbox_of(conn, "webhook_endpoint_disabled")) == 1


def test_no_email_goes_out_if_the_endpoint_is_enabled_again(
    conn: Connection, endpoint: UUID, owner: UUID, shop: Receiver
) -> None:
    shop.usual = http(410)
    owe(conn, endpoint, 1)
    take_turn(endpoint)
    conn.execute("UPDATE webhook_endpoints SET disabled_at = NULL, disabled_reason = NULL")
    (message,) = conn.execute("SELECT id FROM outbox").fetchone() or ()

    mailbox.deliver(message)

    assert conn.execute("SELECT status FROM outbox").fetchall() == [("dropped",)]


def test_a_change_of_the_endpoint_wins_over_a_turn_that_is_under_way(
    conn: Connection, endpoint: UUID, shop: Receiver
) -> None:
    """The owner names another URL while a request to the former one is under way."""
    with receiver() as new:

        def repair(connection: socket) -> None:
            conn.execute("UPDATE webhook_endpoints SET url = %s, next_turn_at = now(), version = 2", [new.url])
            connection.sendall(http(410))

        shop.answers = [repair]
        (delivery,) = owe(conn, endpoint, 1)
        take_turn(endpoint)
        assert state(conn, endpoint) == (0, 0, None), "what the former URL answered does not count"

        make_all_due(conn)
        take_turn(endpoint)
        assert new.ids == [delivery]


def test_a_webhook_that_kills_its_workers_is_given_up(conn: Connection, endpoint: UUID, shop: Receiver) -> None:
    factories.webhook_delivery(conn, endpoint, status="sending", attempts=10, due_at=datetime.now(UTC))

    take_turn(endpoint)

    assert shop.requests == []
    assert conn.execute("SELECT status, error FROM webhook_deliveries").fetchall() == [
        ("failed", "no attempt came to an end")
    ]


def test_what_fails_ten_times_has_failed_for_good(conn: Connection, endpoint: UUID, shop: Receiver) -> None:
    shop.usual = NO
    owe(conn, endpoint, 1)
    for _ in range(9):
        take_turn(endpoint)
        make_all_due(conn)
    assert statuses(conn) == ["pending"]
    take_turn(endpoint)
    assert statuses(conn) == ["failed"]
    make_all_due(conn)
    take_turn(endpoint)
    assert len(shop.requests) == 10


def test_where_loopback_is_not_allowed_nothing_leaves(
    conn: Connection, endpoint: UUID, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE", "prod")
    config.settings.cache_clear()
    owe(conn, endpoint, 1)

    take_turn(endpoint)

    assert shop.connections == 0
    (error,) = conn.execute("SELECT error FROM webhook_deliveries").fetchone() or ()
    assert error == "the name of the host leads to an address that is not public"


@pytest.mark.parametrize("body", ["{}", "nonsense"])
def test_a_record_that_names_no_endpoint_belongs_to_the_dead_letters(api: Client, body: str) -> None:
    record = {"messageId": "1", "body": body}
    fresh = context("deliver_webhook")
    fresh.get_remaining_time_in_millis = lambda: 60_000
    answer = function("deliver_webhook").handler({"Records": [record]}, fresh)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def test_an_endpoint_that_nobody_knows_has_no_turn(api: Client) -> None:
    assert take_turn(new_id()) == {"batchItemFailures": []}


def test_what_has_ended_is_purged_after_a_while(conn: Connection, organisation: UUID, endpoint: UUID) -> None:
    old = datetime.now(UTC) - timedelta(days=400)
    for status in ("delivered", "failed", "pending"):
        error = "no" if status == "failed" else None
        factories.webhook_delivery(conn, endpoint, status=status, error=error, created_at=old)
    factories.webhook_delivery(conn, endpoint, status="delivered")
    deleted: dict[str, Any] = {"disabled_at": datetime.now(UTC) - timedelta(days=2), "disabled_reason": "deleted"}
    empty = factories.webhook_endpoint(conn, organisation, b"a" * 32, b"b" * 32, **deleted)
    conn.execute("DELETE FROM webhook_secrets WHERE endpoint_id = %s", [empty])
    full = factories.webhook_endpoint(conn, organisation, **deleted)
    conn.execute("DELETE FROM webhook_secrets WHERE endpoint_id = %s", [full])
    factories.webhook_delivery(conn, full, status="delivered")

    report = function("purge_personal_data").handler({}, context())

    assert (report["webhooks"], report["webhook_endpoints"]) == (2, 1)
    assert sorted(statuses(conn)) == ["delivered", "delivered", "pending"]
    assert {each for (each,) in conn.execute("SELECT id FROM webhook_endpoints")} == {endpoint, full}
