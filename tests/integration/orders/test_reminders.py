"""On the day before, holders get their tickets again."""

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from boxoffice import platform_settings
from tests.helpers import factories, sellers
from tests.helpers.mailbox import deliver, inbox, outbox_row
from tests.helpers.reminders import BOUGHT, reminded, send_reminders, set_for_tomorrow, sold
from tests.helpers.sellers import Shop
from tests.helpers.support import Client


@pytest.fixture
def shop(api: Client, conn: Connection) -> Shop:
    shop = Shop(conn)
    conn.execute("UPDATE organisations SET name = 'Lagos Live', contact_email = 'hello@lagos.example'")
    conn.execute("UPDATE events SET title = 'Jazz'")
    set_for_tomorrow(conn, shop)
    return shop


def address() -> str:
    return f"{uuid4().hex}@example.com"


def send(conn: Connection, aws_url: str, recipient: str) -> EmailMessage | None:
    """Send the newest reminder of somebody. Return it, or None if nobody needs it."""
    query = "SELECT id FROM outbox WHERE recipient = %s AND template = 'reminder' ORDER BY created_at DESC"
    (message,) = conn.execute(query, [recipient]).fetchone() or ()
    assert deliver(message) == []
    return None if outbox_row(conn, message)["status"] == "dropped" else inbox(aws_url, recipient)[-1]


def files_of(mail: EmailMessage) -> list[str]:
    return [str(part.get_content_type()) for part in mail.iter_attachments()]


def test_buyers_and_holders_get_their_tickets_again_once(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    buyer, holder = address(), address()
    order = sold(conn, shop, shop.ticket_type(), quantity=4, buyer_email=buyer)
    for ticket in sellers.tickets_of(conn, order)[:2]:
        sellers.accept(api, factories.transfer(conn, ticket, email=holder))
    conn.execute("UPDATE transfers SET accepted_at = %s", [BOUGHT])

    assert send_reminders() == {"reminded": 2, "units_failed": 0}  # some are reminded, then all are
    assert send_reminders() == {"reminded": 0, "units_failed": 0}

    assert sorted(reminded(conn)) == sorted([buyer, holder])
    for recipient, page in ((buyer, f"/orders/{order}#token="), (holder, "/tickets/")):
        mail = send(conn, aws_url, recipient)
        assert mail is not None
        assert (mail["Subject"], mail["From"]) == ("Tomorrow: Jazz", "Lagos Live <tickets@example.com>")
        assert files_of(mail) == ["application/pdf", "text/calendar"]
        text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert page in text
        assert "Ticket 2 of 2" in text
        images = [part for part in mail.walk() if part.get_content_type() == "image/png"]
        assert len(images) == 2


def test_who_has_just_got_the_tickets_is_not_reminded(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type, early = shop.ticket_type(), address()
    sold(conn, shop, ticket_type, buyer_email=early)
    shop.sold(ticket_type, buyer_email=address())
    order = sold(conn, shop, ticket_type, quantity=1, buyer_email=address())
    sellers.accept(api, factories.transfer(conn, sellers.tickets_of(conn, order)[0], email=address()))

    send_reminders()

    assert reminded(conn) == [early]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET status = 'draft'",
        "UPDATE events SET status = 'cancelled', cancelled_at = now(), cancel_reason = 'why'",
        "UPDATE events SET reminds_holders = false",
        "UPDATE events SET starts_at = starts_at + interval '1 day', ends_at = ends_at + interval '1 day'",
        "UPDATE events SET starts_at = starts_at - interval '1 day', ends_at = ends_at - interval '1 day'",
        "UPDATE tickets SET status = 'refunded'",
    ],
)
def test_nobody_is_reminded_of_what_is_not_tomorrow_or_off(
    api: Client, conn: Connection, shop: Shop, change: Any
) -> None:
    sold(conn, shop, shop.ticket_type())
    conn.execute(change)

    assert send_reminders()["units_failed"] == 0
    assert reminded(conn) == []


def test_the_platform_may_remind_nobody(api: Client, conn: Connection, shop: Shop) -> None:
    sold(conn, shop, shop.ticket_type())
    factories.platform_setting(conn, reminders=False)
    platform_settings.forget()

    assert send_reminders() == {"reminded": 0, "units_failed": 0}


def test_a_manager_turns_it_off_for_an_event(api: Client, conn: Connection, shop: Shop) -> None:
    path = f"/v1/events/{shop.event}"
    assert api.get(path).json["reminds_holders"] is True
    assert api.patch(path, {"reminds_holders": False}, account=shop.manager).json["reminds_holders"] is False


def test_an_event_that_moves_to_another_day_is_reminded_of_again(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    buyer = address()
    sold(conn, shop, shop.ticket_type(), buyer_email=buyer)
    send_reminders()
    set_for_tomorrow(conn, shop, hour=21)
    send_reminders()
    assert reminded(conn) == [buyer], "a later hour of the same day is told by the move"

    set_for_tomorrow(conn, shop, days=2)
    send_reminders()
    assert reminded(conn) == [buyer]
    assert send(conn, aws_url, buyer) is None, "it was written for the day before"
    # The day passes: the event is tomorrow again, and the reminders were for another day.
    conn.execute("UPDATE reminders SET starts_at = starts_at - interval '3 days'")
    conn.execute("DELETE FROM outbox")
    set_for_tomorrow(conn, shop)
    send_reminders()
    assert reminded(conn) == [buyer]


def test_an_email_that_waits_is_dropped_once_the_event_has_begun_or_the_tickets_are_gone(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    ticket_type, late, gone, fine = shop.ticket_type(), address(), address(), address()
    orders = {to: sold(conn, shop, ticket_type, buyer_email=to) for to in (late, gone, fine)}
    send_reminders()
    assert sellers.refund(api, shop, orders[gone], whole=True).status == 201

    assert send(conn, aws_url, gone) is None
    assert send(conn, aws_url, fine) is not None
    conn.execute("UPDATE events SET starts_at = %s", [datetime.now(UTC)])
    assert send(conn, aws_url, late) is None
