"""GET /v1/me/tickets"""

from psycopg import Connection

from tests.helpers import factories
from tests.helpers.support import Client


def test_an_account_lists_the_tickets_it_bought_newest_first(api: Client, conn: Connection) -> None:
    buyer = factories.account(conn)
    ticket_type = factories.ticket_type(conn)
    first = factories.paid_order(conn, ticket_type, account_id=buyer, quantity=2)
    second = factories.paid_order(conn, ticket_type, account_id=buyer, quantity=1)
    factories.paid_order(conn, ticket_type, account_id=factories.account(conn))
    factories.paid_order(conn, ticket_type)

    answer = api.get("/v1/me/tickets", account=buyer)

    assert answer.status == 200
    assert [item["order_id"] for item in answer.json["items"]] == [str(second), str(first), str(first)]
    assert answer.json["next_cursor"] is None


def test_the_list_comes_in_pages(api: Client, conn: Connection) -> None:
    buyer = factories.account(conn)
    factories.paid_order(conn, factories.ticket_type(conn), account_id=buyer, quantity=5)
    pages, query = [], {"limit": 2}
    for _ in range(3):
        page = api.get("/v1/me/tickets", account=buyer, query=query).json
        pages.append([item["id"] for item in page["items"]])
        query["cursor"] = page["next_cursor"]

    assert page["next_cursor"] is None
    assert [len(page) for page in pages] == [2, 2, 1]
    ids = [ticket for page in pages for ticket in page]
    assert ids == sorted(set(ids), reverse=True)


def test_the_list_needs_an_account_and_a_cursor_of_ours(api: Client, conn: Connection) -> None:
    account = factories.account(conn)

    assert api.get("/v1/me/tickets").status == 401
    assert api.get("/v1/me/tickets", account=account).json == {"items": [], "next_cursor": None}
    assert api.get("/v1/me/tickets", account=account, query={"cursor": "x"}).status == 422
    assert api.get("/v1/me/tickets", account=account, query={"limit": 101}).status == 422
