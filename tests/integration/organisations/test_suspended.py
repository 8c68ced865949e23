"""A suspended organisation sells nothing: not to buyers, not to those who wait, and not for money that comes late."""

from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.auth import order_token
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import NOW, order_request
from tests.helpers.payers import refunds, started, tell
from tests.helpers.support import Client, context, function


@pytest.fixture
def ticket_type(conn: Connection) -> UUID:
    return factories.ticket_type(conn, quantity=4)


def suspend(conn: Connection) -> None:
    conn.execute("UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'")


def test_nobody_can_order(api: Client, conn: Connection, ticket_type: UUID) -> None:
    suspend(conn)

    refused = api.post("/v1/orders", order_request(ticket_type), key="new")

    assert (refused.status, refused.code) == (409, "seller_suspended")
    assert invariants.left(conn, ticket_type) == (4, 0, 0)
    conn.execute("UPDATE organisations SET status = 'approved'")
    assert api.post("/v1/orders", order_request(ticket_type), key="new").status == 201


def test_nobody_can_join_the_waitlist(api: Client, conn: Connection, ticket_type: UUID) -> None:
    factories.order(conn, ticket_type, quantity=4)
    suspend(conn)

    entry = {"name": "Ada", "email": "ada@example.com", "quantity": 1}
    refused = api.post(f"/v1/ticket-types/{ticket_type}/waitlist", entry)

    assert (refused.status, refused.code) == (409, "seller_suspended")


def test_nothing_is_offered_to_those_who_wait_until_the_seller_sells_again(
    api: Client, conn: Connection, ticket_type: UUID
) -> None:
    factories.order(conn, ticket_type, quantity=4, expires_at=NOW - timedelta(minutes=1))
    factories.waitlist_entry(conn, ticket_type)
    suspend(conn)

    assert function("expire_orders").handler({}, context())["expired"] == 1
    assert function("offer_waitlist").handler({}, context())["offered"] == 0

    conn.execute("UPDATE organisations SET status = 'approved'")
    assert function("offer_waitlist").handler({}, context())["offered"] == 1
    invariants.check(conn)


def test_an_offer_cannot_be_accepted(api: Client, conn: Connection, ticket_type: UUID) -> None:
    factories.waitlist_entry(conn, ticket_type)
    assert function("offer_waitlist").handler({}, context())["offered"] == 1
    suspend(conn)

    assert api.post("/v1/orders", order_request(ticket_type, waitlist_token="x"), key="new").code == "seller_suspended"


def test_money_that_comes_after_the_hold_goes_back(api: Client, conn: Connection, ticket_type: UUID) -> None:
    order = factories.order(conn, ticket_type)
    payment = started(api, order)
    conn.execute("UPDATE orders SET expires_at = %s", [NOW - timedelta(minutes=16)])
    assert function("expire_orders").handler({}, context())["expired"] == 1
    suspend(conn)

    assert tell(api, payment).json["effect"] == "returned"

    assert len(refunds(conn)) == 1
    assert invariants.left(conn, ticket_type) == (4, 0, 0)
    invariants.check(conn)


def test_its_events_are_listed_for_its_members_alone(api: Client, conn: Connection) -> None:
    seller = factories.organisation(conn)
    manager = factories.member(conn, seller, "manager")
    running = factories.event(conn, organisation_id=seller, starts_at=NOW - timedelta(hours=1))
    later = factories.event(conn, organisation_id=seller)
    suspend(conn)
    other = factories.event(conn)
    query = {"organisation_id": str(seller)}

    assert [event["id"] for event in api.get("/v1/events").json["items"]] == [str(other)]
    assert api.get("/v1/events", query=query).json["items"] == []
    own = api.get("/v1/events", query=query, account=manager).json["items"]
    assert [event["id"] for event in own] == [str(running), str(later)]
    assert api.get(f"/v1/events/{later}").status == 200, "who has a ticket reads it"


def test_what_was_sold_is_read_admitted_and_refunded(api: Client, conn: Connection) -> None:
    shop = sellers.Shop(conn)
    sold = shop.sold(shop.ticket_type(), quantity=2)
    scanner = factories.member(conn, shop.organisation, "scanner")
    suspend(conn)

    read = api.get(f"/v1/orders/{sold}", order_token=order_token(sold)).json
    first, second = (ticket["id"] for ticket in read["tickets"])
    scan = {"event_id": str(shop.event), "gate": "North"}
    assert api.post(f"/v1/tickets/{first}/scans", scan, account=scanner).json["outcome"] == "admitted"
    assert sellers.refund(api, shop, sold, ticket_ids=[second]).status == 201
    invariants.check(conn)
