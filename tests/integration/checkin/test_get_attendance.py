"""GET /v1/events/{event_id}/attendance"""

from uuid import UUID, uuid4

from psycopg import Connection

from boxoffice.tickets import service as tickets
from tests.helpers import factories, invariants
from tests.helpers.support import Client


def counts(ticket_type: UUID, name: str, **numbers: int) -> dict[str, object]:
    """Return what attendance says of a ticket type."""
    return {"ticket_type_id": str(ticket_type), "name": name, **numbers}


def test_it_counts_by_type_gate_and_minute(api: Client, conn: Connection, organisation: UUID, event: UUID) -> None:
    scanner = factories.member(conn, organisation, "scanner")
    once = factories.ticket_type(conn, event_id=event, name="Once")
    often = factories.ticket_type(conn, event_id=event, name="Often", max_entries=3)
    unsold = factories.ticket_type(conn, event_id=event, name="Unsold")
    first, second, _ = tickets.list_for_order(conn, factories.paid_order(conn, once, quantity=3))
    (third,) = tickets.list_for_order(conn, factories.paid_order(conn, often, quantity=1))
    factories.paid_order(conn, factories.ticket_type(conn))
    for ticket, gate in ((first, "North"), (first, "South"), (second, "South"), (third, "South"), (third, None)):
        api.post("/v1/scans", {"qr": ticket.qr, "gate": gate}, account=scanner)
    conn.execute("UPDATE scans SET at = now() - interval '5 minutes' WHERE gate = 'South'")
    conn.execute("UPDATE scans SET at = now() - interval '3 minutes' WHERE gate = 'North'")
    earliest = "SELECT min(at) FROM scans WHERE ticket_id = tickets.id AND outcome = 'admitted'"
    conn.execute(f"UPDATE tickets SET first_scan_at = ({earliest})")

    answer = api.get(f"/v1/events/{event}/attendance", account=scanner)

    assert answer.status == 200
    minutes = [row["entries"] for row in answer.json["minutes"]]
    assert minutes == [2, 1, 1]
    assert {name: value for name, value in answer.json.items() if name != "minutes"} == {
        "event_id": str(event),
        "valid_tickets": 4,
        "used_tickets": 3,
        "entries": 4,
        "people": 3,
        "conflicts": 0,
        "ticket_types": [
            counts(once, "Once", valid_tickets=3, used_tickets=2, entries=2, people=2),
            counts(often, "Often", valid_tickets=1, used_tickets=1, entries=2, people=1),
            counts(unsold, "Unsold", valid_tickets=0, used_tickets=0, entries=0, people=0),
        ],
        "gates": [
            {"gate": "North", "entries": 1},
            {"gate": "South", "entries": 2},
            {"gate": None, "entries": 1},
        ],
    }
    invariants.check(conn)


def test_refunded_tickets_are_not_valid(api: Client, conn: Connection, organisation: UUID, event: UUID) -> None:
    factories.paid_order(conn, factories.ticket_type(conn, event_id=event), quantity=2)
    conn.execute("UPDATE tickets SET status = 'refunded' WHERE position = 1")
    manager = factories.member(conn, organisation, "manager")

    assert api.get(f"/v1/events/{event}/attendance", account=manager).json["valid_tickets"] == 1


def test_only_members_of_the_organisation_see_attendance(api: Client, conn: Connection, event: UUID) -> None:
    path = f"/v1/events/{event}/attendance"
    rival = factories.member(conn, factories.organisation(conn), "owner")

    assert api.get(path).status == 401
    assert api.get(path, account=rival).status == 404
    assert api.get(f"/v1/events/{uuid4()}/attendance", account=rival).status == 404
