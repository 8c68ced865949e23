"""Who changes something is in the audit log, and so is an admin who reads what belongs to an organisation."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from boxoffice.auth import Who
from tests.helpers import audit
from tests.helpers.audit import Entry
from tests.helpers.operations import ENTITLED, Caller, World, build, call_of, operations, perform
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Client

# What nobody records, and why.
UNRECORDED = {
    "send_email_verification": "An email changes nothing.",
    "start_payment": "It changes nothing until it succeeds, and then the order's history says so.",
    "start_second_factor": "It asks for nothing until it is confirmed.",
}
# What is recorded of a change without what was there before and after, and why.
WITHOUT_BEFORE_AND_AFTER = {
    "change_email": "The change holds once the new address confirms it; that has both.",
    "change_password": "Nobody knows the passwords.",
    "define_seats": "A map has thousands of seats.",
}
# Owners' operations that admins may call, too.
OF_ADMINS_TOO = {"list_audit_entries", "export_audit_log", "hand_over_organisation"}


def names(*kinds: str, reads: bool = False) -> list[str]:
    """Return the operations for these callers: those that change something, or those that read."""
    return sorted(name for name, each in operations().items() if each.who in kinds and (each.method == "GET") is reads)


def perform_as(api: Client, conn: psycopg.Connection, name: str, who: str, world: World) -> list[Entry]:
    """Call an operation as somebody whom it admits. Return the entries that this has made."""
    operation, call = operations()[name], call_of(name, world)
    before = len(audit.entries(conn, sessions=True))
    caller = Caller(world.admin) if who == "admin" else ENTITLED[operation.who][who](world, call)
    answer = perform(api, operation, call, caller)
    assert answer.status < 400, answer.body
    return audit.entries(conn, sessions=True)[before:]


def facts_of(entries: list[Entry]) -> list[tuple[str, UUID, UUID]]:
    return [(entry.action, entry.actor, entry.chain) for entry in entries]


def test_what_members_and_admins_change_for_an_organisation_is_recorded(
    api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    of_manager, of_owner = names(Who.GUEST, Who.MANAGER), names(Who.OWNER)
    deeds = [(name, who) for name in of_manager for who in ("manager", "admin")] + [
        (name, "owner") for name in of_owner
    ]
    for name, who in deeds:
        with subtests.test(operation=name, caller=who):
            world = build(conn)
            entries = perform_as(api, conn, name, who, world)
            chain = world.rejected_organisation if name == "apply_again" else world.organisation
            expected = [] if name in UNRECORDED else [(name, getattr(world, who), chain)]
            assert facts_of(entries) == expected


def test_what_scanners_do_is_its_own_record(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    for name in names(Who.SCANNER):
        with subtests.test(operation=name):
            assert perform_as(api, conn, name, "scanner", build(conn)) == []


def test_what_people_change_of_their_accounts_is_recorded(
    api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    for name in names(Who.ACCOUNT):
        with subtests.test(operation=name):
            world = build(conn)
            entries = perform_as(api, conn, name, next(iter(ENTITLED[operations()[name].who])), world)
            assert [(entry.action, entry.actor) for entry in entries] == (
                [] if name in UNRECORDED else [(name, world.buyer)]
            )


def test_what_admins_decide_is_recorded(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    for name in names(Who.ADMIN):
        with subtests.test(operation=name):
            world = build(conn)
            assert [entry[:2] for entry in facts_of(perform_as(api, conn, name, "admin", world))] == [
                (name, world.admin)
            ]


def test_a_change_is_recorded_with_what_was_there_before_and_after(
    api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    for name, operation in operations().items():
        if operation.method not in ("PATCH", "PUT") or name in WITHOUT_BEFORE_AND_AFTER:
            continue
        with subtests.test(operation=name):
            (entry,) = perform_as(api, conn, name, next(iter(ENTITLED[operation.who])), build(conn))
            before, after = entry.details["before"], entry.details["after"]
            assert before != after
            assert isinstance(before, dict)
            assert before.keys() == after.keys()


def test_what_an_admin_reads_of_an_organisation_is_recorded_once(
    api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    world = build(conn)
    for name in names(Who.GUEST, Who.SCANNER, Who.MANAGER, reads=True):
        with subtests.test(operation=name):
            entries = perform_as(api, conn, name, "admin", world)
            assert facts_of(entries) == [(name, world.admin, world.organisation)]
            assert conn.execute("SELECT as_admin FROM audit_log ORDER BY at DESC LIMIT 1").fetchone() == (True,)


def test_what_members_read_is_not_recorded(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    world = build(conn)
    conn.execute("UPDATE accounts SET is_admin = true WHERE id = %s", [world.owner])
    for name in names(Who.GUEST, Who.SCANNER, Who.MANAGER, Who.OWNER, reads=True):
        with subtests.test(operation=name):
            assert perform_as(api, conn, name, "owner", world) == [], "they are members, if admins too"


def test_an_admin_is_no_owner(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    world = build(conn)
    with unchanged(conn):
        for name in {*names(Who.OWNER), *names(Who.OWNER, reads=True)} - OF_ADMINS_TOO:
            with subtests.test(operation=name):
                answer: Any = perform(api, operations()[name], call_of(name, world), Caller(world.admin))
                assert (answer.status, answer.code) == (403, "forbidden")
