"""DELETE /v1/events/{event_id}"""

from collections.abc import Callable
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import order_request
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Client


def test_an_event_is_deleted_with_its_ticket_types(
    api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
) -> None:
    answer = api.delete(f"/v1/events/{event}", account=manager)

    assert (answer.status, answer.body) == (204, b"")
    assert api.get(f"/v1/events/{event}", account=manager).status == 404
    assert api.get("/v1/events").json["items"] == []
    assert api.post("/v1/orders", order_request(ticket_type), key="new").status == 404
    assert api.patch(f"/v1/ticket-types/{ticket_type}", {"quantity": 7}, account=manager).status == 404
    assert api.delete(f"/v1/events/{event}", account=manager).status == 404
    assert invariants.left(conn, ticket_type) == (0, 0, 0)
    assert conn.execute("SELECT action, subject FROM audit_log").fetchone() == ("delete_event", f"event {event}")
    invariants.check(conn)


@pytest.mark.parametrize("order", [factories.order, factories.paid_order])
def test_an_event_with_tickets_sold_or_held_cannot_be_deleted(
    api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID, order: Callable[..., UUID]
) -> None:
    factories.ticket_type(conn, event_id=event)
    order(conn, ticket_type, quantity=1)
    before = snapshot(conn)

    answer = api.delete(f"/v1/events/{event}", account=manager)

    assert (answer.status, answer.code) == (409, "tickets_taken")
    assert snapshot(conn) == before


def test_ended_orders_do_not_prevent_it_and_stay_readable(
    api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
) -> None:
    buyer = factories.account(conn)
    order = factories.order(conn, ticket_type, account_id=buyer, expires_at=factories.a_moment_ago())
    sellers.expire_orders(conn)

    assert api.delete(f"/v1/events/{event}", account=manager).status == 204
    assert api.get(f"/v1/orders/{order}", account=buyer).json["status"] == "expired"
    invariants.check(conn)


def test_only_a_manager_of_the_organisation_can_delete_an_event(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, event: UUID
) -> None:
    path = f"/v1/events/{event}"
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)

    assert api.delete(path).status == 401
    assert api.delete(path, account=factories.member(conn, organisation, "scanner")).status == 403
    assert api.delete(path, account=rival).status == 404
    assert api.delete(f"/v1/events/{new_id()}", account=manager).status == 404
    assert api.get(path).status == 200
