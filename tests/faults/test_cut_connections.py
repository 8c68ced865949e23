"""The connection is cut at each round trip of an operation. Then the operation has changed everything or nothing.

Each operation is called through its handler, so this tests the transaction of its route too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
import pytest

from boxoffice import db
from boxoffice.ids import new_id
from tests.helpers import invariants
from tests.helpers.operations import ENTITLED, Operation, build, call_of, operations, perform
from tests.helpers.racing import wait_for_rollbacks
from tests.helpers.snapshots import changed_tables, snapshot
from tests.helpers.support import Answer, Client

WRITING = sorted(name for name, operation in operations().items() if operation.method != "GET")
# What is counted before the operation. A try of a code counts for good. A job deletes a guest's hold without an order.
OF_A_TRY = {
    "confirm_phone": {"phone_codes"},
    "log_in_with_phone": {"phone_codes"},
    "create_order": {"guest_holds"},
}


@pytest.mark.parametrize("name", WRITING)
def test_an_operation_that_is_cut_off_changes_everything_or_nothing(
    api: Client, conn: psycopg.Connection, name: str
) -> None:
    operation = operations()[name]
    call = prepare(api, conn, operation)
    before = snapshot(conn)
    assert call().status < 300
    everything = changed_tables(conn, before)

    call = prepare(api, conn, operation)
    before = snapshot(conn)
    for moment in count():
        with cut_at(moment) as was_cut:
            answer = call()
        wait_for_rollbacks(conn)
        changed = changed_tables(conn, before)
        assert changed in (set(), OF_A_TRY.get(name), everything), f"cut at {moment}"
        if changed == everything or not was_cut():
            break
        assert answer.status == 503, answer.body
        if changed:
            conn.execute("UPDATE phone_codes SET tries = 0, tries_elsewhere = 0 WHERE used_at IS NULL")
            conn.execute("DELETE FROM rate_limits")

    assert changed == everything
    if operation.takes_key:
        assert call().status < 300
        assert changed_tables(conn, before) == everything
    invariants.check(conn)


def prepare(api: Client, conn: psycopg.Connection, operation: Operation) -> Callable[[], Answer]:
    """Return a function that makes the same valid call of an operation each time."""
    world = build(conn)
    valid = call_of(operation.name, world)
    caller = next(iter(ENTITLED[operation.who].values()))(world, valid)
    key = str(new_id())
    conn.execute("DELETE FROM provider_events")  # examples of webhooks always have the same id

    def call() -> Answer:
        conn.execute("DELETE FROM rate_limits")
        return perform(api, operation, valid, caller, key=key)

    return call


@contextmanager
def cut_at(moment: int) -> Iterator[Callable[[], bool]]:
    """Cut the functions' connection at a moment: an even one before a request, an odd one after its answer."""
    moments = count()
    wait = db.Connection.wait

    def cut_if_it_is_time(conn: db.Connection) -> None:
        if conn is db._connection and next(moments) == moment:
            conn.pgconn.finish()
            raise psycopg.OperationalError("the connection was cut")

    def cut(conn: db.Connection, *args: Any, **options: Any) -> Any:
        cut_if_it_is_time(conn)
        answer = wait(conn, *args, **options)
        cut_if_it_is_time(conn)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db.Connection, "wait", cut)
        yield lambda: next(moments) > moment
