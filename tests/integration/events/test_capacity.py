"""An event's own capacity, which its ticket types share."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.orders import service as orders
from tests.helpers import factories, invariants, sellers
from tests.helpers.audit import only_entry
from tests.helpers.factories import order_request
from tests.helpers.operations import event_request, ticket_type_request
from tests.helpers.support import Answer, Client


def set_capacity(api: Client, manager: UUID, event: UUID, capacity: int | None) -> Answer:
    """Change an event's capacity."""
    return api.patch(f"/v1/events/{event}", {"capacity": capacity}, account=manager)


def buy(api: Client, wanted: dict[UUID, int], **more: Any) -> Answer:
    """Place an order of these quantities of ticket types."""
    request = order_request(next(iter(wanted)), **more)
    request["items"] = [{"ticket_type_id": str(each), "quantity": quantity} for each, quantity in wanted.items()]
    return api.post("/v1/orders", request, key="new")


@pytest.fixture
def types(conn: Connection, event: UUID) -> list[UUID]:
    return [factories.ticket_type(conn, event_id=event, quantity=quantity, max_per_order=60) for quantity in (50, 80)]


@pytest.fixture
def capped(api: Client, manager: UUID, event: UUID, types: list[UUID]) -> UUID:
    """The event, with a capacity of 100 for its ticket types of 50 and 80."""
    assert set_capacity(api, manager, event, 100).status == 200
    return event


class TestCreate:
    def test_an_event_is_drafted_with_its_capacity(
        self, api: Client, conn: Connection, organisation: UUID, manager: UUID
    ) -> None:
        body = {**event_request(organisation), "capacity": 150, "ticket_types": [ticket_type_request()] * 2}

        created = api.post("/v1/events", body, account=manager)

        assert (created.status, created.json["capacity"]) == (201, 150)
        assert [each["available"] for each in created.json["ticket_types"]] == [100, 100]
        shown = api.get(f"/v1/events/{created.json['id']}/availability", account=manager).json
        assert shown["capacity"] == {"quantity": 150, "available": 150, "held": 0, "sold": 0}
        invariants.check(conn)

    def test_an_event_without_a_capacity_has_none(self, api: Client, organisation: UUID, manager: UUID) -> None:
        created = api.post("/v1/events", event_request(organisation), account=manager).json

        assert created["capacity"] is None
        assert api.get(f"/v1/events/{created['id']}/availability", account=manager).json["capacity"] is None

    @pytest.mark.parametrize("capacity", [-1, 10**8, "100", 1.5, True])
    def test_an_invalid_capacity_is_refused(
        self, api: Client, organisation: UUID, manager: UUID, event: UUID, capacity: Any
    ) -> None:
        body = {**event_request(organisation), "capacity": capacity}

        assert api.post("/v1/events", body, account=manager).code == "invalid"
        assert set_capacity(api, manager, event, capacity).code == "invalid"


def test_the_ticket_types_share_the_capacity(api: Client, conn: Connection, capped: UUID, types: list[UUID]) -> None:
    assert buy(api, {types[0]: 40, types[1]: 30}).status == 201

    availability = api.get(f"/v1/events/{capped}/availability").json
    assert availability["capacity"] == {"quantity": 100, "available": 30, "held": 70, "sold": 0}
    assert [each["available"] for each in availability["ticket_types"]] == [10, 30]
    assert [each["available"] for each in api.get(f"/v1/events/{capped}").json["ticket_types"]] == [10, 30]
    assert buy(api, {types[1]: 31}).code == "sold_out"
    assert buy(api, {types[0]: 11}).code == "sold_out"
    assert buy(api, {types[0]: 10, types[1]: 21}).code == "sold_out"
    assert buy(api, {types[0]: 10, types[1]: 20}).status == 201
    assert buy(api, {types[1]: 1}).code == "sold_out"
    assert invariants.left(conn, types[1]) == (30, 50, 0)
    invariants.check(conn)


def test_a_ticket_type_that_is_added_shares_the_capacity_too(
    api: Client, conn: Connection, manager: UUID, capped: UUID
) -> None:
    body = {**ticket_type_request(), "quantity": 500, "max_per_order": 101}
    late = api.post(f"/v1/events/{capped}/ticket-types", body, account=manager).json

    assert late["available"] == 100
    assert buy(api, {UUID(late["id"]): 101}).code == "sold_out"
    assert buy(api, {UUID(late["id"]): 100}).status == 201
    invariants.check(conn)


