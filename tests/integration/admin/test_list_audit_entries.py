"""The audit log: what is recorded, and who reads it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from boxoffice import audit
from boxoffice.auth import Caller, Who
from tests.helpers import factories, people
from tests.helpers.factories import NOW
from tests.helpers.support import Client, Database

PATH = "/v1/admin/audit-log"


@pytest.fixture
def owner(conn: Connection, organisation: UUID) -> UUID:
    return factories.member(conn, organisation, "owner", account_id=factories.account(conn, name="Olu"))


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True)


def entries(api: Client, account: UUID, **query: object) -> list[dict[str, Any]]:
    answer = api.get(PATH, account=account, query=query)
    assert answer.status == 200, answer.body
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def record(conn: Connection, action: str, subject: str, actor: UUID | None = None, **options: Any) -> None:
    caller = Caller(Who.MANAGER, actor, address="192.0.2.1") if actor else None
    audit.record(conn, caller, action, subject, **options)


def test_an_entry_says_who_did_what_from_where_and_what_it_changed(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    place = api.post(
        "/v1/services", {"organisation_id": str(organisation), "name": "Hats", "capacity": 3}, account=owner
    )
    path = f"/v1/services/{place.json['id']}"

    api.patch(path, {"name": "Coats", "capacity": 3}, account=owner, address="2001:db8::7")

    changed, created = entries(api, owner, organisation_id=organisation)
    assert changed | {"at": "", "hash": ""} == {
        "chain": str(organisation),
        "entry": 2,
        "at": "",
        "actor_kind": "account",
        "actor_id": str(owner),
        "actor_name": "Olu",
        "as_admin": False,
        "action": "update_service",
        "subject": f"service {place.json['id']}",
        "address": "2001:db8::7",
        "details": {"before": {"name": "Hats"}, "after": {"name": "Coats"}},
        "hash": "",
    }
    assert (created["action"], created["address"]) == ("create_service", "203.0.113.7")
    assert created["details"] == {"name": "Hats", "capacity": 3}


def test_personal_values_stand_beside_the_log_and_can_be_erased(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    facts = {"before": {"email": "ada@example.com", "count": 1}, "after": {"email": None, "count": 2}}
    record(conn, "test", f"account {owner}", owner, organisation=organisation, **facts)
    texts = [row for (row,) in conn.execute("SELECT audit_log::text FROM audit_log").fetchall()]
    assert not [text for text in texts if "ada@" in text or "192.0.2" in text]

    (entry,) = entries(api, owner, organisation_id=organisation)
    assert (entry["details"], entry["address"]) == (facts, "192.0.2.1")

    assert audit.erase(conn, owner) == 2
    (entry,) = entries(api, owner, organisation_id=organisation)
    assert entry["details"]["before"]["email"].keys() == entry["address"].keys() == {"sha256"}
    assert entry["details"]["before"]["count"] == 1
    assert entry["details"]["after"] == facts["after"]


def test_equal_values_have_different_hashes(conn: Connection) -> None:
    for _ in range(2):
        record(conn, "test", "nothing", email="ada@example.com")

    assert conn.execute("SELECT count(DISTINCT digest), count(DISTINCT salt) FROM audit_values").fetchone() == (2, 2)
    assert conn.execute("SELECT DISTINCT octet_length(salt) FROM audit_values").fetchall() == [(16,)]


@pytest.mark.parametrize("name", sorted(audit.PERSONAL - {"address"}))
def test_no_personal_fact_stands_in_the_log(conn: Connection, name: str) -> None:
    record(conn, "test", "nothing", **{name: "Ada", "list": [{name: ["Ada", {"inner": "Ada"}]}]})

    (text,) = conn.execute("SELECT details::text FROM audit_log").fetchone() or ()
    assert "Ada" not in text
    assert conn.execute("SELECT count(*) FROM audit_values").fetchone() == (3,)


def test_nothing_that_somebody_sends_looks_like_an_erased_value(conn: Connection) -> None:
    record(conn, "test", "nothing", attributes={"colour": {"sha256": "ab" * 32}}, name={"sha256": "cd" * 32})

    (details,) = conn.execute("SELECT details FROM audit_log").fetchone() or ()
    assert details["attributes"] == {"colour": f'{{"sha256": "{"ab" * 32}"}}'}
    (value,) = conn.execute("SELECT value FROM audit_values").fetchone() or ()
    assert value == f'{{"sha256": "{"cd" * 32}"}}'


def test_each_kind_of_subject_has_its_chain(conn: Connection, organisation: UUID, owner: UUID) -> None:
    record(conn, "one", f"account {owner}", owner)
    record(conn, "two", f"organisation {organisation}", owner, organisation=organisation)
    record(conn, "three", "settings")

    chains = conn.execute("SELECT action, chain, entry FROM audit_log").fetchall()
    assert set(chains) == {("one", owner, 1), ("two", organisation, 1), ("three", UUID(int=0), 1)}


def test_a_log_in_is_in_the_chain_of_its_account(api: Client, conn: Connection, admin: UUID) -> None:
    person = people.sign_up(api)
    people.log_in(api, person)

    logged_in, signed_up = entries(api, admin, subject=f"account {person.id}")

    assert (logged_in["action"], signed_up["action"]) == ("log_in", "sign_up")
    assert (logged_in["chain"], logged_in["entry"], logged_in["address"]) == (str(person.id), 2, "203.0.113.7")
    sessions = conn.execute("SELECT id::text FROM sessions WHERE account_id = %s ORDER BY id", [person.id]).fetchall()
    assert [signed_up["details"], logged_in["details"]] == [{"session_id": session} for (session,) in sessions]


def test_an_admin_is_marked_in_what_is_not_theirs(conn: Connection, organisation: UUID, admin: UUID) -> None:
    own = factories.organisation(conn, owner=admin)
    record(conn, "their own", "nothing", admin, organisation=own)
    record(conn, "themself", f"account {admin}", admin)
    record(conn, "another's", "nothing", admin, organisation=organisation)
    record(conn, "an account", f"account {factories.account(conn)}", admin)
    record(conn, "the platform", "nothing", admin)
    record(conn, "nobody", "nothing", organisation=organisation)

    marked = conn.execute("SELECT action FROM audit_log WHERE as_admin").fetchall()
    assert {action for (action,) in marked} == {"another's", "an account", "the platform"}


def test_each_filter_finds_what_it_names(
    api: Client, conn: Connection, organisation: UUID, owner: UUID, admin: UUID
) -> None:
    record(conn, "open_door", "door 1", owner, organisation=organisation)
    record(conn, "close_door", "door 1", admin, organisation=organisation)
    record(conn, "open_door", "door 2", admin)

    def found(**query: object) -> list[tuple[str, str]]:
        return [(entry["action"], entry["subject"]) for entry in entries(api, admin, **query)]

    opened, closed, elsewhere = ("open_door", "door 1"), ("close_door", "door 1"), ("open_door", "door 2")
    assert found() == [elsewhere, closed, opened]
    assert found(organisation_id=organisation) == [closed, opened]
    assert found(action="open_door") == [elsewhere, opened]
    assert found(actor_id=admin) == [elsewhere, closed]
    assert found(subject="door 1") == [closed, opened]
    assert found(subject="door 1", actor_id=admin, action="close_door") == [closed]
    assert found(**{"from": (NOW - timedelta(days=1)).isoformat()}) == [elsewhere, closed, opened]
    assert found(**{"from": (NOW + timedelta(days=1)).isoformat()}) == []
    assert found(to=(NOW - timedelta(days=1)).isoformat()) == []
    assert found(action="drop_table") == []
    for query in ({"action": "x; y"}, {"subject": "\0"}, {"actor_id": "1"}, {"from": "now"}, {"cursor": "x"}):
        assert api.get(PATH, account=admin, query=query).status == 422, query


def test_pages_follow_each_other_even_in_the_same_moment(
    api: Client, conn: Connection, organisation: UUID, admin: UUID
) -> None:
    with conn.transaction():
        for number in range(5):
            record(conn, "test", str(number), organisation=organisation)
            record(conn, "test", str(number))
    seen, cursor = [], None
    for _ in range(4):
        answer = api.get(PATH, account=admin, query={"limit": 3, **({"cursor": cursor} if cursor else {})}).json
        seen += [(entry["chain"], entry["entry"]) for entry in answer["items"]]
        cursor = answer["next_cursor"]

    assert cursor is None
    assert seen == [(str(chain), entry) for chain in (organisation, UUID(int=0)) for entry in (5, 4, 3, 2, 1)]


def test_owners_read_their_own_and_admins_all(api: Client, conn: Connection, organisation: UUID, owner: UUID) -> None:
    rival = factories.organisation(conn)
    record(conn, "test", "theirs", organisation=rival)

    assert api.get(PATH, account=owner, query={"organisation_id": rival}).status == 404
    assert api.get(PATH, account=owner).status == 403
    assert entries(api, owner, organisation_id=organisation) == []
    manager = factories.member(conn, organisation, "manager")
    assert api.get(PATH, account=manager, query={"organisation_id": organisation}).status == 403
    assert api.get(PATH).status == 401


MANY = """
    INSERT INTO audit_log SELECT CASE WHEN n %% 3 = 0 THEN %(chain)s::uuid ELSE gen_random_uuid() END, n,
        now() - n * interval '1 minute', 'account',
        CASE WHEN n %% 5000 = 0 THEN %(actor)s::uuid ELSE gen_random_uuid() END, false,
        CASE WHEN n %% 7000 = 0 THEN 'rare' ELSE 'log_in' END, 'subject ' || n, '{}', '', ''
    FROM generate_series(1, 30000) AS n"""


def test_a_page_reads_little_more_than_it_shows(
    api: Client, conn: Connection, database: Database, organisation: UUID, admin: UUID, subtests: pytest.Subtests
) -> None:
    conn.execute(MANY, {"chain": organisation, "actor": admin})
    with psycopg.connect(database.owner_url, autocommit=True) as vacuuming:
        vacuuming.execute("VACUUM ANALYZE audit_log, audit_values")
    old = (NOW - timedelta(minutes=29_000)).isoformat()
    searches: list[tuple[dict[str, object], int]] = [
        ({}, 20),
        ({"organisation_id": organisation}, 20),
        ({"actor_id": admin}, 6),
        ({"action": "rare"}, 4),
        ({"action": "log_in"}, 20),
        ({"subject": "subject 17"}, 1),
        ({"to": old}, 20),
        ({"organisation_id": organisation, "to": old}, 20),
        ({"organisation_id": organisation, "action": "rare"}, 1),
        ({"actor_id": admin, "action": "log_in"}, 6),
    ]
    for search, expected in searches:
        with subtests.test(search=search):
            scans, rows = rows_read(conn)

            assert len(entries(api, admin, **search)) == expected

            scans_after, rows_after = rows_read(conn)
            assert scans_after == scans
            assert rows_after - rows <= 200


def rows_read(conn: Connection) -> tuple[int, int]:
    """Return how many sequential scans of the log there were, and how many of its rows were read by indexes."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    row = conn.execute(
        "SELECT seq_scan::int, idx_tup_fetch::int FROM pg_stat_user_tables WHERE relname = 'audit_log'"
    ).fetchone()
    assert row is not None
    return row
