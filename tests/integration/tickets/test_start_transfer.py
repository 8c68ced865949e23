"""POST /v1/tickets/{ticket_id}/transfers"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from boxoffice.tickets import transfers
from tests.helpers import factories, invariants
from tests.helpers.support import Client
from tests.integration.tickets.conftest import SoldTicket


def emails(conn: Connection) -> list[tuple[str, str]]:
    """Return template and recipient of each email about a transfer."""
    return conn.execute("SELECT template, recipient FROM outbox WHERE template LIKE 'transfer%' ORDER BY id").fetchall()


def test_a_transfer_sends_an_email_and_changes_nothing_yet(sold: SoldTicket, conn: Connection) -> None:
    answer = sold.start("Bola@Example.com")

    assert answer.status == 201
    assert (answer.json["status"], answer.json["to_email"]) == ("pending", "bola@example.com")
    assert emails(conn) == [("transfer_started", "bola@example.com")]
    assert sold.get_qr(order_token=sold.token).status == 200
    assert sold.scan(sold.qr).status == 200
    invariants.check(conn)


def test_the_ticket_shows_its_transfer_until_it_expires(sold: SoldTicket, conn: Connection) -> None:
    sold.start()
    path = f"/v1/tickets/{sold.ticket}"

    ticket = sold.api.get(path, order_token=sold.token).json
    assert ticket["transfer"]["to_email"] == "bola@example.com"
    assert (ticket["transferred"], ticket["holder_name"]) == (False, "Ada Buyer")

    conn.execute("UPDATE transfers SET expires_at = now() - interval '1 second'")
    assert sold.api.get(path, order_token=sold.token).json["transfer"] is None


def test_the_links_token_is_not_stored(sold: SoldTicket, conn: Connection) -> None:
    token = transfers.token_of(UUID(sold.start().json["id"]))

    stored = conn.execute("SELECT transfers::text, outbox::text FROM transfers, outbox").fetchall()

    assert not [row for row in stored if token[33:] in str(row)]


def test_a_transfer_lasts_a_week_but_not_beyond_the_events_start(sold: SoldTicket, conn: Connection) -> None:
    def lifetime() -> timedelta:
        answer = sold.start().json
        return datetime.fromisoformat(answer["expires_at"]) - datetime.fromisoformat(answer["created_at"])

    assert abs(lifetime() - timedelta(days=7)) < timedelta(seconds=5)
    conn.execute("UPDATE events SET starts_at = now() + interval '2 hours', ends_at = now() + interval '5 hours'")
    assert abs(lifetime() - timedelta(hours=2)) < timedelta(seconds=5)
    conn.execute("UPDATE events SET starts_at = now() - interval '1 hour'")
    assert abs(lifetime() - timedelta(hours=5)) < timedelta(seconds=5)


def test_a_new_transfer_replaces_the_pending_one(sold: SoldTicket, conn: Connection) -> None:
    first, second = (UUID(sold.start(email).json["id"]) for email in ("bola@example.com", "chidi@example.com"))

    refused = sold.accept(transfers.token_of(first))

    assert (refused.status, refused.code) == (409, "transfer_replaced")
    assert sold.accept(transfers.token_of(second)).status == 200
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
def test_some_tickets_cannot_be_transferred(sold: SoldTicket, conn: Connection, change: str, code: str) -> None:
    transfer = UUID(sold.start().json["id"])
    conn.execute(change)
    manager = factories.member(conn, sold.organisation, "manager")

    answers = [sold.start(account=manager), sold.accept(transfers.token_of(transfer))]

    assert {(answer.status, answer.code) for answer in answers} == {(409, code)}


def test_a_used_ticket_cannot_be_transferred(sold: SoldTicket, conn: Connection) -> None:
    transfer = UUID(sold.start().json["id"])
    sold.scan(sold.qr)

    assert sold.start().code == "ticket_used"
    assert sold.accept(transfers.token_of(transfer)).code == "ticket_used"
    invariants.check(conn)


@pytest.mark.parametrize("sold", [{"account_id": None}], indirect=True)
def test_only_the_buyer_and_managers_start_a_transfer(sold: SoldTicket, conn: Connection) -> None:
    manager = factories.member(conn, sold.organisation, "manager")

    assert sold.start(account=manager).status == 201
    assert sold.start(account=sold.scanner).status == 403
    assert sold.start(account=factories.account(conn)).status == 404
    assert sold.start(order_token=order_token(uuid4())).status == 404
    assert sold.start(order_token=None).status == 401
    audited = conn.execute("SELECT actor_id, action FROM audit_log").fetchall()
    assert audited == [(manager, "start_transfer")]


def test_a_ticket_is_sent_five_times_an_hour_at_the_most(sold: SoldTicket, conn: Connection) -> None:
    answers = [sold.start(f"friend{number}@example.com") for number in range(6)]

    assert [answer.status for answer in answers] == [201] * 5 + [429]
    assert answers[5].headers["retry-after"]
    assert len(emails(conn)) == 5


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "bola"},
        {"email": "Bola <bola@example.com>"},
        {"email": "bola@example.com", "name": "Bola www.evil.example"},
        {"email": "bola@example.com", "transfer_count": 7},
    ],
)
def test_a_malformed_request_is_refused(sold: SoldTicket, conn: Connection, body: dict[str, Any]) -> None:
    answer = sold.api.post(f"/v1/tickets/{sold.ticket}/transfers", body, order_token=sold.token)

    assert answer.code == "invalid"
    assert emails(conn) == []


def test_a_ticket_that_does_not_exist_is_not_found(api: Client, conn: Connection) -> None:
    answer = api.post(f"/v1/tickets/{uuid4()}/transfers", {"email": "a@example.com"}, account=factories.account(conn))
    assert answer.status == 404
