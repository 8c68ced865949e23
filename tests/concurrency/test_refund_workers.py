"""Several workers of the refund queue at once send each refund once, and keep the pace of the provider."""

import json
import time
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.payments import calls, sending
from tests.helpers import factories, invariants
from tests.helpers.payers import started, tell
from tests.helpers.provider_servers import Sandbox, context_of_a_minute, due_at, make_all_due
from tests.helpers.racing import race_in_processes
from tests.helpers.support import Client, Database, function, run_python

REFUNDS, EACH = 60, 50

WORK = """
import json, sys
from tests.helpers.provider_servers import context_of_a_minute
from tests.helpers.support import function
function("send_refunds").handler(json.loads(sys.argv[1]), context_of_a_minute())
"""


@pytest.fixture
def payment(sandbox: Sandbox, api: Client, conn: Connection) -> dict[str, Any]:
    """Pay an order at the sandbox, and owe many refunds of it."""
    order = factories.order(conn, factories.ticket_type(conn, price=2500))
    payment = started(api, order)
    sandbox.decide(payment)
    assert tell(api, payment).json["effect"] == "paid"
    for _ in range(REFUNDS):
        with conn.transaction():
            sending.owe_refund(conn, UUID(payment["id"]), EACH, "asked for")
    sandbox.take_answers()
    return payment


def work() -> int:
    """Run a worker. Return how many refunds it tried."""
    return int(function("send_refunds").handler(due_at("sandbox"), context_of_a_minute())["refunds_tried"])


def work_beside_others(conn: Connection, _: int) -> int:
    """Run a worker in a forked process."""
    calls._pool.cache_clear()
    db._connection = conn  # type: ignore[assignment]
    return work()


def statuses(conn: Connection) -> list[tuple[str, int]]:
    return conn.execute("SELECT status, count(*) FROM refunds GROUP BY status").fetchall()


def test_four_workers_send_each_refund_once(
    sandbox: Sandbox, database: Database, conn: Connection, payment: dict[str, Any]
) -> None:
    sandbox.set_pace(50)

    began = time.monotonic()
    tried = race_in_processes(database, 4, work_beside_others)
    seconds = time.monotonic() - began

    assert sum(tried) == REFUNDS
    assert sum(1 for each in tried if each) >= 2, "they share the work"
    assert statuses(conn) == [("succeeded", REFUNDS)]
    assert sandbox.show(payment)["refunded"] == EACH * REFUNDS
    answers = sandbox.take_answers()
    assert [(each["operation"], each["status"]) for each in answers] == [("refund", 200)] * REFUNDS
    assert seconds >= (REFUNDS - 1) / 50
    assert race_in_processes(database, 2, work_beside_others) == [0, 0], "a record that comes again changes nothing"
    assert sandbox.take_answers() == []
    invariants.check(conn)


def test_a_worker_that_dies_sends_nothing_twice_and_loses_nothing(
    sandbox: Sandbox, database: Database, conn: Connection, payment: dict[str, Any]
) -> None:
    sandbox.order("refund", "delayed", times=REFUNDS, seconds=0.5)
    worker = run_python(f"import sys; sys.argv[1:] = {[json.dumps(due_at('sandbox'))]!r}\n{WORK}")
    deadline = time.monotonic() + 20
    while not sandbox.show(payment)["refunded"]:
        assert time.monotonic() < deadline, "the worker did not begin"
        time.sleep(0.02)
    worker.kill()
    worker.communicate()
    sandbox.control("forget")

    assert work() < REFUNDS, "what is leased is left alone"
    make_all_due(conn)
    work()

    assert statuses(conn) == [("succeeded", REFUNDS)]
    assert sandbox.show(payment)["refunded"] == EACH * REFUNDS
    invariants.check(conn)


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"provider": 7, "merchant_id": "x"}', '{"provider": "sandbox"}'])
def test_a_record_that_names_no_account_goes_to_the_dead_letters(api: Client, record: str) -> None:
    with pytest.raises(ValueError, match="names no account"):
        function("send_refunds").handler({"Records": [{"messageId": "1", "body": record}]}, context_of_a_minute())