def test_orders_that_end_or_are_paid_change_the_capacity_too(
    api: Client, conn: Connection, capped: UUID, types: list[UUID]
) -> None:
    cancelled = buy(api, {types[0]: 20}).json
    buy(api, {types[1]: 30})
    conn.execute("UPDATE orders SET expires_at = now() WHERE id <> %s", [cancelled["id"]])

    api.post(f"/v1/orders/{cancelled['id']}/cancel", order_token=cancelled["access_token"])
    sellers.expire_orders(conn)
    conn.execute("UPDATE ticket_types SET price = 0")
    buy(api, {types[0]: 5})

    assert api.get(f"/v1/events/{capped}/availability").json["capacity"] == {
        "quantity": 100,
        "available": 95,
        "held": 0,
        "sold": 5,
    }
    invariants.check(conn)


def test_a_late_payment_takes_from_the_present_capacity(
    api: Client, conn: Connection, manager: UUID, event: UUID, types: list[UUID]
) -> None:
    order_id = UUID(buy(api, {types[0]: 20}).json["id"])
    conn.execute("UPDATE orders SET expires_at = now()")
    sellers.expire_orders(conn)
    set_capacity(api, manager, event, 30)

    with conn.transaction():
        order = orders.lock_order(conn, order_id)
        assert orders.retake_stock(conn, order)
        orders.pay(conn, order, reason="test")

    availability = api.get(f"/v1/events/{event}/availability").json
    assert availability["capacity"] == {"quantity": 30, "available": 10, "held": 0, "sold": 20}
    invariants.check(conn)


class TestChange:
    def test_it_can_change_down_to_what_is_sold_and_held(
        self, api: Client, conn: Connection, manager: UUID, capped: UUID, types: list[UUID]
    ) -> None:
        buy(api, {types[0]: 40})

        assert set_capacity(api, manager, capped, 5000).json["capacity"] == 5000
        assert set_capacity(api, manager, capped, 40).json["ticket_types"][1]["available"] == 0
        refused = set_capacity(api, manager, capped, 39)

        assert (refused.status, refused.code) == (409, "quantity_too_low")
        assert api.get(f"/v1/events/{capped}").json["capacity"] == 40
        assert buy(api, {types[1]: 1}).code == "sold_out"
        invariants.check(conn)

    def test_without_a_capacity_only_the_quantities_of_ticket_types_count(
        self, api: Client, conn: Connection, manager: UUID, capped: UUID, types: list[UUID]
    ) -> None:
        before = buy(api, {types[0]: 40, types[1]: 60}).json

        removed = set_capacity(api, manager, capped, None).json

        assert removed["capacity"] is None
        assert [each["available"] for each in removed["ticket_types"]] == [10, 20]
        assert buy(api, {types[0]: 10, types[1]: 20}).status == 201
        assert buy(api, {types[1]: 1}).code == "sold_out"
        api.post(f"/v1/orders/{before['id']}/cancel", order_token=before["access_token"])
        assert buy(api, {types[0]: 40, types[1]: 60}).status == 201
        invariants.check(conn)

    def test_an_event_that_has_sold_tickets_gets_no_first_capacity(
        self, api: Client, conn: Connection, manager: UUID, event: UUID, types: list[UUID]
    ) -> None:
        placed = buy(api, {types[0]: 1}).json

        refused = set_capacity(api, manager, event, 100)

        assert (refused.status, refused.code) == (409, "capacity_not_settable")
        assert api.get(f"/v1/events/{event}").json["capacity"] is None
        api.post(f"/v1/orders/{placed['id']}/cancel", order_token=placed["access_token"])
        assert set_capacity(api, manager, event, 100).status == 200
        assert [invariants.left(conn, each)[0] for each in types] == [50, 80]
        invariants.check(conn)

    def test_it_is_in_the_audit_log(self, api: Client, conn: Connection, manager: UUID, capped: UUID) -> None:
        entry = only_entry(conn)
        changes = {"before": {"capacity": None}, "after": {"capacity": 100}}
        assert (entry.action, entry.details) == ("update_event", changes)
