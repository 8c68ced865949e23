"""Owners make API keys, see them, and revoke them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.api_keys.rules import MOST_KEYS
from boxoffice.scopes import Scope
from tests.helpers import factories
from tests.helpers.mailbox import letters_to
from tests.helpers.support import Answer, Client, as_owner

NAMES = ["فروشگاه", "කඩය", "🎟️ shop 👩‍👩‍👧", "Veranstaltungskartenverkaufsschnittstellenschlüssel", "<b>x</b>"]


@pytest.fixture
def owner(conn: Connection, organisation: UUID) -> UUID:
    return factories.member(conn, organisation, "owner")


def create(api: Client, owner: UUID, organisation: UUID, **fields: Any) -> Answer:
    body = {"name": "Shop", "scopes": ["orders:read"], **fields}
    return api.post(f"/v1/organisations/{organisation}/api-keys", body, account=owner)


def listed(api: Client, owner: UUID, organisation: UUID, **query: Any) -> Any:
    return api.get(f"/v1/organisations/{organisation}/api-keys", account=owner, query=query).json


def test_a_key_is_shown_once_and_works(api: Client, conn: Connection, owner: UUID, organisation: UUID) -> None:
    answer = create(api, owner, organisation)

    assert answer.status == 201
    key = answer.json["key"]
    assert re.fullmatch(r"boxoffice_key_[0-9A-Za-z]{40}", key)
    assert (answer.json["ending"], answer.json["created_by"]) == (key[-4:], str(owner))
    assert api.get(f"/v1/organisations/{organisation}/orders", headers={"X-Api-Key": key}).status == 200
    (shown,) = listed(api, owner, organisation)["items"]
    assert shown | {"last_used_at": None, "key": key} == answer.json
    with as_owner(conn) as everything:
        tables = ("api_keys", "outbox", "audit_log", "audit_values")
        stored = [row for table in tables for (row,) in everything.execute(f"SELECT t::text FROM {table} AS t")]
    assert stored
    assert [row for row in stored if key[14:48] in row] == []


def test_it_lasts_a_year_unless_the_owner_says_when_it_ends(api: Client, owner: UUID, organisation: UUID) -> None:
    until = (datetime.now(UTC) + timedelta(days=90)).replace(microsecond=0)

    by_default = datetime.fromisoformat(create(api, owner, organisation).json["expires_at"])
    chosen = create(api, owner, organisation, expires_at=until.isoformat()).json["expires_at"]

    assert timedelta(days=364) < by_default - datetime.now(UTC) <= timedelta(days=365)
    assert datetime.fromisoformat(chosen) == until


@pytest.mark.parametrize("days", [-1, 1826])
def test_it_ends_in_the_future_and_within_five_years(api: Client, owner: UUID, organisation: UUID, days: int) -> None:
    end = datetime.now(UTC) + timedelta(days=days)

    answer = create(api, owner, organisation, expires_at=end.isoformat())

    assert (answer.status, answer.code) == (422, "end_out_of_range")
    latest = datetime.fromisoformat(answer.json["latest"]) - datetime.now(UTC)
    assert timedelta(days=1824) < latest <= timedelta(days=1825)


@pytest.mark.parametrize(
    "fields", [{"scopes": []}, {"scopes": ["events:delete"]}, {"scopes": "scan"}, {"name": "\u200b"}, {"name": ""}]
)
def test_what_is_no_key_is_refused(api: Client, owner: UUID, organisation: UUID, fields: dict[str, Any]) -> None:
    assert create(api, owner, organisation, **fields).status == 422


def test_a_scope_that_is_named_twice_counts_once(api: Client, owner: UUID, organisation: UUID) -> None:
    assert create(api, owner, organisation, scopes=["scan", "events:read", "scan"]).json["scopes"] == [
        "events:read",
        "scan",
    ]


def test_an_organisation_has_fifty_keys_in_use(api: Client, conn: Connection, owner: UUID, organisation: UUID) -> None:
    ended = {"expires_at": factories.NOW - timedelta(hours=1)}, {"revoked_at": factories.NOW}
    for fields in [*[{}] * (MOST_KEYS - 1), *ended]:
        factories.api_key(conn, organisation, "scan", **fields)
    factories.api_key(conn, factories.organisation(conn), "scan")

    last, refused = create(api, owner, organisation), create(api, owner, organisation)

    assert last.status == 201
    assert (refused.status, refused.code, refused.json["most"]) == (409, "too_many_keys", 50)
    api.delete(f"/v1/organisations/{organisation}/api-keys/{last.json['id']}", account=owner)
    assert create(api, owner, organisation).status == 201


def member(conn: Connection, organisation: UUID, role: str, **account: Any) -> UUID:
    return factories.member(conn, organisation, role, account_id=factories.account(conn, **account))


@pytest.mark.parametrize("name", NAMES)
def test_the_owners_are_told(api: Client, conn: Connection, organisation: UUID, name: str) -> None:
    by_phone = {"email": None, "phone": "+2348012345678", "phone_verified_at": factories.NOW}
    accounts = [{"email": "ada@example.com", "name": name}, {"email": "bola@example.com"}, by_phone]
    ada, *_ = (member(conn, organisation, "owner", **account) for account in accounts)
    manager = member(conn, organisation, "manager", email="sade@example.com")

    key = create(api, ada, organisation, name=name, scopes=["money:write", "scan"]).json

    assert create(api, manager, organisation).status == 403
    assert letters_to(conn, "sade@example.com") == []
    for recipient in ("ada@example.com", "bola@example.com"):
        (letter,) = letters_to(conn, recipient)
        assert letter.content is not None
        text, html = letter.content.text, letter.content.html
        for fact in (name, key["ending"], "money:write, scan"):
            assert fact in text
        assert name.replace("<", "&lt;").replace(">", "&gt;") in html
        assert key["key"] not in text + html


def test_the_list_is_paged_latest_first_with_keys_that_ended(
    api: Client, conn: Connection, owner: UUID, organisation: UUID
) -> None:
    ids = [
        str(factories.api_key(conn, organisation, *scopes, **fields)[0])
        for scopes, fields in (
            (["scan"], {"revoked_at": factories.NOW}),
            (Scope, {"expires_at": factories.NOW}),
            (["slots"], {}),
        )
    ]
    factories.api_key(conn, factories.organisation(conn))

    first = listed(api, owner, organisation, limit=2)
    second = listed(api, owner, organisation, limit=2, cursor=first["next_cursor"])

    assert [key["id"] for key in first["items"] + second["items"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert [key["revoked_at"] is None for key in first["items"] + second["items"]] == [True, True, False]


def test_a_revoked_key_ends_and_stays_in_the_list(
    api: Client, conn: Connection, owner: UUID, organisation: UUID
) -> None:
    key_id, key = factories.api_key(conn, organisation)
    orders = f"/v1/organisations/{organisation}/orders"
    assert api.get(orders, headers={"X-Api-Key": key}).status == 200
    path = f"/v1/organisations/{organisation}/api-keys/{key_id}"

    answers = [api.delete(path, account=owner).status for _ in range(2)]

    assert answers == [204, 204]
    assert api.get(orders, headers={"X-Api-Key": key}).status == 401
    (shown,) = listed(api, owner, organisation)["items"]
    assert shown["revoked_at"] is not None
    entries = conn.execute("SELECT action FROM audit_log WHERE chain = %s", [organisation]).fetchall()
    assert entries == [("revoke_api_key",)]


def test_a_key_of_another_organisation_is_not_there(
    api: Client, conn: Connection, owner: UUID, organisation: UUID
) -> None:
    other = factories.organisation(conn)
    key_id, key = factories.api_key(conn, other)

    for path in (
        f"/v1/organisations/{organisation}/api-keys/{key_id}",
        f"/v1/organisations/{other}/api-keys/{key_id}",
        f"/v1/organisations/{organisation}/api-keys/{uuid4()}",
    ):
        assert api.delete(path, account=owner).status == 404
    assert api.get(f"/v1/organisations/{other}/orders", headers={"X-Api-Key": key}).status == 200
