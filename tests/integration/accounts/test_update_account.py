"""What admins change of accounts."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from tests.helpers import audit, factories
from tests.helpers.factories import NOW
from tests.helpers.mailbox import letters_to
from tests.helpers.people import PASSWORD, can_refresh, log_in, sign_up
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client

REASON = "Sold tickets twice"
BLOCK = {"blocked": True, "reason": REASON}


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True)


def update(api: Client, admin: UUID, account: UUID, body: dict[str, Any], **options: Any) -> Answer:
    return api.patch(f"/v1/admin/accounts/{account}", body, account=admin, **options)


def test_a_block_ends_every_session_and_tells_the_owner_why(api: Client, conn: Connection, admin: UUID) -> None:
    person = sign_up(api)
    other_session = log_in(api, person)
    assert api.get("/v1/me", headers=person.headers).status == 200

    answer = update(api, admin, person.id, BLOCK)

    assert (answer.status, answer.version) == (200, 2)
    assert (answer.json["status"], answer.json["block_reason"]) == ("blocked", REASON)
    assert [api.get("/v1/me", headers=each.headers).status for each in (person, other_session)] == [401, 401]
    assert not can_refresh(api, person)
    (letter,) = letters_to(conn, person.email)
    assert letter.content is not None
    assert letter.content.subject == "Your account has been blocked"
    assert REASON in letter.content.text
    assert REASON in letter.content.html
    entry = audit.entries(conn)[-1]
    assert (entry.chain, entry.actor, entry.action) == (person.id, admin, "update_account")
    assert (entry.details["reason"], entry.details["after"]["block_reason"]) == (REASON, REASON)
    assert entry.details["before"] == {"block_reason": None, "blocked_at": None}


def test_a_blocked_account_cannot_log_in_or_reset_its_password(api: Client, conn: Connection, admin: UUID) -> None:
    person = sign_up(api)
    update(api, admin, person.id, BLOCK)
    conn.execute("DELETE FROM outbox")

    refused = api.post("/v1/sessions", {"email": person.email, "password": PASSWORD})
    unknown = api.post("/v1/sessions", {"email": "nobody@example.com", "password": PASSWORD})
    asked = api.post("/v1/password-resets", {"email": person.email})

    assert (refused.status, refused.json["detail"]) == (unknown.status, unknown.json["detail"])
    assert (refused.status, refused.code, asked.status) == (401, "wrong_credentials", 202)
    assert [letter.content for letter in letters_to(conn, person.email)] == [None], "it is dropped when it is sent"


def test_what_a_blocked_account_has_bought_stays_valid(api: Client, conn: Connection, admin: UUID) -> None:
    person = sign_up(api)
    order = factories.paid_order(conn, factories.ticket_type(conn), account_id=person.id)
    update(api, admin, person.id, BLOCK)

    answer = api.get(f"/v1/orders/{order}", order_token=order_token(order))

    assert answer.status == 200
    assert [ticket["status"] for ticket in answer.json["tickets"]] == ["valid", "valid"]


def test_an_unblocked_account_logs_in_again(api: Client, conn: Connection, admin: UUID) -> None:
    person = sign_up(api)
    update(api, admin, person.id, BLOCK)

    answer = update(api, admin, person.id, {"blocked": False, "reason": "It was a mistake"})

    assert (answer.json["status"], answer.json["block_reason"], answer.json["blocked_at"]) == ("active", None, None)
    assert log_in(api, person)
    assert not can_refresh(api, person), "the sessions that the block has ended stay ended"
    sent = [letter.content and letter.content.subject for letter in letters_to(conn, person.email)]
    assert sent == [None, "You can use your account again"]


def test_a_block_needs_a_reason(api: Client, conn: Connection, admin: UUID) -> None:
    account = factories.account(conn)
    with unchanged(conn):
        refused = update(api, admin, account, {"blocked": True})

    assert (refused.status, refused.json["errors"][0]["loc"]) == (422, ["body", "reason"])


def test_what_is_so_already_changes_nothing(api: Client, conn: Connection, admin: UUID) -> None:
    account = factories.account(conn, email_verified_at=NOW)
    update(api, admin, account, BLOCK)
    with unchanged(conn):
        again = update(api, admin, account, {"blocked": True, "reason": "Another", "email_verified": True})

    assert (again.status, again.json["block_reason"], again.json["version"]) == (200, REASON, 2)


def test_an_address_is_verified_by_hand(api: Client, conn: Connection, admin: UUID) -> None:
    account = factories.account(conn)

    answer = update(api, admin, account, {"email_verified": True})

    assert answer.json["email_verified_at"] is not None
    assert audit.only_entry(conn).details["before"] == {"email_verified_at": None}
    assert update(api, admin, account, {"email_verified": False}).status == 422
    phone = factories.account(conn, email=None, phone="+2348012345678", phone_verified_at=NOW)
    assert update(api, admin, phone, {"email_verified": True}).code == "no_email"


def test_the_role_of_an_admin_is_given_and_taken(api: Client, conn: Connection, admin: UUID) -> None:
    account = factories.account(conn)
    assert update(api, admin, account, {"is_admin": True}).code == "admin_not_eligible"

    given = update(api, admin, account, {"is_admin": True, "email_verified": True})

    assert given.json["is_admin"] is True
    assert api.get("/v1/admin/accounts", account=account).status == 200
    assert update(api, account, admin, {"is_admin": False}).json["is_admin"] is False
    assert api.get("/v1/admin/accounts", account=admin).status == 403
    emails = conn.execute("SELECT recipient FROM outbox ORDER BY id").fetchall()
    subjects = [letter.content and letter.content.subject for (each,) in emails for letter in letters_to(conn, each)]
    assert subjects == ["You are an admin now", "You are no longer an admin"]


def test_a_blocked_account_becomes_no_admins(api: Client, conn: Connection, admin: UUID) -> None:
    account = factories.account(conn, email_verified_at=NOW, blocked_at=NOW)

    assert update(api, admin, account, {"is_admin": True}).code == "admin_not_eligible"
    assert update(api, admin, account, {"is_admin": True, "blocked": False}).status == 200


@pytest.mark.parametrize("body", [BLOCK, {"is_admin": False}])
def test_admins_do_not_lock_themselves_out(api: Client, conn: Connection, admin: UUID, body: dict[str, Any]) -> None:
    factories.account(conn, is_admin=True)
    with unchanged(conn):
        refused = update(api, admin, admin, body)

    assert (refused.status, refused.code) == (409, "own_account")


def test_a_blocked_admin_is_none(api: Client, conn: Connection, admin: UUID) -> None:
    other = factories.account(conn, is_admin=True)

    assert update(api, admin, other, BLOCK).status == 200
    assert api.get("/v1/admin/accounts", account=other).status == 401
    assert update(api, admin, other, {"is_admin": False}).status == 200


def test_an_erased_account_is_not_changed(api: Client, conn: Connection, admin: UUID) -> None:
    account = factories.account(conn, email=None, erased_at=NOW)

    assert update(api, admin, account, BLOCK).code == "account_erased"


def test_a_stale_version_and_an_unknown_account_are_refused(api: Client, conn: Connection, admin: UUID) -> None:
    account = factories.account(conn)

    assert update(api, admin, account, BLOCK, headers={"If-Match": '"2"'}).status == 412
    assert update(api, admin, uuid4(), BLOCK).status == 404
    assert update(api, admin, account, {"blocked": None}).status == 422
    assert update(api, admin, account, {"password": "x"}).status == 422
    assert update(api, account, admin, BLOCK).status == 403
