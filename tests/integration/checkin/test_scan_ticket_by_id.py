"""POST /v1/tickets/{ticket_id}/scans"""

from uuid import uuid4

from tests.helpers import factories, invariants
from tests.helpers.doors import Doors


def test_a_holder_on_the_guest_list_is_admitted_without_a_qr(doors: Doors) -> None:
    (ticket,) = doors.sell()

    answer = doors.admit(ticket.id, gate="Guest list")

    assert answer.status == 200
    assert (answer.json["outcome"], answer.json["holder_name"], answer.json["entries"]) == ("admitted", "Ada Buyer", 1)
    assert doors.scan(ticket).code == "already_scanned"
    invariants.check(doors.conn)


def test_the_guest_list_and_the_qr_use_the_same_entries(doors: Doors) -> None:
    (ticket,) = doors.sell(max_entries=2)
    doors.scan(ticket, gate="North")

    assert doors.admit(ticket.id).json["entries"] == 2
    refused = doors.admit(ticket.id)
    assert (refused.status, refused.code, refused.json["first_scan_gate"]) == (409, "already_scanned", "North")
    invariants.check(doors.conn)


def test_the_new_holder_of_a_transferred_ticket_is_on_the_guest_list(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.transfer(ticket)

    assert doors.admit(ticket.id).json["holder_name"] == "Bola Holder"


def test_refunded_tickets_are_not_on_the_guest_list(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.refund(ticket)

    assert doors.admit(ticket.id).code == "refunded"


def test_tickets_of_other_organisations_are_not_found(doors: Doors) -> None:
    (ticket,) = doors.sell()
    stranger = factories.member(doors.conn, factories.organisation(doors.conn), "owner")

    body = {"event_id": str(doors.event)}
    assert doors.api.post(f"/v1/tickets/{ticket.id}/scans", body, account=stranger).status == 404
    assert doors.admit(uuid4()).status == 404
    assert doors.api.post(f"/v1/tickets/{ticket.id}/scans", body).status == 401
