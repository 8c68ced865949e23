"""PUT and GET /v1/ticket-types/{id}/seats: a manager lays out the seats, and the public sees which are free."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants
from tests.helpers.support import Answer, Client


def row(name: str, *numbers: str | None, section: str = "Stalls") -> dict[str, Any]:
    return {"section": section, "row": name, "numbers": list(numbers)}


def define(api: Client, account: UUID, ticket_type: UUID, *rows: dict[str, Any], extend: bool = False) -> Answer:
    body = {"rows": list(rows), "extend": extend}
    return api.put(f"/v1/ticket-types/{ticket_type}/seats", body, account=account)


def seats(api: Client, ticket_type: UUID, **options: Any) -> Any:
    answer = api.get(f"/v1/ticket-types/{ticket_type}/seats", **options)
    assert answer.status == 200, answer.json
    return answer.json["items"]


def test_the_quantity_is_the_number_of_the_seats(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID
) -> None:
    answer = define(api, manager, ticket_type, row("A", "1", "2", None, "3"), row("B", "1", "2"))

    assert answer.status == 200
    assert answer.json == {"ticket_type_id": str(ticket_type), "rows": 2, "seats": 5, "version": 2}
    assert answer.version == 2
    assert invariants.left(conn, ticket_type) == (5, 0, 0)
    refused = api.patch(f"/v1/ticket-types/{ticket_type}", {"quantity": 9}, account=manager)
    assert (refused.status, refused.code) == (409, "seats_decide_quantity")
    assert api.patch(f"/v1/ticket-types/{ticket_type}", {"price": 9}, account=manager).json["seated"] is True
    invariants.check(conn)


def test_a_seat_map_shows_the_state_of_each_seat_but_not_its_owner(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID
) -> None:
    define(api, manager, ticket_type, row("B", "1", None, "2", "3"), row("A", "1"))
    first = seats(api, ticket_type)[0]["seat_ids"][0]
    order = factories.order_request(
        ticket_type, 1, items=[{"ticket_type_id": str(ticket_type), "quantity": 1, "seat_ids": [first]}]
    )
    assert api.post("/v1/orders", order, key="new").status == 201

    best, other = seats(api, ticket_type)

    assert (best["section"], best["row"], best["numbers"]) == ("Stalls", "B", ["1", "2", "3"])
    assert (best["positions"], best["states"], other["states"]) == ([1, 3, 4], "hff", "f")
    assert set(best) == {"section", "row", "seat_ids", "numbers", "positions", "states"}


def test_seats_that_stay_keep_their_id_and_the_others_are_removed(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID
) -> None:
    define(api, manager, ticket_type, row("A", "1", "2"), row("B", "1", "2"))
    before = seats(api, ticket_type)

    assert define(api, manager, ticket_type, row("B", "2", "9")).json["seats"] == 2

    (after,) = seats(api, ticket_type)
    assert after["seat_ids"][0] == before[1]["seat_ids"][1]
    assert after["numbers"] == ["2", "9"]
    assert invariants.left(conn, ticket_type) == (2, 0, 0)
    invariants.check(conn)


def test_extending_a_map_leaves_rows_that_are_not_named(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID
) -> None:
    define(api, manager, ticket_type, row("A", "1", "2"), row("B", "1"))

    for _ in range(2):  # to repeat it changes nothing more
        answer = define(api, manager, ticket_type, row("B", "1", "2"), row("C", "1"), extend=True)
        assert answer.json["seats"] == 5

    assert [(each["row"], len(each["seat_ids"])) for each in seats(api, ticket_type)] == [("A", 2), ("B", 2), ("C", 1)]
    invariants.check(conn)


def test_rows_that_exist_keep_their_rank_when_a_map_is_extended(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID
) -> None:
    define(api, manager, ticket_type, row("A", "1"), row("B", "1"), row("C", "1"))

    define(api, manager, ticket_type, row("C", "1"), row("D", "1"), row("A", "1"), extend=True)

    assert [each["row"] for each in seats(api, ticket_type)] == ["A", "B", "C", "D"]
    assert [name for (name,) in conn.execute("SELECT name FROM seat_rows ORDER BY rank")] == ["A", "B", "C", "D"]


def test_a_seat_that_is_held_or_sold_cannot_be_removed(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID
) -> None:
    define(api, manager, ticket_type, row("A", "1", "2"), row("B", "1"))
    assert api.post("/v1/orders", factories.order_request(ticket_type, 2), key="new").status == 201

    answer = define(api, manager, ticket_type, row("B", "1"))

    assert (answer.status, answer.code) == (409, "seats_in_use")
    assert answer.json["seats"] == ["Stalls · Row A · 1", "Stalls · Row A · 2"]
    assert len(seats(api, ticket_type)) == 2
    invariants.check(conn)


def test_a_ticket_type_that_sells_without_seats_gets_none(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID
) -> None:
    factories.order(conn, ticket_type)

    assert define(api, manager, ticket_type, row("A", "1")).code == "tickets_taken"


def test_only_one_ticket_type_of_an_event_sells_a_seat(
    api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
) -> None:
    other = factories.ticket_type(conn, event_id=event)
    define(api, manager, ticket_type, row("A", "1", "2"))

    answer = define(api, manager, other, row("A", "2", "3"))

    assert (answer.status, answer.code) == (409, "seat_of_another_type")
    assert answer.json["seats"] == ["Stalls · Row A · 2"]
    assert define(api, manager, other, row("A", "3", "4")).status == 200


def test_another_ticket_type_can_have_the_seats_of_a_deleted_one(
    api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
) -> None:
    other = factories.ticket_type(conn, event_id=event)
    define(api, manager, ticket_type, row("A", "1"))
    assert api.delete(f"/v1/ticket-types/{ticket_type}", account=manager).status == 204

    assert define(api, manager, other, row("A", "1")).status == 200
    invariants.check(conn)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row("A")],
        [row("A", None)],
        [row("A", "1", "1")],
        [row("A", "1"), row("A", "2")],
        [row("A", "123456789")],
        [row("A", "\u0007")],
        [row("A", *map(str, range(201)))],
        [row("A", "1", section="x" * 51)],
        [{"section": "Stalls", "row": "A", "numbers": [1]}],
        [{"section": "Stalls", "row": "A", "numbers": ["1"], "price": 3}],
    ],
)
def test_an_invalid_seat_map_is_refused(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID, rows: list[Any]
) -> None:
    assert define(api, manager, ticket_type, *rows).status == 422
    assert invariants.left(conn, ticket_type) == (100, 0, 0)


def test_drafts_and_hidden_ticket_types_show_their_seats_to_members_only(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID
) -> None:
    define(api, manager, ticket_type, row("A", "1"))
    conn.execute("UPDATE ticket_types SET hidden = true")

    assert api.get(f"/v1/ticket-types/{ticket_type}/seats").status == 404
    assert api.get(f"/v1/ticket-types/{ticket_type}/seats", account=factories.account(conn)).status == 404
    assert len(seats(api, ticket_type, account=manager)) == 1
    assert api.get(f"/v1/ticket-types/{uuid4()}/seats").status == 404


def test_a_page_that_has_not_changed_is_not_sent_again(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID
) -> None:
    define(api, manager, ticket_type, row("A", "1", "2"))
    path = f"/v1/ticket-types/{ticket_type}/seats"
    tag = api.get(path).headers["etag"]

    again = api.get(path, headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")

    api.post("/v1/orders", factories.order_request(ticket_type, 1), key="new")
    changed = api.get(path, headers={"If-None-Match": f'W/"x", {tag}'})
    assert changed.status == 200
    assert changed.headers["etag"] != tag
    assert changed.headers["cache-control"] == "public, max-age=1, stale-while-revalidate=2"


def test_50_000_seats_load_in_one_answer_below_6_mb(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID
) -> None:
    numbers = [str(number) for number in range(1, 51)]
    for part in range(2):
        rows = [row(str(part * 500 + number), *numbers) for number in range(500)]
        answer = define(api, manager, ticket_type, *rows, extend=part > 0)
        assert answer.status == 200
    assert answer.json["seats"] == 50_000

    answer = api.get(f"/v1/ticket-types/{ticket_type}/seats")

    assert len(answer.body) < 6_000_000
    assert answer.json["next_cursor"] is None
    assert sum(len(each["seat_ids"]) for each in answer.json["items"]) == 50_000
    assert invariants.left(conn, ticket_type) == (50_000, 0, 0)
    invariants.check(conn)


def test_a_large_map_has_several_pages(api: Client, conn: Connection, manager: UUID, ticket_type: UUID) -> None:
    for part in range(3):
        rows = [row(f"{part}-{number}", "1") for number in range(1500)]
        assert len(json.dumps(rows)) < 256 * 1024
        assert define(api, manager, ticket_type, *rows, extend=True).status == 200

    path, found, cursor = f"/v1/ticket-types/{ticket_type}/seats", [], {}
    for _ in range(3):
        page = api.get(path, query=cursor).json
        found += [each["row"] for each in page["items"]]
        cursor = {"cursor": page["next_cursor"]}

    assert cursor == {"cursor": None}
    assert found == [f"{part}-{number}" for part in range(3) for number in range(1500)]
    assert api.get(path, query={"cursor": "nonsense"}).status == 422


SPELLINGS = [
    ("Entre\u0301e", "r", "12"),  # not composed
    ("ENTRÉE", "R", "12"),
    ("  Entrée ", "Ｒ", "１２"),  # full width
]


@pytest.mark.parametrize(("section", "name", "number"), SPELLINGS)
def test_a_seat_is_one_however_its_name_is_written(
    api: Client, conn: Connection, manager: UUID, ticket_type: UUID, section: str, name: str, number: str
) -> None:
    (event,) = conn.execute("SELECT event_id FROM ticket_types WHERE id = %s", [ticket_type]).fetchone() or ()
    other_type = factories.ticket_type(conn, event_id=event)
    written = row("R", "12", "13", section="Entrée")
    again = row(name, number, "13", section=section)

    twice = define(api, manager, ticket_type, written, again)
    seat_twice = define(api, manager, ticket_type, row("R", "12", number + " ", section="Entrée"))
    assert (twice.status, seat_twice.status) == (422, 422)
    assert define(api, manager, ticket_type, written).json["seats"] == 2
    (before,) = seats(api, ticket_type)
    assert api.post("/v1/orders", factories.order_request(ticket_type, 2), key="new").status == 201

    elsewhere = define(api, manager, other_type, again)
    replaced = define(api, manager, ticket_type, again)
    extended = define(api, manager, ticket_type, again, extend=True)

    assert (elsewhere.status, elsewhere.code) == (409, "seat_of_another_type")
    assert (replaced.json["seats"], extended.json["seats"]) == (2, 2)
    (after,) = seats(api, ticket_type)
    assert (after["seat_ids"], after["states"]) == (before["seat_ids"], "hh")
    assert (after["row"], after["numbers"][0]) == (name, number), "it is shown as it was written last"
    invariants.check(conn)
