"""POST /v1/scans"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.tickets import qr
from tests.helpers import factories, invariants
from tests.helpers.support import Answer, Client


@dataclass
class TicketAtDoor:
    """A ticket of an event, and a scanner who scans it."""

    api: Client
    scanner: UUID
    event: UUID
    ticket: UUID
    qr: str

    def scan(self, text: str | None = None, **fields: Any) -> Answer:
        return self.api.post("/v1/scans", {"qr": text or self.qr, **fields}, account=self.scanner)


def qr_of(conn: Connection, ticket: UUID) -> str:
    """Return the text of a ticket's QR."""
    from boxoffice.config import settings
    from boxoffice.signing import key

    row = conn.execute("SELECT key_id, transfer_count, organisation_id FROM tickets WHERE id = %s", [ticket]).fetchone()
    assert row is not None
    master = key(settings().ticket_keys_secret, str(row[0]))
    assert master is not None
    return qr.text_of(master, *row, ticket)


@pytest.fixture
def door(api: Client, conn: Connection, request: pytest.FixtureRequest) -> TicketAtDoor:
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation)
    sale_terms = getattr(request, "param", {})
    order = factories.paid_order(conn, factories.ticket_type(conn, event_id=event, **sale_terms), quantity=1)
    (ticket,) = conn.execute("SELECT id FROM tickets WHERE order_id = %s", [order]).fetchone() or (None,)
    assert ticket is not None
    return TicketAtDoor(api, factories.member(conn, organisation, "scanner"), event, ticket, qr_of(conn, ticket))


def test_a_ticket_admits_its_holder(door: TicketAtDoor, conn: Connection) -> None:
    answer = door.scan(event_id=str(door.event), gate="North", device_id="phone 1")

    assert answer.status == 200
    assert answer.json["outcome"] == "admitted"
    assert answer.json["holder_name"] == "Ada Buyer"
    assert (answer.json["entries"], answer.json["max_entries"]) == (1, 1)
    invariants.check(conn)


def test_the_second_scan_shows_when_and_where_the_ticket_was_used(door: TicketAtDoor, conn: Connection) -> None:
    door.scan(gate="North")

    refused = door.scan(gate="South")

    assert (refused.status, refused.code) == (409, "already_scanned")
    assert refused.json["first_scan_gate"] == "North"
    assert refused.json["first_scan_at"]
    assert conn.execute("SELECT outcome, gate FROM scans ORDER BY id").fetchall() == [
        ("admitted", "North"),
        ("already_scanned", "South"),
    ]
    invariants.check(conn)


@pytest.mark.parametrize("door", [{"max_entries": 3}], indirect=True)
def test_a_ticket_with_several_entries_admits_as_often(door: TicketAtDoor, conn: Connection) -> None:
    answers = [door.scan() for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 200, 409]
    assert [answer.json["entries"] for answer in answers] == [1, 2, 3, 3]
    invariants.check(conn)


def test_a_ticket_is_refused_at_the_door_of_another_event(door: TicketAtDoor, conn: Connection) -> None:
    assert door.scan(event_id=str(factories.event(conn))).code == "wrong_event"
    assert door.scan().status == 200


def test_a_refunded_ticket_admits_nobody(door: TicketAtDoor, conn: Connection) -> None:
    conn.execute("UPDATE tickets SET status = 'refunded'")

    assert door.scan().code == "refunded"


def test_forgeries_are_refused_and_the_answer_says_nothing_of_the_ticket(door: TicketAtDoor, conn: Connection) -> None:
    last = "A" if door.qr[-1] != "A" else "B"
    texts = [door.qr[:-1] + last, door.qr[:-1], door.qr[4:], "BO1:", "https://example.com", "\u0000", "é" * 100]

    answers = [door.scan(text) for text in texts]

    assert {(answer.status, answer.code) for answer in answers} == {(422, "forged")}
    assert "holder_name" not in answers[0].json
    assert conn.execute("SELECT entries FROM tickets").fetchone() == (0,)


def test_another_organisations_ticket_is_not_found(door: TicketAtDoor, conn: Connection) -> None:
    stranger = factories.member(conn, factories.organisation(conn), "owner")

    assert door.api.post("/v1/scans", {"qr": door.qr}, account=stranger).status == 404
    assert door.api.post("/v1/scans", {"qr": door.qr}).status == 401
    assert conn.execute("SELECT count(*) FROM scans").fetchone() == (0,)


def test_a_ticket_that_does_not_exist_is_not_found(door: TicketAtDoor) -> None:
    unknown = qr.text_of(b"a key of somebody else's", 1, 0, uuid4(), uuid4())

    assert door.scan(unknown).status == 404


def test_a_former_qr_is_not_taken_for_a_forgery(door: TicketAtDoor, conn: Connection) -> None:
    conn.execute("UPDATE tickets SET transfer_count = 1, former_hashes = ARRAY[qr_hash]")
    newer = qr_of(conn, door.ticket)
    conn.execute("UPDATE tickets SET qr_hash = %s", [qr.hash_of(newer)])

    refused = door.scan()

    assert (refused.status, refused.code) == (409, "transferred")
    assert "holder_name" not in refused.json
    assert door.scan(newer[:-1] + ("A" if newer[-1] != "A" else "B")).code == "forged"
    assert door.scan(newer).status == 200


@pytest.mark.parametrize(
    "body", [{}, {"qr": 1}, {"qr": "x" * 501}, {"qr": "x", "gate": "\u200b"}, {"qr": "x", "at": 1}]
)
def test_a_malformed_scan_is_refused(door: TicketAtDoor, body: dict[str, Any]) -> None:
    assert door.api.post("/v1/scans", body, account=door.scanner).code == "invalid"


def test_a_qr_whose_key_was_withdrawn_admits_nobody(door: TicketAtDoor, conn: Connection) -> None:
    withdrawn = qr.text_of(b"a key that has gone", 7, 0, uuid4(), door.ticket)
    conn.execute("UPDATE tickets SET key_id = 7, qr_hash = %s", [qr.hash_of(withdrawn)])

    assert door.scan(withdrawn).code == "withdrawn"
