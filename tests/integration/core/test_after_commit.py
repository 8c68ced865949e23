"""An effect that is registered for after a commit runs once, after the commit, and never after a rollback."""

from contextlib import suppress
from typing import Any

import psycopg
import pytest

from boxoffice import db
from boxoffice.errors import Busy
from tests.helpers.support import Client


class Failed(Exception):
    pass


class Effect:
    """An effect that remembers the items it was called with."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def __call__(self, _: db.Connection, items: list[Any]) -> None:
        self.calls.append(items)


@pytest.fixture
def effect(api: Client) -> Effect:
    return Effect()


def test_an_effect_runs_after_the_commit_once_with_all_its_items(effect: Effect) -> None:
    with db.transaction() as conn:
        for item in (1, 2, 3):
            conn.after_commit(effect, item)
        assert effect.calls == []

    assert effect.calls == [[1, 2, 3]]


def test_several_transactions_of_a_block_share_one_call(effect: Effect) -> None:
    with db.autocommit() as conn:
        for item in range(50):
            with conn.transaction():
                conn.after_commit(effect, item)
        assert effect.calls == []

    assert effect.calls == [[*range(50)]]


def test_each_block_runs_its_own_effects(effect: Effect) -> None:
    for item in (1, 2):
        with db.transaction() as conn:
            conn.after_commit(effect, item)

    assert effect.calls == [[1], [2]]


@pytest.mark.parametrize("block", [db.transaction, db.autocommit])
def test_a_block_within_a_transaction_leaves_its_effects_to_the_commit(effect: Effect, block: Any) -> None:
    """Rate limits count in such a block. Emails were put on their queue before the worker could find them."""
    with db.transaction() as conn:
        conn.after_commit(effect, 1)
        with block() as inner:
            inner.after_commit(effect, 2)
        assert effect.calls == []

    assert effect.calls == [[1, 2]]


def test_a_rollback_drops_the_effects_of_a_block_within_it(effect: Effect) -> None:
    with suppress(Failed), db.transaction() as conn:
        conn.after_commit(effect, 1)
        with db.transaction() as inner:
            inner.after_commit(effect, 2)
        raise Failed

    assert effect.calls == []


def test_what_tells_people_runs_after_what_may_still_change(effect: Effect) -> None:
    change = Effect()
    with db.transaction() as conn:
        conn.after_commit(lambda _, items: effect(conn, [*items, *change.calls]), "told", last=True)
        conn.after_commit(change, "changed")

    assert effect.calls == [["told", ["changed"]]]


@pytest.mark.parametrize("error", [Failed, psycopg.Rollback])
def test_a_rollback_drops_an_effect(effect: Effect, error: type[Exception]) -> None:
    with suppress(Failed), db.transaction() as conn:
        conn.after_commit(effect, 1)
        raise error

    assert effect.calls == []


def test_an_explicit_rollback_drops_an_effect(effect: Effect) -> None:
    with db.autocommit() as conn, conn.transaction(force_rollback=True):
        conn.after_commit(effect, 1)

    assert effect.calls == []


@pytest.mark.parametrize("error", [Failed, psycopg.Rollback])
def test_a_savepoint_that_is_rolled_back_drops_its_own_effects(effect: Effect, error: type[Exception]) -> None:
    with db.transaction() as conn:
        conn.after_commit(effect, "before")
        with suppress(Failed), conn.transaction():
            conn.after_commit(effect, "within")
            with conn.transaction():
                conn.after_commit(effect, "deeper")
            raise error
        conn.after_commit(effect, "after")

    assert effect.calls == [["before", "after"]]


def test_the_effects_of_a_savepoint_are_dropped_with_the_transaction(effect: Effect) -> None:
    with suppress(Failed), db.transaction() as conn:
        with conn.transaction():
            conn.after_commit(effect, 1)
        raise Failed

    assert effect.calls == []


def test_a_rollback_of_an_outer_transaction_drops_the_inner_effects_too(effect: Effect) -> None:
    with db.autocommit() as conn, conn.transaction() as outer:
        conn.after_commit(effect, 1)
        with conn.transaction():
            conn.after_commit(effect, 2)
            raise psycopg.Rollback(outer)

    assert effect.calls == []


def test_a_rollback_leaves_the_effects_of_earlier_commits(effect: Effect) -> None:
    with suppress(Failed), db.autocommit() as conn:
        with conn.transaction():
            conn.after_commit(effect, "committed")
        with conn.transaction():
            conn.after_commit(effect, "rolled back")
            raise Failed

    assert effect.calls == [["committed"]]


def test_a_commit_that_fails_drops_an_effect(effect: Effect) -> None:
    with db.autocommit() as conn:
        conn.execute("CREATE TEMPORARY TABLE numbers (number integer UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(psycopg.errors.UniqueViolation), db.transaction() as conn:  # noqa: PT012 - COMMIT raises
        conn.execute("INSERT INTO numbers VALUES (1), (1)")
        conn.after_commit(effect, 1)

    assert effect.calls == []


def test_a_connection_that_is_lost_before_the_commit_drops_an_effect(conn: psycopg.Connection, effect: Effect) -> None:
    with pytest.raises(Busy), db.transaction() as lost:  # noqa: PT012 - COMMIT raises
        lost.after_commit(effect, 1)
        conn.execute("SELECT pg_terminate_backend(%s, 5000)", [lost.info.backend_pid])

    assert effect.calls == []
    with db.transaction() as again:
        again.after_commit(effect, 2)
    assert effect.calls == [[2]]


def test_an_effect_that_fails_is_logged_and_the_others_run(effect: Effect, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: db.Connection, __: list[Any]) -> None:
        raise Failed("no queue")

    with db.transaction() as conn:
        conn.after_commit(fail, "first")
        conn.after_commit(effect, "second")

    assert effect.calls == [["second"]]
    (record,) = [record for record in caplog.records if record.name == "boxoffice.db"]
    assert "effect failed" in record.message
    assert record.items == ["first"]  # type: ignore[attr-defined]
    assert "no queue" in str(record.exc_info)


def test_an_effect_may_use_the_connection(effect: Effect) -> None:
    def look(conn: db.Connection, items: list[Any]) -> None:
        assert conn.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
        effect(conn, [conn.execute("SELECT count(*) FROM orders").fetchone(), *items])

    with db.transaction() as conn:
        conn.after_commit(look, 1)

    assert effect.calls == [[(0,), 1]]
