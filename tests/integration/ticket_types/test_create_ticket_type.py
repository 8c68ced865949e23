"""POST /v1/events/{event_id}/ticket-types"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories, invariants
from tests.helpers.audit import Entry, only_entry
from tests.helpers.factories import NOW, order_request
from tests.helpers.operations import ticket_type_request
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Client


@pytest.fixture
def path(event: UUID) -> str:
    return f"/v1/events/{event}/ticket-types"


def test_a_ticket_type_of_a_published_event_is_on_sale_at_once(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, event: UUID, path: str
) -> None:
    answer = api.post(path, ticket_type_request(), account=manager)

    assert answer.status == 201
    assert answer.version == 1
    ticket_type = answer.json
    assert ticket_type | ticket_type_request() | {"sales_start": ticket_type["sales_start"]} == ticket_type
    assert (ticket_type["available"], ticket_type["event_id"]) == (100, str(event))
    assert api.get(f"/v1/events/{event}").json["ticket_types"] == [ticket_type]
    assert api.post("/v1/orders", order_request(UUID(ticket_type["id"])), key="new").status == 201
    facts = {"name": "Standing", "price": 5000, "quantity": 100}
    subject = f"ticket type {ticket_type['id']}"
    assert only_entry(conn) == Entry(organisation, manager, "create_ticket_type", subject, facts, "203.0.113.7")
    invariants.check(conn)


@pytest.mark.parametrize("quantity", [0, 1, 2559, 10_000_000])
def test_any_quantity_can_be_sold(api: Client, conn: Connection, manager: UUID, path: str, quantity: int) -> None:
    body = {"name": "Standing", "price": 0, "quantity": quantity}

    ticket_type = api.post(path, body, account=manager).json

    assert ticket_type["available"] == quantity
    assert invariants.left(conn, ticket_type["id"]) == (quantity, 0, 0)
    invariants.check(conn)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"min_per_order": 5}, "order_limits_crossed"),
        ({"sales_end": NOW.isoformat()}, "sale_window_empty"),
        ({"sales_end": (NOW - timedelta(days=1)).isoformat()}, "sale_window_empty"),
        ({"price": -1}, "invalid"),
        ({"quantity": 10_000_001}, "invalid"),
        ({"currency": "NGN"}, "invalid"),
        ({"attributes": {"note": "\0"}}, "invalid"),
    ],
)
def test_an_invalid_ticket_type_is_refused_and_changes_nothing(
    api: Client, conn: Connection, manager: UUID, path: str, changes: dict[str, Any], code: str
) -> None:
    before = snapshot(conn)

    answer = api.post(path, ticket_type_request() | changes, account=manager)

    assert (answer.status, answer.code) == (422, code)
    assert snapshot(conn) == before


def test_an_event_has_fifty_ticket_types_at_the_most(
    api: Client, conn: Connection, manager: UUID, event: UUID, path: str
) -> None:
    for _ in range(49):
        factories.ticket_type(conn, event_id=event, quantity=1)
    factories.ticket_type(conn, event_id=event, deleted_at="now")

    assert api.post(path, ticket_type_request(), account=manager).status == 201
    refused = api.post(path, ticket_type_request(), account=manager)
    assert (refused.status, refused.code) == (409, "too_many_ticket_types")


def test_only_a_manager_of_the_organisation_can_create_a_ticket_type(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, path: str
) -> None:
    body = ticket_type_request()
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)

    assert api.post(path, body).status == 401
    assert api.post(path, body, account=factories.member(conn, organisation, "scanner")).status == 403
    assert api.post(path, body, account=rival).status == 404
    assert api.post(f"/v1/events/{new_id()}/ticket-types", body, account=manager).status == 404
