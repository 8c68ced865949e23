"""GET /v1/events/{event_id}/attendees"""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import shown_order_number
from tests.helpers import factories, sellers
from tests.helpers.sellers import Shop
from tests.helpers.support import Answer, Client


def attendees(api: Client, shop: Shop, **query: Any) -> Answer:
    return api.get(f"/v1/events/{shop.event}/attendees", account=shop.manager, query=query)


def seen(answer: Answer) -> list[UUID]:
    assert answer.status == 200, answer.body
    return [UUID(item["ticket_id"]) for item in answer.json["items"]]


def test_it_shows_each_ticket_with_its_holder_and_its_buyer(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type(name="Adult")
    order = shop.sold(ticket_type, quantity=1, buyer_name="Ada", buyer_email="ada@example.com", buyer_phone="+2348012")
    (ticket,) = sellers.tickets_of(conn, order)
    factories.scan(conn, ticket, shop.manager, event_id=str(shop.event), gate="North")
    conn.execute("UPDATE tickets SET holder_name = 'علی', holder_email = 'ali@example.com', seat = 'A · 1'")
    number, issued, first = conn.execute(
        "SELECT number, tickets.created_at, first_scan_at FROM tickets JOIN orders ON orders.id = order_id"
    ).fetchone() or (None, None, None)

    (shown,) = attendees(api, shop).json["items"]

    assert shown == {
        "ticket_id": str(ticket),
        "order_id": str(order),
        "order_number": shown_order_number(number),
        "ticket_type_id": str(ticket_type),
        "ticket_type_name": "Adult",
        "holder_name": "علی",
        "holder_email": "ali@example.com",
        "holder_contact": None,
        "buyer_name": "Ada",
        "buyer_email": "ada@example.com",
        "buyer_phone": "+2348012",
        "seat": "A · 1",
        "group_size": 1,
        "status": "valid",
        "disputed": False,
        "entries": 1,
        "max_entries": 1,
        "first_scan_at": first.isoformat().replace("+00:00", "Z"),
        "first_scan_gate": "North",
        "issued_at": issued.isoformat().replace("+00:00", "Z"),
        "order_answers": [],
        "answers": [],
    }


def test_filters_leave_out_the_others(api: Client, conn: Connection, shop: Shop) -> None:
    adult, child = shop.ticket_type(), shop.ticket_type()
    first, second = sellers.tickets_of(conn, shop.sold(adult, buyer_name="Ada Lovelace"))
    (third,) = sellers.tickets_of(conn, shop.sold(child, 1, buyer_name="Bola", buyer_email="b.ade@example.com"))
    factories.scan(conn, second, shop.manager, event_id=str(shop.event))
    sellers.refund(api, shop, sellers_order(conn, third), whole=True)
    factories.paid_order(conn, factories.ticket_type(conn), quantity=1)

    assert seen(attendees(api, shop)) == [first, second, third]
    assert seen(attendees(api, shop, ticket_type_id=child)) == [third]
    assert seen(attendees(api, shop, status="refunded")) == [third]
    assert seen(attendees(api, shop, status="valid", checked_in="true")) == [second]
    assert seen(attendees(api, shop, checked_in="false")) == [first, third]
    assert seen(attendees(api, shop, q="LOVE")) == [first, second]
    assert seen(attendees(api, shop, q="b ade")) == [third]
    assert seen(attendees(api, shop, q="nobody")) == []


def sellers_order(conn: Connection, ticket: UUID) -> UUID:
    (order,) = conn.execute("SELECT order_id FROM tickets WHERE id = %s", [ticket]).fetchone() or (None,)
    assert order is not None
    return UUID(str(order))


def test_pages_follow_each_other(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type()
    everybody = [ticket for _ in range(3) for ticket in sellers.tickets_of(conn, shop.sold(ticket_type, quantity=2))]
    found, cursor = [], None
    for _ in range(4):
        answer = attendees(api, shop, limit=2, **({"cursor": cursor} if cursor else {}))
        found += seen(answer)
        if (cursor := answer.json["next_cursor"]) is None:
            break

    assert found == everybody


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "paid"}, "status"),
        ({"checked_in": "maybe"}, "checked_in"),
        ({"ticket_type_id": "1"}, "ticket_type_id"),
        ({"q": "a"}, "q"),
        ({"q": "\u200b\u200b"}, "q"),
        ({"limit": 101}, "limit"),
        ({"cursor": "mine"}, "cursor"),
        ({"name": "Ada"}, "name"),
    ],
)
def test_what_is_wrong_with_a_filter_is_told(api: Client, shop: Shop, query: dict[str, Any], field: str) -> None:
    answer = attendees(api, shop, **query)

    assert (answer.status, answer.json["errors"][0]["loc"]) == (422, ["query", field])


def test_a_page_is_read_from_the_index_of_the_event(conn: Connection, shop: Shop) -> None:
    """However many tickets the event has, and however far the page is."""
    from psycopg import ClientCursor

    from boxoffice.exports.attendees import SQL
    from boxoffice.pagination import FIRST_ID, LAST_ID

    nothing = {"text": None, "order_number": None, "ticket_type_id": None, "status": None, "checked_in": None}
    known = {"event_id": shop.event, "after": FIRST_ID, "first_id": FIRST_ID, "end_id": LAST_ID, "limit": 20, **nothing}
    conn.execute("SET enable_seqscan = off")
    plan = "\n".join(line for (line,) in ClientCursor(conn).execute(f"EXPLAIN {SQL.list_attendees}", known).fetchall())

    assert "using tickets_by_event_in_order" in plan
    assert "Sort" not in plan.split("page", maxsplit=1)[1].split("->")[2]
