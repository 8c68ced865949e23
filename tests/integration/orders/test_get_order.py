"""GET /v1/orders/{order_id}"""

from uuid import uuid4

from psycopg import Connection

from boxoffice.guest_tokens import order_token
from tests.helpers import factories
from tests.helpers.support import Client


def test_an_order_shows_items_tickets_and_payments(api: Client, conn: Connection) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn, name="Stalls"), quantity=2)

    answer = api.get(f"/v1/orders/{order}", order_token=order_token(order))

    assert answer.status == 200
    assert answer.json["items"][0]["ticket_type_name"] == "Stalls"
    assert [ticket["status"] for ticket in answer.json["tickets"]] == ["valid", "valid"]
    assert answer.json["payments"] == []


def test_the_number_finds_the_order_however_it_is_typed(api: Client, conn: Connection) -> None:
    order = factories.order(conn, factories.ticket_type(conn), number="K7QW3MPX")

    answer = api.get("/v1/orders/k7qw-3mpx", order_token=order_token(order))

    assert answer.json["id"] == str(order)


def test_managers_of_the_organisation_see_the_order(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    manager = factories.member(conn, organisation, "manager")
    order = factories.order(
        conn, factories.ticket_type(conn, event_id=factories.event(conn, organisation_id=organisation))
    )

    assert api.get(f"/v1/orders/{order}", account=manager).status == 200


def test_nobody_else_learns_that_the_order_exists(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    order, other = factories.order(conn, ticket_type), factories.order(conn, ticket_type)

    strangers = [
        api.get(f"/v1/orders/{order}", account=factories.account(conn)),
        api.get(f"/v1/orders/{order}", order_token=order_token(other)),
        api.get(f"/v1/orders/{order}", order_token="1.forged"),
        api.get(f"/v1/orders/{order}", order_token="\u00e9"),
        api.get(f"/v1/orders/{uuid4()}", order_token=order_token(other)),
        api.get("/v1/orders/NOSUCHNO", order_token=order_token(other)),
    ]

    assert [answer.status for answer in strangers] == [404] * 6


def test_a_caller_without_credentials_is_refused(api: Client, conn: Connection) -> None:
    order = factories.order(conn, factories.ticket_type(conn))

    assert api.get(f"/v1/orders/{order}").status == 401
