"""PATCH /v1/me"""

from typing import ClassVar
from uuid import uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.people import PASSWORD, sign_up
from tests.helpers.support import Answer, Client


def test_it_changes_the_fields_that_the_request_has_and_no_others(api: Client, conn: Connection) -> None:
    account = factories.account(conn, name="Ada", phone="+2348012345678")

    answer = api.patch("/v1/me", {"name": "Ada Obi"}, account=account)

    assert answer.status == 200
    assert (answer.json["name"], answer.json["phone"], answer.json["version"]) == ("Ada Obi", "+2348012345678", 2)
    assert answer.version == 2
    assert api.get("/v1/me", account=account).json["name"] == "Ada Obi"


def test_null_removes_the_phone(api: Client, conn: Connection) -> None:
    account = factories.account(conn, phone="+2348012345678")

    assert api.patch("/v1/me", {"phone": None}, account=account).json["phone"] is None
    assert api.patch("/v1/me", {"phone": "+2348087654321"}, account=account).json["phone"] == "+2348087654321"


class TestAVerifiedPhone:
    """Whoever has it can log in, so a stolen session alone must not take it away."""

    CHANGES: ClassVar = [{"phone": None}, {"phone": "+2348087654321"}]

    @pytest.mark.parametrize("change", CHANGES)
    def test_it_takes_the_password(self, api: Client, conn: Connection, change: dict[str, str | None]) -> None:
        person = sign_up(api)
        phone = "+2348012345678"
        conn.execute("UPDATE accounts SET phone = %s, phone_verified_at = now()", [phone])

        def patch(body: dict[str, str | None]) -> Answer:
            return api.patch("/v1/me", body, headers=person.headers)

        assert patch(change).code == "proof_needed"
        wrong = [patch(change | {"current_password": "wrong"}) for _ in range(11)]
        assert [answer.code for answer in wrong] == ["wrong_credentials"] * 10 + ["too_many_requests"]
        assert conn.execute("SELECT phone, phone_verified_at IS NULL FROM accounts").fetchone() == (phone, False)

        conn.execute("UPDATE rate_limits SET resets_at = now()")
        assert patch({"name": "Ada Obi", "phone": phone}).json["phone_verified_at"] is not None
        changed = patch(change | {"current_password": PASSWORD})
        assert (changed.status, changed.json["phone"]) == (200, change["phone"])
        assert changed.json["phone_verified_at"] is None

    def test_an_account_without_a_password_needs_a_fresh_log_in(self, api: Client, conn: Connection) -> None:
        account = factories.account(
            conn, email="ada@example.com", phone="+2348012345678", phone_verified_at="now", password_hash=None
        )
        conn.execute("UPDATE sessions SET created_at = now() - interval '16 minutes'")

        assert api.patch("/v1/me", {"phone": None}, account=account).code == "proof_needed"
        conn.execute("UPDATE sessions SET created_at = now() - interval '14 minutes'")
        assert api.patch("/v1/me", {"phone": None}, account=account).status == 200


def test_an_account_is_changed_thirty_times_in_a_quarter_of_an_hour(api: Client, conn: Connection) -> None:
    """The audit log keeps each change."""
    account = factories.account(conn)

    answers = [api.patch("/v1/me", {"name": f"Ada {number}"}, account=account).status for number in range(31)]

    assert answers == [200] * 30 + [429]
    assert conn.execute("SELECT count(*) FROM audit_log WHERE action = 'update_me'").fetchone() == (30,)


def test_an_edit_with_the_current_etag_is_made(api: Client, conn: Connection) -> None:
    account = factories.account(conn)

    answers = [
        api.patch("/v1/me", {"name": "Ada"}, account=account, headers={"if-match": if_match})
        for if_match in ['"1"', 'W/"2"', "*"]
    ]

    assert [(answer.status, answer.version) for answer in answers] == [(200, 2), (200, 3), (200, 4)]


def test_a_stale_etag_is_refused(api: Client, conn: Connection) -> None:
    account = factories.account(conn, name="Ada", version=2)

    for if_match in ['"1"', '"3"', '"x"', "", '"\u00b2"', '"2", "3"']:
        answer = api.patch("/v1/me", {"name": "Eve"}, account=account, headers={"if-match": if_match})

        assert (answer.status, answer.code) == (412, "stale_version"), if_match
    assert api.get("/v1/me", account=account).json["name"] == "Ada"


OTHER_BODIES = [
    {"name": None},
    {"name": " "},
    {"name": "x" * 201},
    {"name": "\0"},
    {"phone": "08012345678"},
    {"phone": "+2348012345678\n"},
    {"phone": ""},
    {"email": "eve@example.com"},
    {"is_admin": True},
    {"version": 7},
    [],
]


def test_invalid_bodies_are_refused(api: Client, conn: Connection) -> None:
    account = factories.account(conn)

    for body in OTHER_BODIES:
        assert api.patch("/v1/me", body, account=account).status == 422, body
    assert api.get("/v1/me", account=account).json["version"] == 1


def test_a_deleted_account_is_refused(api: Client) -> None:
    assert api.patch("/v1/me", {"name": "Ada"}, account=uuid4()).status == 401


def test_only_accounts_can_be_edited(api: Client) -> None:
    assert api.patch("/v1/me", {"name": "Ada"}).status == 401


def test_another_phone_has_to_be_verified_anew(api: Client, conn: Connection) -> None:
    account = factories.account(conn, phone="+2348012345678", phone_verified_at=factories.NOW)

    assert api.patch("/v1/me", {"name": "Bola"}, account=account).json["phone_verified_at"] is not None
    assert api.patch("/v1/me", {"phone": "+2348012345679"}, account=account).json["phone_verified_at"] is None


def test_an_account_keeps_one_way_to_be_reached(api: Client, conn: Connection) -> None:
    account = factories.account(conn, email=None, phone="+2348012345678", phone_verified_at=factories.NOW)

    answer = api.patch("/v1/me", {"phone": None}, account=account)

    assert (answer.status, answer.code) == (409, "no_contact_left")
