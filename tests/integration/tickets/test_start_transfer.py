"""POST /v1/tickets/{ticket_id}/transfers"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.auth import order_token
from boxoffice.tickets import transfers
from tests.helpers import factories, invariants
from tests.helpers.support import Client
from tests.integration.tickets.conftest import Held


def emails(conn: Connection) -> list[tuple[str, str]]:
    """What the outbox owes to whom, apart from what paying owed."""
    return conn.execute("SELECT template, recipient FROM outbox WHERE template LIKE 'transfer%' ORDER BY id").fetchall()


def test_it_is_sent_by_email_and_changes_nothing_yet(held: Held, conn: Connection) -> None:
    answer = held.start("Bola@Example.com")

    assert answer.status == 201
    assert (answer.json["status"], answer.json["to_email"]) == ("pending", "bola@example.com")
    assert emails(conn) == [("transfer_offered", "bola@example.com")]
    assert held.show(order_token=held.token).status == 200
    assert held.scan(held.qr).status == 200
    invariants.check(conn)


def test_the_ticket_shows_to_whom_it_was_sent_until_it_lapses(held: Held, conn: Connection) -> None:
    held.start()
    path = f"/v1/tickets/{held.ticket}"

    shown = held.api.get(path, order_token=held.token).json
    assert shown["transfer"]["to_email"] == "bola@example.com"
    assert (shown["transferred"], shown["holder_name"]) == (False, "Ada Buyer")

    conn.execute("UPDATE transfers SET expires_at = now() - interval '1 second'")
    assert held.api.get(path, order_token=held.token).json["transfer"] is None


def test_nothing_of_the_link_is_stored(held: Held, conn: Connection) -> None:
    token = transfers.token_of(UUID(held.start().json["id"]))

    stored = conn.execute("SELECT transfers::text, outbox::text FROM transfers, outbox").fetchall()

    assert not [row for row in stored if token[33:] in str(row)]


def test_it_lasts_a_week_but_not_beyond_the_events_start(held: Held, conn: Connection) -> None:
    def lasts() -> timedelta:
        answer = held.start().json
        return datetime.fromisoformat(answer["expires_at"]) - datetime.fromisoformat(answer["created_at"])

    assert abs(lasts() - timedelta(days=7)) < timedelta(seconds=5)
    conn.execute("UPDATE events SET starts_at = now() + interval '2 hours', ends_at = now() + interval '5 hours'")
    assert abs(lasts() - timedelta(hours=2)) < timedelta(seconds=5)
    conn.execute("UPDATE events SET starts_at = now() - interval '1 hour'")
    assert abs(lasts() - timedelta(hours=5)) < timedelta(seconds=5)


def test_starting_again_replaces_what_was_sent_before(held: Held, conn: Connection) -> None:
    first, second = (UUID(held.start(email).json["id"]) for email in ("bola@example.com", "chidi@example.com"))

    refused = held.accept(transfers.token_of(first))

    assert (refused.status, refused.code) == (409, "transfer_replaced")
    assert held.accept(transfers.token_of(second)).status == 200
    invariants.check(conn)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE tickets SET status = 'refunded'", "ticket_refunded"),
        ("UPDATE events SET ends_at = now(), starts_at = now() - interval '1 hour'", "event_over"),
        ("UPDATE events SET status = 'cancelled'", "event_cancelled"),
        ("UPDATE tickets SET transfer_count = 10, former_hashes = array_fill('x'::bytea, ARRAY[10])", "transfer_limit"),
    ],
)
def test_some_tickets_stay_with_their_holders(held: Held, conn: Connection, change: str, code: str) -> None:
    transfer = UUID(held.start().json["id"])
    conn.execute(change)
    manager = factories.member(conn, held.organisation, "manager")

    answers = [held.start(account=manager), held.accept(transfers.token_of(transfer))]

    assert {(answer.status, answer.code) for answer in answers} == {(409, code)}


def test_a_ticket_that_was_used_stays_with_its_holder(held: Held, conn: Connection) -> None:
    transfer = UUID(held.start().json["id"])
    held.scan(held.qr)

    assert held.start().code == "ticket_used"
    assert held.accept(transfers.token_of(transfer)).code == "ticket_used"
    invariants.check(conn)


@pytest.mark.parametrize("held", [{"account_id": None}], indirect=True)
def test_its_buyer_and_managers_send_it_and_others_do_not(held: Held, conn: Connection) -> None:
    manager = factories.member(conn, held.organisation, "manager")

    assert held.start(account=manager).status == 201
    assert held.start(account=held.scanner).status == 403
    assert held.start(account=factories.account(conn)).status == 404
    assert held.start(order_token=order_token(uuid4())).status == 404
    assert held.start(order_token=None).status == 401
    audited = conn.execute("SELECT actor_id, action FROM audit_log").fetchall()
    assert audited == [(manager, "start_transfer")]


def test_it_is_sent_five_times_an_hour_at_the_most(held: Held, conn: Connection) -> None:
    answers = [held.start(f"friend{number}@example.com") for number in range(6)]

    assert [answer.status for answer in answers] == [201] * 5 + [429]
    assert answers[5].headers["retry-after"]
    assert len(emails(conn)) == 5


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "bola"},
        {"email": "Bola <bola@example.com>"},
        {"email": "bola@example.com", "name": "a\nb"},
        {"email": "bola@example.com", "transfer_count": 7},
    ],
)
def test_a_malformed_request_is_refused(held: Held, conn: Connection, body: dict[str, Any]) -> None:
    answer = held.api.post(f"/v1/tickets/{held.ticket}/transfers", body, order_token=held.token)

    assert answer.code == "invalid"
    assert emails(conn) == []


def test_a_ticket_that_does_not_exist_is_not_found(api: Client, conn: Connection) -> None:
    answer = api.post(f"/v1/tickets/{uuid4()}/transfers", {"email": "a@example.com"}, account=factories.account(conn))
    assert answer.status == 404
