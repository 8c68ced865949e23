"""A process dies while it changes an organisation: the change is whole, with what it owes, or not there."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants, owners
from tests.helpers.owners import DONE
from tests.helpers.racing import die_everywhere, die_everywhere_afresh
from tests.helpers.support import Client, Database


@pytest.fixture
def ada(conn: Connection) -> UUID:
    return factories.account(conn)


@pytest.fixture
def shop(api: Client, conn: Connection, ada: UUID) -> UUID:
    return factories.organisation(conn, owner=ada)


def count(conn: Connection, table: str, where: str = "true") -> int:
    (found,) = conn.execute(f"SELECT count(*) FROM {table} WHERE {where}".encode()).fetchone() or (0,)
    return int(found)


def test_an_invitation_killed_anywhere_is_owed_its_email_or_not_there(
    database: Database, conn: Connection, shop: UUID, ada: UUID
) -> None:
    seen = set()
    for _ in die_everywhere(database, conn, lambda child: owners.invite(child, shop, ada)):
        tables = ("outbox", "one_time_tokens", "audit_log")
        committed = count(conn, "outbox")
        assert [count(conn, table) for table in tables] == [committed] * 3
        assert count(conn, "invitations") == min(committed, 1)
        seen.add(committed)

    assert seen == {0, 1}
    assert owners.invite(conn, shop, ada) == DONE
    assert count(conn, "invitations") == 1
    invariants.check(conn)


def test_an_acceptance_killed_anywhere_can_be_repeated_until_it_counts_once(
    database: Database, conn: Connection, shop: UUID
) -> None:
    chi = factories.account(conn, email="chi@example.com")
    _, token = factories.invitation(conn, shop, "chi@example.com")
    conn.execute("UPDATE accounts SET email_verified_at = NULL")
    seen = set()
    for _ in die_everywhere(database, conn, lambda child: owners.accept(child, chi, token)):
        facts = (
            count(conn, "members", f"account_id = '{chi}'"),
            1 - count(conn, "invitations"),
            1 - count(conn, "one_time_tokens"),
            count(conn, "accounts", "email_verified_at IS NOT NULL"),
            count(conn, "audit_log", "action = 'accept_invitation'"),
        )
        assert len(set(facts)) == 1
        seen.add(facts[0])

    assert seen == {0, 1}
    assert owners.accept(conn, chi, token) == "invitation_over"


def test_a_decision_killed_anywhere_is_told_and_recorded_or_not_made(
    database: Database, conn: Connection, api: Client
) -> None:
    applicant = factories.organisation(conn, status="pending")
    admin = factories.account(conn, is_admin=True)
    seen = set()
    for _ in die_everywhere(database, conn, lambda child: owners.decide(child, applicant, admin, "approve")):
        facts = (
            count(conn, "organisations", "status = 'approved'"),
            count(conn, "outbox"),
            count(conn, "audit_log"),
        )
        assert len(set(facts)) == 1
        seen.add(facts[0])

    assert seen == {0, 1}
    assert owners.decide(conn, applicant, admin, "approve") == DONE
    assert count(conn, "outbox") == 1


def test_a_hand_over_killed_anywhere_leaves_one_owner_and_tells_both_or_nobody(
    database: Database, conn: Connection, shop: UUID, ada: UUID
) -> None:
    bola = factories.member(conn, shop, "manager")
    seen = set()
    for _ in die_everywhere(database, conn, lambda child: owners.hand_over(child, shop, ada, bola)):
        (owner,) = conn.execute("SELECT account_id FROM members WHERE role = 'owner'").fetchone() or ()
        done = owner == bola
        assert count(conn, "members", "role = 'owner'") == 1
        assert count(conn, "outbox") == 2 * done
        assert count(conn, "audit_log") == done
        seen.add(done)

    assert seen == {False, True}
    assert owners.hand_over(conn, shop, ada, bola) == "forbidden", "it was done"
    invariants.check(conn)


def test_a_removal_killed_anywhere_is_recorded_or_not_made(
    database: Database, conn: Connection, shop: UUID, ada: UUID
) -> None:
    former = [factories.member(conn, shop, "owner")]

    def make(conn: Connection) -> object:
        if not count(conn, "members", f"account_id = '{former[-1]}'"):
            former.append(factories.member(conn, shop, "owner"))
        return lambda child: owners.remove(child, shop, ada, former[-1])

    for _ in die_everywhere_afresh(database, conn, make):  # type: ignore[arg-type]
        assert count(conn, "audit_log") == len(former) - count(conn, "members", "role = 'owner'") + 1
    assert count(conn, "members", "role = 'owner'") == 1
