"""GET /v1/events/{event_id}/guests"""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import config, platform_settings
from boxoffice.rate_limit import GUEST_SEARCHES
from boxoffice.tickets.models import PrintedTicket
from tests.helpers import erasures, factories, invariants
from tests.helpers.doors import Doors
from tests.helpers.support import Answer, Client


def search(doors: Doors, text: str, *, account: UUID | None = None, **query: Any) -> Answer:
    path = f"/v1/events/{doors.event}/guests"
    return doors.api.get(path, account=account or doors.scanner, query={"q": text, **query})


def found(doors: Doors, text: str) -> set[str]:
    answer = search(doors, text)
    assert answer.status == 200, answer.body
    return {guest["ticket_id"] for guest in answer.json["items"]}


def sell(doors: Doors, name: str, email: str = "b@example.com", **ticket: Any) -> str:
    """Sell a ticket to a buyer. Return its id."""
    (sold,) = doors.sell()
    doors.conn.execute(
        "UPDATE orders SET buyer_name = %s, buyer_email = %s WHERE id = %s", [name, email, sold.order_id]
    )
    columns = {"holder_name": name, **ticket}
    for column, value in columns.items():
        doors.conn.execute(f"UPDATE tickets SET {column} = %s WHERE id = %s", [value, sold.id])
    return str(sold.id)


def number_of(doors: Doors, ticket: PrintedTicket | str) -> str:
    ticket_id = ticket if isinstance(ticket, str) else ticket.id
    (number,) = doors.conn.execute(
        "SELECT number FROM orders JOIN tickets ON order_id = orders.id WHERE tickets.id = %s", [ticket_id]
    ).fetchone() or (None,)
    return str(number)


def test_a_guest_without_a_qr_is_found_and_admitted(doors: Doors) -> None:
    (ticket,) = doors.sell(name="Standing")
    number = number_of(doors, ticket)

    (guest,) = search(doors, "Ada Buy").json["items"]

    assert guest == {
        "ticket_id": str(ticket.id),
        "order_number": f"{number[:4]}-{number[4:]}",
        "ticket_type_id": str(ticket.ticket_type_id),
        "ticket_type_name": "Standing",
        "holder_name": "Ada Buyer",
        "holder_email": guest["holder_email"],
        "buyer_name": "Ada Buyer",
        "seat": None,
        "group_size": 1,
        "answers": [],
        "state": "valid",
        "entries": 0,
        "max_entries": 1,
        "first_scan_at": None,
        "first_scan_gate": None,
    }
    assert doors.admit(UUID(guest["ticket_id"]), gate="North").status == 200
    (used,) = search(doors, number).json["items"]
    assert (used["state"], used["entries"], used["first_scan_gate"]) == ("used", 1, "North")
    assert used["first_scan_at"]
    invariants.check(doors.conn)


# A name, what finds it and what does not. The right spellings are those of the names' own languages.
NAMES = [
    (
        "Beyoncé Knowles-Carter",
        ["beyonce", "BEYONCÉ", "knowl", "carter bey", "knowlescarter", "Knowles Carter"],
        ["arter"],
    ),
    ("Seán O'Neill", ["sean oneill", "o'neill", "o\u2019neill", "neil"], ["eill"]),
    ("Łukasz Żółć", ["lukasz zolc", "Żółć"], ["kasz"]),
    ("Jürgen Großmann", ["jurgen grossmann", "GROSSMANN", "großm"], ["mann"]),
    ("Björk Ærø", ["bjork aero"], []),
    ("Dvořák", ["dvorak", "dvor\u030ca\u0301k"], []),
    ("İrem I\u015f\u0131k", ["irem isik", "İREM"], []),
    ("علی‌رضا کاظمی", ["علی", "علیرضا", "رضا", "علي‌رضا", "كاظمي", "کاظمی علی"], ["ظمی"]),
    ("محمّد الأحمد", ["محمد", "الاحمد"], []),
    ("ආචාර්ය කුමාර", ["කුමා", "ආචාර්ය කුමාර"], ["මාර"]),
    ("王小明", ["王小", "小明", "王小明"], ["明王"]),
    ("김철수", ["김철", "철수"], []),
    ("さくら田中", ["田中", "さくら"], []),
    ("👩‍👩‍👧 Adebayo 🎉", ["adebayo", "👩‍👩‍👧", "🎉 ade"], ["🎈 ade"]),
    ("\uff26\uff55\uff4c\uff4c \uff37idth", ["full wi"], []),
    ("Donaudampfschifffahrtsgesellschaftskapitän", ["donaudampfschifffahrtsgesellschaftskapitan"], ["kapitan"]),
]


