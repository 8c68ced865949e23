"""GET /v1/events/{event_id}/availability"""

from uuid import UUID

from psycopg import Connection

from tests.helpers import factories
from tests.helpers.support import Client


def test_it_counts_available_held_and_sold_tickets(
    api: Client, conn: Connection, event: UUID, ticket_type: UUID
) -> None:
    factories.order(conn, ticket_type, quantity=3)
    factories.paid_order(conn, ticket_type, quantity=4)

    answer = api.get(f"/v1/events/{event}/availability")

    assert answer.json == {
        "event_id": str(event),
        "capacity": None,
        "ticket_types": [{"ticket_type_id": str(ticket_type), "available": 93, "held": 3, "sold": 4}],
    }
    assert answer.headers["cache-control"] == "public, max-age=1, stale-while-revalidate=2"


def test_it_agrees_with_get_event(api: Client, conn: Connection, organisation: UUID, event: UUID, draft: UUID) -> None:
    hidden = factories.ticket_type(conn, event_id=event, hidden=True)
    member = factories.member(conn, organisation, "scanner")

    assert api.get(f"/v1/events/{event}/availability").json["ticket_types"] == []
    shown = api.get(f"/v1/events/{event}/availability", account=member).json["ticket_types"]
    assert [each["ticket_type_id"] for each in shown] == [str(hidden)]
    refused = api.get(f"/v1/events/{draft}/availability")
    assert (refused.status, refused.headers["cache-control"]) == (404, "no-cache")
    assert api.get(f"/v1/events/{draft}/availability", account=member).status == 200
