"""DELETE /v1/me"""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants
from tests.helpers.erasures import EMAIL, NAME, PHONE, let_an_hour_pass, run_job, traces
from tests.helpers.people import PASSWORD, Person, can_refresh, log_in, sign_up
from tests.helpers.support import Answer, Client


@pytest.fixture
def person(api: Client, conn: Connection) -> Person:
    person = sign_up(api, name=NAME, email=EMAIL)
    conn.execute("UPDATE accounts SET phone = %s", [PHONE])
    return person


def delete(api: Client, person: Person, password: str | None = PASSWORD, **fields: Any) -> Answer:
    body = {"password": password, **fields}
    return api.delete("/v1/me", body=body, headers=person.headers)


def sent_to_the_end(conn: Connection) -> None:
    conn.execute("UPDATE outbox SET status = 'sent'")
    run_job()
    let_an_hour_pass(conn)
    run_job()


def test_the_account_is_closed_at_once_and_then_erased(api: Client, conn: Connection, person: Person) -> None:
    order = factories.paid_order(
        conn, factories.ticket_type(conn), account_id=person.id, buyer_name=NAME, buyer_email=EMAIL
    )
    other = log_in(api, person)
    conn.execute("UPDATE sessions SET device_name = 'phone of Zainab' WHERE account_id = %s", [person.id])
    conn.execute(
        "INSERT INTO google_identities (issuer, subject, account_id) VALUES ('google', 'zainab', %s)", [person.id]
    )
    conn.execute("INSERT INTO second_factors (account_id, key_id, secret) VALUES (%s, 1, '')", [person.id])

    answer = delete(api, person, force=True)

    assert answer.status == 202
    assert UUID(answer.json["id"])
    assert not can_refresh(api, other)
    assert api.get("/v1/me", headers=person.headers).status == 401
    assert api.post("/v1/sessions", {"email": EMAIL, "password": PASSWORD}).status == 401
    assert traces(conn) == {"orders", "tickets", "guest_list", "outbox", "erasures", "rate_limits"}
    templates = conn.execute("SELECT template FROM outbox WHERE recipient = %s", [EMAIL]).fetchall()
    assert ("account_erased",) in templates

    sent_to_the_end(conn)
    conn.execute("UPDATE rate_limits SET resets_at = now()")
    run_job()
    assert traces(conn) == set()
    row = conn.execute(
        "SELECT email, name, phone, password_hash, erased_at IS NOT NULL FROM accounts WHERE id = %s", [person.id]
    )
    assert row.fetchone() == (None, "Erased", None, None, True)
    assert conn.execute("SELECT buyer_name, account_id FROM orders WHERE id = %s", [order]).fetchone() == (
        "Erased",
        None,
    )
    for table in ("google_identities", "second_factors"):
        assert conn.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    invariants.check(conn)


def test_somebody_can_sign_up_again_with_the_address(api: Client, conn: Connection, person: Person) -> None:
    assert delete(api, person).status == 202

    assert sign_up(api, email=EMAIL).id != person.id


@pytest.mark.parametrize(("password", "code"), [(None, "proof_needed"), ("not the password", "wrong_credentials")])
def test_it_takes_the_password(api: Client, conn: Connection, person: Person, password: str | None, code: str) -> None:
    answer = delete(api, person, password)

    assert (answer.status, answer.code) == (401, code)
    assert api.get("/v1/me", headers=person.headers).status == 200


def test_without_a_password_it_takes_a_fresh_login(api: Client, conn: Connection, person: Person) -> None:
    conn.execute("UPDATE accounts SET password_hash = NULL")
    conn.execute("UPDATE sessions SET created_at = now() - interval '16 minutes'")
    assert delete(api, person, None).code == "proof_needed"

    conn.execute("UPDATE sessions SET created_at = now()")
    assert delete(api, person, None).status == 202


