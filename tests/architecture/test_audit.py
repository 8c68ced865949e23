"""Every change that a manager may make is in the audit log, with the manager as its actor. A scanner's is not."""

import psycopg
import pytest

from boxoffice.auth import Who
from tests.helpers.operations import ENTITLED, build, call_of, operations, perform
from tests.helpers.support import Client

UNRECORDED = {"start_payment"}  # it changes nothing until it succeeds, and then the order's history says so
CHANGES = sorted(name for name, operation in operations().items() if operation.method != "GET")


@pytest.mark.parametrize("name", [name for name in CHANGES if "manager" in ENTITLED[operations()[name].who]])
def test_what_a_manager_changes_is_in_the_audit_log(api: Client, conn: psycopg.Connection, name: str) -> None:
    world = build(conn)
    call, operation = call_of(name, world), operations()[name]
    before = conn.execute("SELECT count(*) FROM audit_log").fetchone()
    assert perform(api, operation, call, ENTITLED[operation.who]["manager"](world, call)).status < 300

    query = "SELECT action, actor_id, chain FROM audit_log ORDER BY at, chain, entry OFFSET %s"
    entries = conn.execute(query, before).fetchall()
    is_recorded = operation.who != Who.SCANNER and name not in UNRECORDED
    assert entries == ([(name, world.manager, world.organisation)] if is_recorded else [])
