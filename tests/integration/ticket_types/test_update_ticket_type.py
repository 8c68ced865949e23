"""PATCH /v1/ticket-types/{ticket_type_id}"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories, invariants
from tests.helpers.audit import only_entry
from tests.helpers.factories import NOW, order_request
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Answer, Client


@pytest.fixture
def path(ticket_type: UUID) -> str:
    return f"/v1/ticket-types/{ticket_type}"


def test_only_fields_that_are_sent_change(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, event: UUID, path: str, ticket_type: UUID
) -> None:
    (before,) = api.get(f"/v1/events/{event}").json["ticket_types"]
    changes = {
        "name": "Seated",
        "price": 7000,
        "sales_end": (NOW + timedelta(days=9)).isoformat().replace("+00:00", "Z"),
        "attributes": {"colour": "blue"},
    }

    answer = api.patch(path, changes, account=manager)

    assert answer.status == 200
    assert answer.version == 2
    assert answer.json == {**before, **changes, "version": 2}
    assert api.get(f"/v1/events/{event}").json["ticket_types"] == [answer.json]
    entry = only_entry(conn)
    assert (entry.chain, entry.actor, entry.action) == (organisation, manager, "update_ticket_type")
    assert entry.details["before"] == {name: before[name] for name in changes}
    assert entry.details["after"] == changes | {"sales_end": (NOW + timedelta(days=9)).isoformat()}


@pytest.mark.parametrize("quantity", [7, 8, 100, 101, 5000, 10_000_000])
def test_the_quantity_can_change_down_to_what_is_sold_and_held(
    api: Client, conn: Connection, manager: UUID, path: str, ticket_type: UUID, quantity: int
) -> None:
    factories.order(conn, ticket_type, quantity=3)
    factories.paid_order(conn, ticket_type, quantity=4)

    answer = api.patch(path, {"quantity": quantity}, account=manager)

    assert (answer.json["quantity"], answer.json["available"]) == (quantity, quantity - 7)
    assert invariants.left(conn, ticket_type) == (quantity - 7, 3, 4)
    invariants.check(conn)


def test_the_quantity_is_never_less_than_what_is_sold_and_held(
    api: Client, conn: Connection, manager: UUID, path: str, ticket_type: UUID
) -> None:
    factories.order(conn, ticket_type, quantity=3)
    factories.paid_order(conn, ticket_type, quantity=4)
    before = snapshot(conn)

    for quantity in (6, 3, 0):
        answer = api.patch(path, {"quantity": quantity, "price": 1}, account=manager)
        assert (answer.status, answer.code) == (409, "quantity_too_low")
    assert snapshot(conn) == before


def test_added_quantity_can_be_bought_and_removed_quantity_cannot(
    api: Client, conn: Connection, manager: UUID, path: str, ticket_type: UUID
) -> None:
    def buy(quantity: int) -> int:
        return api.post("/v1/orders", order_request(ticket_type, quantity), key="new").status

    api.patch(path, {"quantity": 5}, account=manager)
    assert [buy(6), buy(5), buy(1)] == [409, 201, 409]
    api.patch(path, {"quantity": 8}, account=manager)
    assert [buy(3), buy(1)] == [201, 409]
    invariants.check(conn)


def test_orders_keep_the_price_they_were_placed_at(api: Client, manager: UUID, path: str, ticket_type: UUID) -> None:
    placed = api.post("/v1/orders", order_request(ticket_type), key="new").json

    api.patch(path, {"price": 9000}, account=manager)

    token = placed["access_token"]
    assert api.get(f"/v1/orders/{placed['id']}", order_token=token).json["items"][0]["unit_price"] == 5000
    assert api.post("/v1/orders", order_request(ticket_type), key="new").json["total"] == 18_000


def test_the_public_cannot_see_or_buy_a_hidden_ticket_type(
    api: Client, manager: UUID, event: UUID, path: str, ticket_type: UUID
) -> None:
    api.patch(path, {"hidden": True}, account=manager)

    assert api.get(f"/v1/events/{event}").json["ticket_types"] == []
    assert api.post("/v1/orders", order_request(ticket_type), key="new").status == 404


def test_an_edit_of_an_old_version_is_refused(api: Client, conn: Connection, manager: UUID, path: str) -> None:
    def set_quantity(quantity: int, if_match: str) -> Answer:
        return api.patch(path, {"quantity": quantity}, account=manager, headers={"If-Match": if_match})

    assert set_quantity(50, '"1"').status == 200
    before = snapshot(conn)
    refused = set_quantity(60, '"1"')
    assert (refused.status, refused.code) == (412, "stale_version")
    assert snapshot(conn) == before
    assert set_quantity(60, '"2"').status == 200


INVALID: list[dict[str, Any]] = [
    {"name": None},
    {"name": ""},
    {"price": None},
    {"price": -1},
    {"price": 2**63},
    {"price": 1.5},
    {"quantity": -1},
    {"quantity": 10_000_001},
    {"quantity": None},
    {"quantity": "7"},
    {"min_per_order": 11},
    {"max_per_order": 0},
    {"sales_start": (NOW + timedelta(days=2)).isoformat(), "sales_end": (NOW + timedelta(days=1)).isoformat()},
    {"sales_end": "2500-01-01T00:00:00Z"},
    {"attributes": {"note": "\0"}},
    {"attributes": None},
    {"hidden": None},
    {"event_id": str(new_id())},
    {"available": 7},
    {"version": 1},
]


def test_an_invalid_edit_is_refused_and_changes_nothing(
    api: Client, conn: Connection, manager: UUID, path: str, subtests: pytest.Subtests
) -> None:
    before = snapshot(conn)
    for changes in INVALID:
        with subtests.test(changes=changes):
            answer = api.patch(path, changes, account=manager)
            assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert snapshot(conn) == before


def test_new_limits_are_checked_against_the_stored_ones(
    api: Client, conn: Connection, manager: UUID, event: UUID
) -> None:
    ticket_type = factories.ticket_type(conn, event_id=event, min_per_order=2, max_per_order=4, sales_end=NOW)

    def code(**changes: Any) -> str:
        return api.patch(f"/v1/ticket-types/{ticket_type}", changes, account=manager).code

    assert code(max_per_order=1) == "order_limits_crossed"
    assert code(min_per_order=5) == "order_limits_crossed"
    assert code(sales_start=NOW.isoformat()) == "sale_window_empty"


def test_only_a_manager_of_the_organisation_can_edit_a_ticket_type(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, path: str
) -> None:
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)
    before = snapshot(conn)

    assert api.patch(path, {"price": 0}).status == 401
    assert api.patch(path, {"price": 0}, account=rival).status == 404
    assert api.patch(f"/v1/ticket-types/{new_id()}", {"price": 0}, account=manager).status == 404
    assert api.patch("/v1/ticket-types/1", {"price": 0}, account=manager).status == 422
    assert snapshot(conn) == before
    assert api.patch(path, {"price": 0}, account=factories.member(conn, organisation, "scanner")).status == 403
