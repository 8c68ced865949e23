"""DELETE /v1/ticket-types/{ticket_type_id}"""

from collections.abc import Callable
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories, invariants
from tests.helpers.factories import order_request
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Client


def test_a_deleted_ticket_type_cannot_be_bought(
    api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
) -> None:
    other = factories.ticket_type(conn, event_id=event)

    answer = api.delete(f"/v1/ticket-types/{ticket_type}", account=manager)

    assert (answer.status, answer.body) == (204, b"")
    assert [each["id"] for each in api.get(f"/v1/events/{event}").json["ticket_types"]] == [str(other)]
    assert api.post("/v1/orders", order_request(ticket_type), key="new").status == 404
    assert api.delete(f"/v1/ticket-types/{ticket_type}", account=manager).status == 404
    entry = conn.execute("SELECT actor_id, action, subject FROM audit_log").fetchone()
    assert entry == (manager, "delete_ticket_type", f"ticket type {ticket_type}")
    invariants.check(conn)


@pytest.mark.parametrize("order", [factories.order, factories.paid_order])
def test_a_ticket_type_with_tickets_sold_or_held_cannot_be_deleted(
    api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID, order: Callable[..., UUID]
) -> None:
    factories.ticket_type(conn, event_id=event)
    order(conn, ticket_type, quantity=1)
    before = snapshot(conn)

    answer = api.delete(f"/v1/ticket-types/{ticket_type}", account=manager)

    assert (answer.status, answer.code) == (409, "tickets_taken")
    assert snapshot(conn) == before


def test_the_last_ticket_type_of_a_published_event_cannot_be_deleted(
    api: Client, manager: UUID, ticket_type: UUID
) -> None:
    answer = api.delete(f"/v1/ticket-types/{ticket_type}", account=manager)

    assert (answer.status, answer.code) == (409, "no_ticket_types")


def test_the_last_ticket_type_of_a_draft_can_be_deleted(
    api: Client, conn: Connection, manager: UUID, draft: UUID
) -> None:
    ticket_type = factories.ticket_type(conn, event_id=draft)

    assert api.delete(f"/v1/ticket-types/{ticket_type}", account=manager).status == 204


def test_only_a_manager_of_the_organisation_can_delete_a_ticket_type(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, event: UUID, ticket_type: UUID
) -> None:
    factories.ticket_type(conn, event_id=event)
    path = f"/v1/ticket-types/{ticket_type}"
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)
    before = snapshot(conn)

    assert api.delete(path).status == 401
    assert api.delete(path, account=factories.member(conn, organisation, "scanner")).status == 403
    assert api.delete(path, account=rival).status == 404
    assert api.delete(f"/v1/ticket-types/{new_id()}", account=manager).status == 404
    assert snapshot(conn)["ticket_types"] == before["ticket_types"]