def test_the_last_owner_of_an_organisation_stays(api: Client, conn: Connection, person: Person) -> None:
    owned = factories.organisation(conn, owner=person.id, name="Freedom Park")
    shared = factories.organisation(conn, owner=person.id)
    factories.member(conn, shared, "owner")

    answer = delete(api, person)

    assert (answer.status, answer.code) == (409, "last_owner")
    assert answer.json["organisations"] == [{"id": str(owned), "name": "Freedom Park"}]
    assert api.get("/v1/me", headers=person.headers).status == 200

    other = factories.member(conn, owned, "owner")
    conn.execute("UPDATE accounts SET blocked_at = now() WHERE id = %s", [other])
    assert delete(api, person).code == "last_owner", "a blocked owner is none"

    conn.execute("UPDATE accounts SET blocked_at = NULL WHERE id = %s", [other])
    assert delete(api, person).status == 202
    assert conn.execute("SELECT count(*) FROM members WHERE account_id = %s", [person.id]).fetchone() == (0,)
    ended = conn.execute("SELECT chain FROM audit_log WHERE action = 'remove_member' ORDER BY chain").fetchall()
    assert ended == sorted([(owned,), (shared,)])
    invariants.check(conn)


def test_the_last_admin_stays(api: Client, conn: Connection, person: Person) -> None:
    conn.execute("UPDATE accounts SET is_admin = true, email_verified_at = now() WHERE id = %s", [person.id])

    answer = delete(api, person)

    assert (answer.status, answer.code) == (409, "last_admin")

    factories.account(conn, is_admin=True)
    assert delete(api, person).status == 202


def test_tickets_for_events_to_come_must_be_given_up_on_purpose(api: Client, conn: Connection, person: Person) -> None:
    event = factories.event(conn)
    factories.paid_order(conn, factories.ticket_type(conn, event_id=event), account_id=person.id, quantity=3)
    (starts_at,) = conn.execute("SELECT starts_at FROM events WHERE id = %s", [event]).fetchone() or ()

    answer = delete(api, person)

    assert (answer.status, answer.code) == (409, "tickets_ahead")
    assert (answer.json["tickets"], answer.json["open_claims"]) == (3, 0)
    assert answer.json["next_event_at"] == starts_at.isoformat().replace("+00:00", "Z")
    assert delete(api, person, force=True).status == 202


def test_an_open_claim_must_be_given_up_on_purpose(api: Client, conn: Connection, person: Person) -> None:
    factories.claim(conn, factories.place(conn))
    conn.execute("UPDATE customers SET account_id = %s, email = NULL", [person.id])

    answer = delete(api, person)

    assert (answer.code, answer.json["tickets"], answer.json["open_claims"]) == ("tickets_ahead", 0, 1)
    assert answer.json["next_event_at"] is None


def test_tickets_of_events_that_are_over_do_not_matter(api: Client, conn: Connection, person: Person) -> None:
    event = factories.event(conn)
    factories.paid_order(conn, factories.ticket_type(conn, event_id=event), account_id=person.id)
    conn.execute("UPDATE events SET starts_at = now() - interval '2 days', ends_at = now() - interval '1 day'")

    assert delete(api, person).status == 202


def test_links_of_the_account_end(api: Client, conn: Connection, person: Person) -> None:
    assert api.post("/v1/password-resets", {"email": EMAIL}).status == 202
    assert conn.execute("SELECT count(*) FROM one_time_tokens WHERE account_id = %s", [person.id]).fetchone() == (1,)

    assert delete(api, person).status == 202

    assert conn.execute("SELECT count(*) FROM one_time_tokens WHERE account_id = %s", [person.id]).fetchone() == (0,)


def test_wrong_passwords_are_limited(api: Client, person: Person) -> None:
    answers = [delete(api, person, "not the password").status for _ in range(11)]

    assert answers == [401] * 10 + [429]


def test_an_edit_that_comes_too_late_writes_nothing_into_an_erased_account(
    api: Client, conn: Connection, person: Person
) -> None:
    """Another environment believes the session for half a minute more."""
    from boxoffice import credentials

    assert delete(api, person).status == 202
    conn.execute("UPDATE sessions SET revoked_at = NULL")
    credentials.forget()

    assert api.patch("/v1/me", {"name": NAME}, headers=person.headers).status == 401
    assert delete(api, person).status == 401
    assert conn.execute("SELECT name FROM accounts WHERE id = %s", [person.id]).fetchone() == ("Erased",)