@pytest.mark.parametrize(("name", "finds", "misses"), NAMES, ids=[name for name, _, _ in NAMES])
def test_names_are_found_as_people_write_them(doors: Doors, name: str, finds: list[str], misses: list[str]) -> None:
    ticket = sell(doors, name)
    sell(doors, "Zacharias Quux")

    assert {text: found(doors, text) for text in finds} == {text: {ticket} for text in finds}
    assert {text: found(doors, text) for text in misses} == {text: set() for text in misses}


def test_a_guest_is_found_by_order_number_seat_and_address(doors: Doors) -> None:
    ticket = sell(doors, "Ada", "ada.obi+jazz@mail.example.com", seat="Parterre Ä, 12")
    sell(doors, "Bola", "bola@example.com", seat="Balcony 3")
    number = number_of(doors, ticket)
    shown = f"{number[:4]}-{number[4:]}"

    for text in (
        number,
        number.lower(),
        shown,
        f"#{shown}",
        f"Order {number[:4]} {number[4:]}",
        number[:4],
        number[4:],
    ):
        assert found(doors, text) == {ticket}, text
    for text in ("parterre a 12", "Ä 12", "12", "ada.obi+jazz@mail.example.com", "Ada.Obi+jazz@mail", "obi", "jazz"):
        assert found(doors, text) == {ticket}, text
    for text in ("example", "mail.example", "@example.com", "com"):  # a domain is of many people
        assert found(doors, text) == set(), text
    (guest,) = search(doors, "jazz").json["items"]
    assert (guest["seat"], guest["holder_email"]) == ("Parterre Ä, 12", "a…@mail.example.com")


def test_a_buyer_finds_the_tickets_of_all_their_holders_but_none_that_was_transferred(doors: Doors) -> None:
    mine, theirs = doors.sell(2)
    doors.conn.execute("UPDATE tickets SET holder_name = 'Chidi' WHERE id = %s", [mine.id])
    doors.transfer(theirs)

    assert found(doors, "ada buyer") == found(doors, "chidi") == {str(mine.id)}
    assert found(doors, "bola holder") == {str(theirs.id)}
    (guest,) = search(doors, "bola").json["items"]
    assert (guest["holder_email"], guest["buyer_name"]) == ("b…@example.com", "Ada Buyer")
    assert found(doors, number_of(doors, mine)) == {str(mine.id), str(theirs.id)}


