"""Orders take seats: those they name, all or none, or the best together."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.orders import service
from boxoffice.orders.models import OrderRow
from tests.helpers import factories, invariants, sellers
from tests.helpers.support import Answer, Client


@pytest.fixture
def ticket_type(conn: Connection) -> UUID:
    return factories.ticket_type(conn, max_per_order=20)


def item(ticket_type: UUID, quantity: int, **more: Any) -> dict[str, Any]:
    return {"ticket_type_id": str(ticket_type), "quantity": quantity, **more}


def buy(api: Client, *items: dict[str, Any], **more: Any) -> Answer:
    return api.post("/v1/orders", factories.order_request(uuid4(), items=list(items), **more), key="new")


def labels(answer: Answer) -> list[str]:
    assert answer.status == 201, answer.json
    return [seat["label"].removeprefix("Stalls · Row ") for each in answer.json["items"] for seat in each["seats"]]


def states(api: Client, ticket_type: UUID) -> list[str]:
    return [row["states"] for row in api.get(f"/v1/ticket-types/{ticket_type}/seats").json["items"]]


def test_named_seats_are_held(api: Client, conn: Connection, ticket_type: UUID) -> None:
    (first, second), _ = factories.seats(conn, ticket_type, 2, 2)

    answer = buy(api, item(ticket_type, 2, seat_ids=[str(second), str(first)]))

    assert labels(answer) == ["A · 1", "A · 2"]
    assert answer.json["items"][0]["seats"][0] == {"id": str(first), "label": "Stalls · Row A · 1"}
    assert states(api, ticket_type) == ["hh", "ff"]
    assert invariants.left(conn, ticket_type) == (2, 2, 0)
    invariants.check(conn)


def test_if_one_named_seat_is_taken_the_order_gets_none(api: Client, conn: Connection, ticket_type: UUID) -> None:
    (row,) = factories.seats(conn, ticket_type, 4)
    names = [str(seat) for seat in row]
    buy(api, item(ticket_type, 1, seat_ids=names[1:2]))

    answer = buy(api, item(ticket_type, 3, seat_ids=names[:3]))

    assert (answer.status, answer.code) == (409, "seat_taken")
    assert answer.json["seat_ids"] == names[1:2]
    assert states(api, ticket_type) == ["fhff"]
    buy(api, item(ticket_type, 3, seat_ids=[names[0], *names[2:]]))
    assert buy(api, item(ticket_type, 1, seat_ids=names[:1])).code == "seat_taken"  # rather than sold_out
    assert buy(api, item(ticket_type, 1)).code == "sold_out"
    invariants.check(conn)


def test_the_best_are_together_in_the_best_row_that_has_as_many(
    api: Client, conn: Connection, ticket_type: UUID
) -> None:
    factories.seats(conn, ticket_type, 5, 4)

    assert labels(buy(api, item(ticket_type, 3))) == ["A · 1", "A · 2", "A · 3"]
    assert labels(buy(api, item(ticket_type, 3))) == ["B · 1", "B · 2", "B · 3"]
    assert labels(buy(api, item(ticket_type, 2))) == ["A · 4", "A · 5"]
    assert labels(buy(api, item(ticket_type, 1))) == ["B · 4"]
    invariants.check(conn)


def test_the_shortest_gap_that_fits_is_filled(api: Client, conn: Connection, ticket_type: UUID) -> None:
    (row,) = factories.seats(conn, ticket_type, 9)
    buy(api, item(ticket_type, 1, seat_ids=[str(row[6])]))

    assert labels(buy(api, item(ticket_type, 2))) == ["A · 8", "A · 9"]


def test_if_no_seats_are_together_the_answer_says_so(api: Client, conn: Connection, ticket_type: UUID) -> None:
    first, second = factories.seats(conn, ticket_type, 3, 3)
    buy(api, item(ticket_type, 2, seat_ids=[str(first[1]), str(second[1])]))

    answer = buy(api, item(ticket_type, 2))
    assert (answer.status, answer.code) == (409, "no_seats_together")
    assert invariants.left(conn, ticket_type) == (4, 2, 0)

    assert labels(buy(api, item(ticket_type, 3, together=False))) == ["A · 1", "A · 3", "B · 1"]
    invariants.check(conn)


def test_an_aisle_is_between_seats(api: Client, conn: Connection, ticket_type: UUID) -> None:
    factories.seats(conn, ticket_type, 4)
    conn.execute("UPDATE seats SET position = position + 1 WHERE number >= '3'")
    conn.execute("UPDATE seat_rows SET longest_free = 2")

    assert buy(api, item(ticket_type, 3)).code == "no_seats_together"
    assert labels(buy(api, item(ticket_type, 2))) == ["A · 1", "A · 2"]


def test_a_cart_of_seats_and_standing_room(api: Client, conn: Connection) -> None:
    event = factories.event(conn)
    seated, balcony, standing = (factories.ticket_type(conn, event_id=event) for _ in range(3))
    factories.seats(conn, seated, 3)
    (named, *_), *_ = factories.seats(conn, balcony, 3, section="Balcony")

    answer = buy(api, item(standing, 2), item(balcony, 1, seat_ids=[str(named)]), item(seated, 3))

    assert [len(each["seats"]) for each in answer.json["items"]] == [0, 1, 3]
    invariants.check(conn)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"seat_ids": ["first"]}, "seat_count_mismatch"),
        ({"seat_ids": ["first", "first"]}, "seat_count_mismatch"),
        ({"seat_ids": ["first", "stranger"]}, "seat_not_found"),
        ({"seat_ids": ["first", "other"]}, "seat_not_found"),
        ({"seat_ids": []}, "invalid"),
        ({"seat_ids": "first"}, "invalid"),
        ({"together": "yes"}, "invalid"),
    ],
)
def test_impossible_seats_are_refused(
    api: Client, conn: Connection, ticket_type: UUID, more: dict[str, Any], code: str
) -> None:
    ((first, _),) = factories.seats(conn, ticket_type, 2)
    ((other,),) = factories.seats(conn, factories.ticket_type(conn), 1)
    known = {"first": str(first), "other": str(other), "stranger": str(uuid4())}
    if isinstance(more.get("seat_ids"), list):
        more = {"seat_ids": [known[name] for name in more["seat_ids"]]}

    assert buy(api, item(ticket_type, 2, **more)).code == code
    assert invariants.left(conn, ticket_type) == (2, 0, 0)


def test_naming_seats_of_a_ticket_type_without_seats_is_refused(
    api: Client, conn: Connection, ticket_type: UUID
) -> None:
    assert buy(api, item(ticket_type, 1, seat_ids=[str(uuid4())])).code == "not_seated"


def test_a_repeat_names_the_same_seats(api: Client, conn: Connection, ticket_type: UUID) -> None:
    factories.seats(conn, ticket_type, 4)
    request = factories.order_request(ticket_type, 2)

    first, second = (api.post("/v1/orders", request, key="again") for _ in range(2))

    assert first.json == second.json
    assert states(api, ticket_type) == ["hhff"]


def test_paid_seats_are_on_the_tickets(api: Client, conn: Connection) -> None:
    free = factories.ticket_type(conn, price=0)
    factories.seats(conn, free, 3)

    order = buy(api, item(free, 2)).json

    assert states(api, free) == ["ssf"]
    shown = api.get(f"/v1/orders/{order['id']}", order_token=order["access_token"]).json
    assert [ticket["seat"] for ticket in shown["tickets"]] == ["Stalls · Row A · 1", "Stalls · Row A · 2"]
    ticket = api.get(f"/v1/tickets/{shown['tickets'][1]['id']}", order_token=order["access_token"]).json
    assert ticket["seat"] == "Stalls · Row A · 2"
    invariants.check(conn)


def test_a_group_ticket_names_all_seats(api: Client, conn: Connection) -> None:
    free = factories.ticket_type(conn, price=0, ticket_mode="group")
    factories.seats(conn, free, 2)

    order = buy(api, item(free, 2)).json

    shown = api.get(f"/v1/orders/{order['id']}", order_token=order["access_token"]).json
    assert [ticket["seat"] for ticket in shown["tickets"]] == ["Stalls · Row A · 1, Stalls · Row A · 2"]


def test_cancelled_and_lapsed_seats_are_free_again(api: Client, conn: Connection, ticket_type: UUID) -> None:
    factories.seats(conn, ticket_type, 5)
    first, second = (buy(api, item(ticket_type, 2)).json for _ in range(2))
    assert states(api, ticket_type) == ["hhhhf"]

    api.post(f"/v1/orders/{first['id']}/cancel", order_token=first["access_token"])
    assert states(api, ticket_type) == ["ffhhf"]
    conn.execute("UPDATE orders SET expires_at = now() - interval '1 hour' WHERE id = %s", [second["id"]])
    assert sellers.expire_orders(conn) == 1

    assert states(api, ticket_type) == ["fffff"]
    assert labels(buy(api, item(ticket_type, 5))) == [f"A · {number}" for number in range(1, 6)]
    invariants.check(conn)


@pytest.mark.parametrize("is_taken", [False, True])
def test_money_that_comes_late_buys_the_same_seats_or_none(
    api: Client, conn: Connection, ticket_type: UUID, is_taken: bool
) -> None:
    (row,) = factories.seats(conn, ticket_type, 4)
    order = buy(api, item(ticket_type, 2)).json
    conn.execute("UPDATE orders SET expires_at = %s", [datetime.now(UTC) - timedelta(hours=1)])
    sellers.expire_orders(conn)
    if is_taken:
        buy(api, item(ticket_type, 1, seat_ids=[str(row[1])]))

    with conn.transaction():
        found = db.one(conn, OrderRow, service.SQL.lock_order, id=order["id"])
        assert found is not None
        held = service.retake_stock(conn, found)
        if held:
            service.pay(conn, found, reason="late")

    assert held is not is_taken
    assert states(api, ticket_type) == ["fhff" if is_taken else "ssff"]
    invariants.check(conn)


def test_money_that_comes_late_buys_no_ticket_without_a_seat(api: Client, conn: Connection, ticket_type: UUID) -> None:
    order = factories.order(conn, ticket_type, expires_at=factories.a_moment_ago())
    assert sellers.expire_orders(conn) == 1
    manager = conn.execute("SELECT account_id FROM members").fetchone() or (None,)
    rows = [{"section": "Stalls", "row": "A", "numbers": ["1", "2", "3"]}]
    laid_out = api.put(f"/v1/ticket-types/{ticket_type}/seats", {"rows": rows}, account=manager[0])
    assert laid_out.status == 200

    with conn.transaction():
        held = service.retake_stock(conn, service.lock_order(conn, order))

    assert not held
    assert invariants.left(conn, ticket_type) == (3, 0, 0)
    invariants.check(conn)


@pytest.mark.parametrize("whole", [True, False])
def test_seats_of_refunded_tickets_are_offered_to_the_waitlist(api: Client, conn: Connection, whole: bool) -> None:
    ticket_type = factories.ticket_type(conn, price=0)
    factories.seats(conn, ticket_type, 3)
    order = buy(api, item(ticket_type, 3)).json
    entry = factories.waitlist_entry(conn, ticket_type, quantity=1)
    tickets = conn.execute("SELECT id FROM tickets ORDER BY position").fetchall()
    manager = factories.member(conn, UUID(order["organisation_id"]), "manager")

    body = {"whole": True} if whole else {"ticket_ids": [str(tickets[1][0])]}
    assert api.post(f"/v1/orders/{order['id']}/refunds", body, account=manager, key="new").status == 201

    assert states(api, ticket_type) == ["hff" if whole else "shs"]
    owners = conn.execute("SELECT number FROM seats WHERE owner_id = %s", [entry]).fetchall()
    assert owners == [("1" if whole else "2",)]
    invariants.check(conn)
