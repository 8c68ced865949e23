"""GET /v1/me/export"""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from boxoffice.privacy import export
from tests.helpers import factories
from tests.helpers.erasures import EMAIL, NAME, PHONE
from tests.helpers.forms import answer
from tests.helpers.people import sign_up
from tests.helpers.support import Client
from tests.integration.privacy.test_erasure import everything_of


@pytest.fixture
def account(api: Client, conn: Connection) -> UUID:
    person = sign_up(api, name=NAME, email=EMAIL)
    factories.open_session(conn, person.id)
    conn.execute("UPDATE accounts SET phone = %s, phone_verified_at = now() WHERE id = %s", [PHONE, person.id])
    return person.id


def export_of(api: Client, account: UUID) -> dict[str, Any]:
    answer = api.get("/v1/me/export", account=account)
    assert answer.status == 200, answer.body
    return dict(answer.json)


def test_it_has_all_that_is_held(api: Client, conn: Connection, account: UUID) -> None:
    everything_of(conn, account)
    organisation = factories.organisation(conn)
    factories.member(conn, organisation, "scanner", account_id=account)
    ticket_type = factories.ticket_type(conn, event_id=factories.event(conn, organisation_id=organisation))
    order = factories.paid_order(conn, ticket_type, quantity=1)
    (ticket,) = conn.execute("SELECT id FROM tickets WHERE order_id = %s", [order]).fetchone() or ()
    scan = factories.scan(conn, ticket, account, gate="North")

    found = export_of(api, account)

    assert found["next_cursor"] is None
    (own,) = found["account"]
    assert (own["id"], own["email"], own["name"], own["phone"]) == (str(account), EMAIL, NAME, PHONE)
    assert own["has_password"] is True
    assert len(found["sessions"]) == 2
    assert [each["role"] for each in found["memberships"]] == ["scanner"]
    (bought,) = found["orders"]
    assert (bought["buyer_name"], bought["total"], bought["currency_exponent"]) == (NAME, 10000, 2)
    assert bought["items"][0]["quantity"] == 2
    assert bought["payments"][0]["status"] == "succeeded"
    assert len(found["tickets"]) == 3  # two that were bought, and one from somebody else
    assert {each["to_email"] for each in found["transfers"]} == {"bola@example.com", EMAIL}
    assert {each["status"] for each in found["waitlist_entries"]} == {"lapsed", "waiting"}
    assert [each["note"] for each in found["claims"]] == ["coat of Zainab"]
    assert [(each["id"], each["gate"]) for each in found["scans"]] == [(str(scan), "North")]
    assert datetime.fromisoformat(found["orders"][0]["created_at"]).tzinfo is not None


def test_it_has_no_secrets(api: Client, conn: Connection, account: UUID) -> None:
    everything_of(conn, account)
    (password_hash,) = conn.execute("SELECT password_hash FROM accounts WHERE id = %s", [account]).fetchone() or ()

    text = json.dumps(export_of(api, account))

    assert password_hash not in text
    assert "qr" not in text
    assert "https://pay.example" not in text
    assert "BO1:" not in text


def test_what_guests_did_is_in_it_once_the_address_is_proven(api: Client, conn: Connection, account: UUID) -> None:
    ticket_type = factories.ticket_type(conn)
    factories.paid_order(conn, ticket_type, buyer_name=NAME, buyer_email=EMAIL)
    of_another = factories.account(conn)
    factories.paid_order(conn, ticket_type, buyer_name=NAME, buyer_email=EMAIL, account_id=of_another)
    assert export_of(api, account)["orders"] == []

    conn.execute("UPDATE accounts SET email_verified_at = now() WHERE id = %s", [account])

    found = export_of(api, account)
    assert len(found["orders"]) == 1
    assert len(found["tickets"]) == 2
    assert {each["template"] for each in found["messages"]} == {"order_confirmation"}


def test_who_got_a_ticket_does_not_learn_the_address_of_who_sent_it(
    api: Client, conn: Connection, account: UUID
) -> None:
    everything_of(conn, account)

    sent = {each["to_email"]: each["from_email"] for each in export_of(api, account)["transfers"]}

    assert sent == {"bola@example.com": EMAIL, EMAIL: None}


def test_the_audit_log_shows_what_the_person_did_with_their_own_values(
    api: Client, conn: Connection, account: UUID
) -> None:
    assert api.delete("/v1/sessions", account=account).status == 204
    conn.execute("UPDATE sessions SET revoked_at = NULL")

    signed_up, entry = export_of(api, account)["audit_entries"]

    assert signed_up["action"] == "sign_up"
    assert (entry["action"], entry["actor_id"]) == ("log_out_everywhere", str(account))
    assert entry["details"]["address"] == "203.0.113.7"


@pytest.mark.parametrize(("limit", "most", "rows"), [("_MOST", 2, 2), ("MOST_CHARACTERS", 1, 1)])
def test_pages_have_everything_once(
    api: Client, conn: Connection, account: UUID, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, rows: int
) -> None:
    everything_of(conn, account)
    for _ in range(3):
        assert api.delete("/v1/sessions", account=account).status == 204
        conn.execute("UPDATE sessions SET revoked_at = NULL")
    whole = export_of(api, account)
    monkeypatch.setattr(export, limit, most)

    pages, cursor = [], None
    while not pages or cursor:
        answer = api.get("/v1/me/export", account=account, query={"cursor": cursor} if cursor else {})
        assert answer.status == 200, answer.body
        pages.append(answer.json)
        cursor = answer.json["next_cursor"]

    assert len(pages) > 5
    for name, items in whole.items():
        if name != "next_cursor":
            assert [item for page in pages for item in page[name]] == items, name
            assert all(len(page[name]) <= rows for page in pages)


def test_a_forged_cursor_is_refused(api: Client, account: UUID) -> None:
    from boxoffice.pagination import encode

    for cursor in ("x", encode(99, "a"), encode(4, "nothing"), encode(11, "nothing|x|y")):
        answer = api.get("/v1/me/export", account=account, query={"cursor": cursor})
        assert (answer.status, answer.code) == (422, "invalid"), cursor


def test_the_first_page_is_limited_to_a_few_a_day(api: Client, account: UUID) -> None:
    answers = [api.get("/v1/me/export", account=account).status for _ in range(6)]

    assert answers == [200] * 5 + [429]


def test_it_has_answers_and_the_tickets_that_name_the_persons_address(
    api: Client, conn: Connection, account: UUID
) -> None:
    ticket_type = factories.ticket_type(conn)
    given = [answer("diet", "Fish")]
    own = Jsonb({"answers": {str(ticket_type): given}, "holders": [{"name": "Bola", "answers": given}]})
    factories.paid_order(conn, ticket_type, quantity=1, account_id=account, details=own)
    named = Jsonb({"holders": [{"email": EMAIL, "answers": given}]})
    factories.paid_order(conn, ticket_type, quantity=1, details=named)
    conn.execute("UPDATE accounts SET email_verified_at = now() WHERE id = %s", [account])

    found = export_of(api, account)

    assert [order["answers"] for order in found["orders"]] == [{"answers": {str(ticket_type): given}}]
    assert [(ticket["holder_name"], ticket["holder_contact"], ticket["answers"]) for ticket in found["tickets"]] == [
        ("Bola", None, given),
        ("Ada Buyer", EMAIL, given),
    ]
