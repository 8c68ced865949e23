"""Ticket modes: one ticket each, or one for the group."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.tickets import service as tickets
from tests.helpers import factories, invariants
from tests.helpers.factories import order_request
from tests.helpers.support import Client


def buy(api: Client, quantities: dict[UUID, int], ticket_mode: str | None = None) -> dict[str, Any]:
    """Buy some free tickets, and return the order."""
    request = order_request(next(iter(quantities)), ticket_mode=ticket_mode)
    request["items"] = [{"ticket_type_id": str(each), "quantity": quantity} for each, quantity in quantities.items()]
    placed = api.post("/v1/orders", request, key="new")
    assert placed.status == 201, placed.body
    shown: dict[str, Any] = api.get(f"/v1/orders/{placed.json['id']}", order_token=placed.json["access_token"]).json
    assert shown["items"] == [item | {"platform_fee": None} for item in placed.json["items"]]
    return shown


@pytest.mark.parametrize(
    ("of_the_type", "of_the_buyer", "group_sizes"),
    [
        ("separate", None, [1, 1, 1]),
        ("group", None, [3]),
        ("choice", None, [1, 1, 1]),
        ("choice", "separate", [1, 1, 1]),
        ("choice", "group", [3]),
    ],
)
def test_as_many_are_admitted_as_were_bought(
    api: Client, conn: Connection, event: UUID, of_the_type: str, of_the_buyer: str | None, group_sizes: list[int]
) -> None:
    ticket_type = factories.ticket_type(conn, event_id=event, price=0, ticket_mode=of_the_type)

    order = buy(api, {ticket_type: 3}, of_the_buyer)

    assert [ticket["group_size"] for ticket in order["tickets"]] == group_sizes
    assert order["items"][0]["is_group"] is (len(group_sizes) == 1)
    assert invariants.left(conn, ticket_type) == (97, 0, 3)
    invariants.check(conn)


def test_each_ticket_type_of_a_cart_keeps_its_ticket_mode(api: Client, conn: Connection, event: UUID) -> None:
    types = [
        factories.ticket_type(conn, event_id=event, price=0, ticket_mode=ticket_mode)
        for ticket_mode in ("separate", "group", "choice")
    ]

    order = buy(api, dict.fromkeys(types, 2), "group")

    assert [item["is_group"] for item in order["items"]] == [False, True, True]
    assert [ticket["group_size"] for ticket in order["tickets"]] == [1, 1, 2, 2]
    invariants.check(conn)


def test_a_choice_that_no_ticket_type_offers_is_refused(api: Client, conn: Connection, event: UUID) -> None:
    ticket_type = factories.ticket_type(conn, event_id=event)

    refused = api.post("/v1/orders", order_request(ticket_type, ticket_mode="group"), key="new")

    assert (refused.status, refused.code) == (422, "ticket_mode_not_offered")
    assert invariants.left(conn, ticket_type) == (100, 0, 0)


def test_an_order_keeps_the_ticket_mode_it_was_placed_with(api: Client, conn: Connection, event: UUID) -> None:
    ticket_type = factories.ticket_type(conn, event_id=event, ticket_mode="group")
    placed = api.post("/v1/orders", order_request(ticket_type, 3), key="new").json
    conn.execute("UPDATE ticket_types SET ticket_mode = 'separate'")

    with conn.transaction():
        tickets.issue(conn, UUID(placed["id"]))

    assert conn.execute("SELECT group_size FROM tickets").fetchall() == [(3,)]


def test_the_door_learns_the_group_size(api: Client, conn: Connection, organisation: UUID, event: UUID) -> None:
    scanner = factories.member(conn, organisation, "scanner")
    ticket_type = factories.ticket_type(conn, event_id=event, price=0, ticket_mode="group", max_entries=1)
    (ticket,) = tickets.list_for_order(conn, UUID(buy(api, {ticket_type: 4})["id"]))

    admitted = api.post("/v1/scans", {"qr": ticket.qr}, account=scanner)
    again = api.post("/v1/scans", {"qr": ticket.qr}, account=scanner)

    assert (admitted.json["outcome"], admitted.json["group_size"], admitted.json["entries"]) == ("admitted", 4, 1)
    assert (again.status, again.code) == (409, "already_scanned")
    invariants.check(conn)