def test_it_says_why_a_ticket_does_not_admit(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    refunded, disputed, half_used = sell(doors, "Refunded"), sell(doors, "Disputed"), sell(doors, "Half")
    doors.conn.execute("UPDATE tickets SET status = 'refunded' WHERE id = %s", [refunded])
    doors.conn.execute("UPDATE tickets SET disputed = true WHERE id = %s", [disputed])
    doors.conn.execute("UPDATE tickets SET max_entries = 2 WHERE id = %s", [half_used])
    doors.admit(UUID(half_used))

    def state(text: str) -> list[str]:
        return [guest["state"] for guest in search(doors, text).json["items"]]

    assert (state("refunded"), state("disputed"), state("half")) == (["refunded"], ["valid"], ["valid"])
    monkeypatch.setenv("BLOCK_DISPUTED_TICKETS", "true")
    config.settings.cache_clear()
    platform_settings.forget()
    assert state("disputed") == ["disputed"]


def test_a_search_finds_nothing_of_other_events(doors: Doors, api: Client, conn: Connection) -> None:
    ticket = sell(doors, "Ada Obi")
    beside = factories.event(conn, organisation_id=doors.organisation)
    sell(Doors(api, conn, doors.organisation, beside, doors.scanner, doors.manager), "Ada Obi")

    assert found(doors, "ada obi") == {ticket}


def test_pages_have_each_ticket_once(doors: Doors) -> None:
    sold = [str(ticket.id) for ticket in doors.sell(5)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while query.get("cursor", "") is not None:
        page = search(doors, "buyer", **query).json
        seen += [guest["ticket_id"] for guest in page["items"]]
        query["cursor"] = page["next_cursor"]

    assert seen == sold


@pytest.mark.parametrize(
    "query",
    [
        *({"q": text} for text in ("", "a", " a ", "王", "-- '' |", "a\u200b", "a" * 201)),
        *({"q": "ada", **others} for others in ({"limit": 0}, {"limit": 21}, {"cursor": "x"})),
        {},
    ],
)
def test_an_invalid_search_is_refused(doors: Doors, query: dict[str, Any]) -> None:
    answer = doors.api.get(f"/v1/events/{doors.event}/guests", account=doors.scanner, query=query)

    assert (answer.status, answer.code) == (422, "invalid")


@pytest.mark.parametrize("text", ["a' | 'b", "ada:*", "!ada", "ada & (", "\\' ada", "ada\u0000", "<-> ada"])
def test_what_a_search_engine_would_read_as_an_operator_is_text(doors: Doors, text: str) -> None:
    assert search(doors, text).status in {200, 422}
    assert search(doors, "ada").status == 200


@pytest.mark.parametrize("letter", ["\u3316", "\ufdfa", "\u6771", "a"])
def test_a_long_word_is_found_by_its_beginning(doors: Doors, letter: str) -> None:
    """A character such as \u3316 becomes six, and PostgreSQL refuses words of more than 2 KB."""
    ticket = sell(doors, letter * 200)

    for text in (letter * 200, letter * 100 + "-" + letter * 99):
        assert search(doors, text).status == 200
    assert ticket in found(doors, letter * 200)


def test_searches_are_counted_for_each_caller(doors: Doors) -> None:
    sell(doors, "Ada")
    first = search(doors, "ada")
    doors.conn.execute("UPDATE rate_limits SET attempts = %s", [GUEST_SEARCHES])

    refused, colleague = search(doors, "ada"), search(doors, "ada", account=doors.manager)

    assert first.headers["ratelimit-limit"] == "300"
    assert (refused.status, refused.code, colleague.status) == (429, "too_many_requests", 200)


def test_a_device_searches_the_events_of_its_pass(doors: Doors, conn: Connection) -> None:
    ticket = sell(doors, "Ada")
    other = factories.event(conn, organisation_id=doors.organisation)
    _, token = factories.door_device(conn, factories.door_pass(conn, doors.organisation, doors.event))

    answers = [
        doors.api.get(f"/v1/events/{event}/guests", headers={"authorization": f"Bearer {token}"}, query={"q": "ada"})
        for event in (doors.event, other)
    ]

    assert [guest["ticket_id"] for guest in answers[0].json["items"]] == [ticket]
    assert (answers[1].status, answers[1].code) == (403, "outside_door_pass")


def test_a_changed_buyer_is_found_by_the_new_name_alone(doors: Doors) -> None:
    first, second = (str(ticket.id) for ticket in doors.sell(2))
    doors.conn.execute("UPDATE orders SET buyer_name = 'Chidi', buyer_email = 'chidi@example.com'")
    doors.conn.execute("UPDATE tickets SET holder_name = 'Chidi'")

    assert found(doors, "chidi") == {first, second}
    assert found(doors, "ada") == set()


def test_a_buyer_whose_order_has_another_address_is_still_found(doors: Doors) -> None:
    """The tickets have new QRs, as after a transfer. But nobody else holds them."""
    (ticket,) = doors.sell()
    for buyer in ({"email": "chidi@example.com"}, {"name": "Ada Obi"}):
        answer = doors.api.patch(f"/v1/orders/{ticket.order_id}", {"buyer": buyer}, account=doors.manager)
        assert answer.status == 200, answer.body
    doors.conn.execute("UPDATE tickets SET holder_name = 'Bola'")

    for text in ("ada obi", "chidi", "bola"):
        assert found(doors, text) == {str(ticket.id)}, text
    assert found(doors, "ada buyer") == set()


def test_the_guest_list_knows_nothing_of_whom_was_erased(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.conn.execute("UPDATE tickets SET holder_name = %s", [erasures.NAME])
    doors.conn.execute(
        "UPDATE orders SET buyer_name = %s, buyer_email = %s, created_at = now() - interval '1 day' WHERE id = %s",
        [erasures.NAME, erasures.EMAIL, ticket.order_id],
    )
    assert found(doors, "zainab") == {str(ticket.id)}
    assert "guest_list" in erasures.traces(doors.conn)

    erasures.erase(doors.conn, erasures.guest())

    assert found(doors, "zainab") == found(doors, "qureshi") == set()
    assert erasures.traces(doors.conn) == set()


def test_only_members_of_the_organisation_search(doors: Doors) -> None:
    rival = factories.member(doors.conn, factories.organisation(doors.conn), "owner")

    assert doors.api.get(f"/v1/events/{doors.event}/guests", query={"q": "ada"}).status == 401
    assert search(doors, "ada", account=rival).status == 404
