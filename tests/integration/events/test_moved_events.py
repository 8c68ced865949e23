"""Whoever has a ticket is told when the event takes place at another time or place."""

from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest
from icalendar import Calendar
from psycopg import Connection

from boxoffice import config
from boxoffice.orders import moved_events
from tests.helpers import factories, sellers
from tests.helpers.audit import only_entry
from tests.helpers.mailbox import deliver, inbox, outbox_row
from tests.helpers.sellers import Shop, outbox_of, tell_moves
from tests.helpers.support import Answer, Client

ELSEWHERE = {"venue": {"name": "Lagoon Hall", "address": "14 Marina Road"}}


@pytest.fixture(autouse=True)
def _queue(email_queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_QUEUE_URL", email_queue)
    config.settings.cache_clear()


@pytest.fixture
def shop(api: Client, conn: Connection) -> Shop:
    shop = Shop(conn)
    conn.execute("UPDATE organisations SET name = 'Lagos Live', contact_email = 'hello@lagos.example'")
    conn.execute("UPDATE events SET title = 'Jazz', starts_at = '2100-06-26 18:30Z', ends_at = '2100-06-26 22:30Z'")
    return shop


def move(api: Client, shop: Shop, **changes: Any) -> Answer:
    answer = api.patch(f"/v1/events/{shop.event}", changes or ELSEWHERE, account=shop.manager)
    assert answer.status == 200, answer.body
    return answer


def address() -> str:
    return f"{uuid4().hex}@example.com"


def sell(shop: Shop) -> str:
    """Sell tickets to somebody. Return their address."""
    buyer = address()
    shop.sold(shop.ticket_type(), buyer_email=buyer)
    return buyer


def told(conn: Connection) -> list[str]:
    """Return whom the job has told, and is to tell, of moves."""
    return [recipient for recipient, _ in outbox_of(conn, "event_moved")]


def send(conn: Connection, aws_url: str, recipient: str, template: str = "event_moved") -> EmailMessage | None:
    """Send the newest email of a template to somebody. Return it, or None if nobody needs it."""
    query = "SELECT id FROM outbox WHERE recipient = %s AND template = %s ORDER BY created_at DESC"
    (message,) = conn.execute(query, [recipient, template]).fetchone() or ()
    assert deliver(message) == []
    return None if outbox_row(conn, message)["status"] == "dropped" else inbox(aws_url, recipient)[-1]


def text_of(mail: EmailMessage | None) -> str:
    assert mail is not None
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def now_and_before(mail: EmailMessage | None) -> tuple[str, str]:
    """Return the two parts of an email's text: up to how the event is now, and from how it was before."""
    now, _, was = text_of(mail).partition("Before, it was:")
    return now, was


def calendar_of(mail: EmailMessage | None) -> Any:
    """Return the calendar file of an email, and its event."""
    assert mail is not None
    (file,) = [part for part in mail.iter_attachments() if part.get_content_type() == "text/calendar"]
    calendar = Calendar.from_ical(file.get_payload(decode=True))  # type: ignore[arg-type]
    return calendar, calendar.walk("VEVENT")[0]


def test_buyers_and_holders_are_told_once_of_the_old_and_the_new(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    buyer, holder, ticket_type = address(), address(), shop.ticket_type()
    order = shop.sold(ticket_type, buyer_email=buyer)
    shop.sold(ticket_type, buyer_email=buyer)
    for ticket in sellers.tickets_of(conn, order):
        sellers.accept(api, factories.transfer(conn, ticket, email=holder))
    before = calendar_of(send(conn, aws_url, holder, "transfer_accepted"))[1]

    move(api, shop, starts_at="2100-06-27T17:00:00Z", ends_at="2100-06-27T22:00:00Z", **ELSEWHERE)
    assert tell_moves(conn) == {"moves": 3, "units_failed": 0}  # it is seen, then told to some, then to all

    assert sorted(told(conn)) == sorted([buyer, holder])
    for recipient, page in ((buyer, f"/orders/{order}#token="), (holder, "/tickets/")):
        mail = send(conn, aws_url, recipient)
        assert mail is not None
        assert mail["Subject"] == "New time and place: Jazz"
        assert mail["From"] == "Lagos Live <tickets@example.com>"
        assert mail["Reply-To"] == "hello@lagos.example"
        now, was = now_and_before(mail)
        assert "Sunday 27 June 2100, 18:00 – 23:00 (Lagos, UTC+01:00)\n" in now
        assert "Lagoon Hall, 14 Marina Road, Lagos\n" in now
        assert "Saturday 26 June 2100, 19:30 – 23:30 (Lagos, UTC+01:00)\n" in was
        assert "Freedom Park, 1 Hospital Road, Lagos\n" in was
        assert page in was
        after = calendar_of(mail)[1]
        assert (after["UID"], after["SEQUENCE"] > before["SEQUENCE"]) == (before["UID"], True)
        assert after.decoded("DTSTART").isoformat() == "2100-06-27T17:00:00+00:00"
    assert tell_moves(conn) == {"moves": 0, "units_failed": 0}


def test_the_calendar_file_of_a_cancelled_event_takes_it_out(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    buyer, holder = address(), address()
    order = shop.sold(shop.ticket_type(), buyer_email=buyer)
    sellers.accept(api, factories.transfer(conn, sellers.tickets_of(conn, order)[0], email=holder))
    before = calendar_of(send(conn, aws_url, buyer, "order_confirmation"))[1]
    move(api, shop)
    assert tell_moves(conn)["moves"] == 3
    sellers.cancel_event(api, shop)
    sellers.finish_cancellations()

    for recipient in (buyer, holder):
        calendar, event = calendar_of(send(conn, aws_url, recipient, "event_cancelled"))
        assert (calendar["METHOD"], event["STATUS"], event["UID"]) == ("CANCEL", "CANCELLED", before["UID"])
        assert event["SEQUENCE"] > before["SEQUENCE"]
        assert event["ORGANIZER"] == "mailto:hello@lagos.example"
        assert send(conn, aws_url, recipient) is None, "nobody need know where it would have been"


def test_several_changes_in_a_row_are_told_as_one(api: Client, conn: Connection, aws_url: str, shop: Shop) -> None:
    buyer = sell(shop)
    for hour in (17, 18, 16):
        move(api, shop, starts_at=f"2100-06-26T{hour}:00:00Z")
        tell_moves(conn, due=False)

    tell_moves(conn)

    assert told(conn) == [buyer]
    text = text_of(send(conn, aws_url, buyer))
    assert "New time: Jazz\n" in text
    assert "17:00 – 23:30" in text
    assert "19:30 – 23:30" in text
    assert "18:00 –" not in text


def test_of_changes_that_come_to_nothing_nobody_hears(api: Client, conn: Connection, aws_url: str, shop: Shop) -> None:
    buyer = sell(shop)
    move(api, shop, starts_at="2100-06-26T17:00:00Z")
    move(api, shop, starts_at="2100-06-26T18:30:00Z")
    tell_moves(conn)

    assert send(conn, aws_url, buyer) is None


def test_a_change_while_some_are_told_is_told_to_each_as_they_know_it(
    api: Client, conn: Connection, aws_url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moved_events, "_BATCH", 1)
    first, second, ticket_type = address(), address(), shop.ticket_type()
    for buyer in (first, second):
        shop.sold(ticket_type, buyer_email=buyer)
    move(api, shop, starts_at="2100-06-26T17:00:00Z")
    tell_moves(conn, rounds=2)  # it is seen, and told to the first buyer
    assert told(conn) == [first]
    assert "18:00 – 23:30" in text_of(send(conn, aws_url, first))

    move(api, shop, starts_at="2100-06-26T16:00:00Z")
    tell_moves(conn)

    assert sorted(told(conn)) == sorted([first, first, second])
    for buyer, known in ((first, "18:00"), (second, "19:30")):
        now, was = now_and_before(send(conn, aws_url, buyer))
        assert "17:00 – 23:30" in now
        assert f"{known} – 23:30" in was


def test_what_was_told_long_ago_is_known_though_its_message_is_deleted(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    buyer = sell(shop)
    move(api, shop, starts_at="2100-06-26T17:00:00Z")
    tell_moves(conn)
    assert send(conn, aws_url, buyer) is not None
    conn.execute("DELETE FROM outbox")
    move(api, shop, starts_at="2100-06-26T16:00:00Z")
    tell_moves(conn)

    assert "18:00 – 23:30" in now_and_before(send(conn, aws_url, buyer))[1]


def test_an_email_that_waits_while_the_event_is_moved_again_leaves_it_to_the_next(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    buyer = sell(shop)
    move(api, shop, starts_at="2100-06-26T17:00:00Z")
    tell_moves(conn)
    move(api, shop, starts_at="2100-06-26T16:00:00Z")

    assert send(conn, aws_url, buyer) is None
    tell_moves(conn)
    _, was = now_and_before(send(conn, aws_url, buyer))
    assert "19:30 – 23:30" in was


def test_whoever_buys_before_the_move_is_seen_is_told_and_nobody_later(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    before, meanwhile, after, ticket_type = address(), address(), address(), shop.ticket_type()
    shop.sold(ticket_type, buyer_email=before)
    move(api, shop)
    shop.sold(ticket_type, buyer_email=meanwhile)  # perhaps in a transaction that began before the move
    tell_moves(conn, due=False)
    shop.sold(ticket_type, buyer_email=after)
    tell_moves(conn)

    assert sorted(told(conn)) == sorted([before, meanwhile])
    move(api, shop, venue={"name": "Town Hall"})
    tell_moves(conn)
    assert "Lagoon Hall" in now_and_before(send(conn, aws_url, after))[1]
    assert "Freedom Park" in now_and_before(send(conn, aws_url, before))[1]


def test_a_holder_who_has_passed_the_ticket_on_is_not_told(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    buyer, holder = address(), address()
    order = shop.sold(shop.ticket_type(), buyer_email=buyer, quantity=1)
    (ticket,) = sellers.tickets_of(conn, order)
    sellers.accept(api, factories.transfer(conn, ticket, email=holder))
    move(api, shop)
    tell_moves(conn)
    passed_on = "transfer_count = 2, former_hashes = former_hashes || qr_hash, holder_email = 'next@example.com'"
    conn.execute(f"UPDATE tickets SET {passed_on} WHERE id = %s", [ticket])

    assert send(conn, aws_url, holder) is None
    sellers.refund(api, shop, order, whole=True)
    assert send(conn, aws_url, buyer) is None


def test_a_manager_can_mend_a_mistyped_street_in_silence(api: Client, conn: Connection, shop: Shop) -> None:
    shop.sold(shop.ticket_type())

    move(api, shop, venue={"address": "14 Marina Rd."}, tell_holders=False)

    assert tell_moves(conn) == {"moves": 0, "units_failed": 0}
    assert only_entry(conn).details["tell_holders"] is False


def test_each_fact_of_time_and_place_counts_and_no_other(api: Client, conn: Connection, shop: Shop) -> None:
    def moves_after(changes: dict[str, Any]) -> int:
        move(api, shop, **changes)
        return len(conn.execute("SELECT FROM event_moves").fetchall())

    others = [{"title": "Blues"}, {"capacity": 500}, {"venue": {"name": "Freedom Park", "country": "GH"}}]
    assert [moves_after(changes) for changes in others] == [0, 0, 0]
    facts: list[dict[str, Any]] = [
        {"starts_at": "2100-06-26T18:29:00Z"},
        {"ends_at": "2100-06-26T23:00:00Z"},
        {"doors_open_at": "2100-06-26T18:00:00Z"},
        *({"venue": venue} for venue in ({"name": "A"}, {"address": "B"}, {"city": "C"}, {"time_zone": "UTC"})),
    ]
    assert [moves_after(changes) for changes in facts] == [1, 2, 3, 4, 5, 6, 7]


def test_a_draft_that_is_moved_has_nobody_to_tell(api: Client, conn: Connection, shop: Shop) -> None:
    conn.execute("UPDATE events SET status = 'draft'")
    move(api, shop)

    assert conn.execute("SELECT count(*) FROM event_moves").fetchone() == (0,)
