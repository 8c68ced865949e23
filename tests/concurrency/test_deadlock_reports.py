"""What a test that meets a deadlock shows of it."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.helpers.racing import deadlocks, reports_of_deadlocks, wait_for_waiting
from tests.helpers.support import Database, as_owner


def test_the_report_of_a_deadlock_has_both_statements(database: Database, conn: psycopg.Connection) -> None:
    assert reports_of_deadlocks(conn) == []
    with psycopg.connect(database.owner_url) as one, psycopg.connect(database.owner_url) as other:
        one.execute("SET LOCAL deadlock_timeout = '10ms'")
        one.execute("SELECT pg_advisory_xact_lock(1)")
        other.execute("SELECT pg_advisory_xact_lock(2)")
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(other.execute, "SELECT pg_advisory_xact_lock(1), 'the other'")
            try:
                with as_owner(conn) as owner:
                    wait_for_waiting(owner, 1)
                with pytest.raises(psycopg.errors.DeadlockDetected):
                    one.execute("SELECT pg_advisory_xact_lock(2), 'the one'")
            finally:
                one.rollback()  # else the other waits for ever
            waits.result()

    assert deadlocks(conn) == 1
    (report,) = reports_of_deadlocks(conn)
    assert "SELECT pg_advisory_xact_lock(1), 'the other'" in report
    assert "SELECT pg_advisory_xact_lock(2), 'the one'" in report
