"""The job purge_idempotency_keys."""

from datetime import timedelta

from psycopg import Connection

from tests.helpers.support import Client, context, function


def store(conn: Connection, key: str, age: timedelta) -> None:
    conn.execute(
        """INSERT INTO idempotency_keys (operation, scope, key, fingerprint, response, created_at)
        VALUES ('start_payment', 'x', %s, '', '{}', now() - %s)""",
        [key, age],
    )


def test_old_idempotency_keys_are_deleted_and_young_ones_stay(api: Client, conn: Connection) -> None:
    for key, age in (("old", 49), ("young", 25)):
        store(conn, key, timedelta(hours=age))

    answer = function("purge_idempotency_keys").handler({}, context())

    assert answer == {"purged": 1, "units_failed": 0}
    assert conn.execute("SELECT key FROM idempotency_keys").fetchall() == [("young",)]


def test_one_run_deletes_all_old_keys(api: Client, conn: Connection) -> None:
    conn.execute(
        """INSERT INTO idempotency_keys (operation, scope, key, fingerprint, response, created_at)
        SELECT 'start_payment', 'x', number::text, '', '{}', now() - interval '3 days'
        FROM generate_series(1, 12_000) AS number"""
    )

    assert function("purge_idempotency_keys").handler({}, context())["purged"] == 12_000

    assert conn.execute("SELECT count(*) FROM idempotency_keys").fetchone() == (0,)
