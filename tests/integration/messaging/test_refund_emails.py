"""The emails that say what goes back: a refund, a ticket that ends with it, an event that is called off."""

from email.message import EmailMessage
from uuid import uuid4

import pytest
from psycopg import Connection

from boxoffice import money
from tests.helpers import factories, sellers
from tests.helpers.mailbox import deliver, inbox
from tests.helpers.sellers import Shop
from tests.helpers.support import Client


@pytest.fixture
def shop(conn: Connection) -> Shop:
    shop = Shop(conn)
    conn.execute("UPDATE events SET title = 'Jazz & Blues'")
    return shop


def sent(conn: Connection, aws_url: str, template: str) -> list[EmailMessage]:
    """The emails of a template, sent."""
    rows = conn.execute(
        "SELECT id, recipient FROM outbox WHERE template = %s ORDER BY recipient", [template]
    ).fetchall()
    assert deliver(*(message for message, _ in rows)) == []
    return [mail for _, recipient in rows for mail in inbox(aws_url, recipient)]


def said(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return " ".join(str(body.get_content()).split())


def buyer() -> str:
    """An address that no other test writes to."""
    return f"{uuid4().hex}@example.com"


def test_a_whole_refund_names_the_money_and_the_tickets(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(name="Stalls"), buyer_email=buyer(), number="K7QW3MPX")
    sellers.refund(api, shop, order, whole=True, reason="for the manager's eyes")

    (mail,) = sent(conn, aws_url, "order_refunded")

    assert mail["Subject"] == "Your refund for Jazz & Blues"
    for kind in ("plain", "html"):
        text = said(mail, kind)
        assert "has been refunded" in text
        assert "Part of" not in text
        assert money.show(10_000, "NGN") in text
        assert "2 x Stalls" in text
        assert "K7QW-3MPX" in text
        assert f"/orders/{order}#token=" in text
        assert "manager's eyes" not in text
    assert "Jazz &amp; Blues" in said(mail, "html")


def test_a_refund_of_money_alone_says_that_the_tickets_stay_valid(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(), buyer_email=buyer())
    sellers.refund(api, shop, order, amount=150)

    (mail,) = sent(conn, aws_url, "order_refunded")

    assert "Part of your order" in said(mail)
    assert money.show(150, "NGN") in said(mail)
    assert "Your tickets stay valid." in said(mail)


def test_what_was_paid_by_hand_is_given_back_by_the_seller(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order = factories.order(conn, shop.ticket_type(), buyer_email=buyer())
    sellers.mark_paid(api, shop, order)
    sellers.refund(api, shop, order, whole=True)

    (mail,) = sent(conn, aws_url, "order_refunded")

    assert f"gives you back {money.show(10_000, 'NGN')}" in said(mail)
    assert "your bank" not in said(mail)


def test_whoever_has_a_ticket_from_the_buyer_learns_that_it_is_over(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(name="Stalls"), buyer_email=buyer())
    ticket = sellers.tickets_of(conn, order)[0]
    sellers.accept(api, factories.transfer(conn, ticket, email=buyer()))
    sellers.refund(api, shop, order, whole=True)

    (mail,) = sent(conn, aws_url, "ticket_withdrawn")

    assert mail["Subject"] == "Your ticket for Jazz & Blues is no longer valid"
    for kind in ("plain", "html"):
        assert "Stalls" in said(mail, kind)
        assert str(ticket) in said(mail, kind)
        assert money.show(10_000, "NGN") not in said(mail, kind)


def test_of_a_cancelled_event_the_buyer_learns_why_and_what_comes_back(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(), buyer_email=buyer())
    sellers.cancel_event(api, shop)
    sellers.finish_cancellations()

    (mail,) = sent(conn, aws_url, "event_cancelled")

    assert mail["Subject"] == "Cancelled: Jazz & Blues"
    for kind in ("plain", "html"):
        assert "The singer is ill." in said(mail, kind)
        assert "Freedom Park" in said(mail, kind)
        assert money.show(10_000, "NGN") in said(mail, kind)
        assert f"/orders/{order}#token=" in said(mail, kind)


def test_of_a_cancelled_event_a_holder_learns_why_and_nothing_of_the_order(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order, holder = shop.sold(shop.ticket_type(), buyer_email=buyer()), buyer()
    sellers.accept(api, factories.transfer(conn, sellers.tickets_of(conn, order)[0], email=holder))
    sellers.cancel_event(api, shop)
    sellers.finish_cancellations()

    (mail,) = [mail for mail in sent(conn, aws_url, "event_cancelled") if mail["To"] == holder]

    for kind in ("plain", "html"):
        assert "The singer is ill." in said(mail, kind)
        assert "The person who bought the tickets gets the money back." in said(mail, kind)
        assert str(order) not in said(mail, kind)
        assert money.show(10_000, "NGN") not in said(mail, kind)


def test_for_tickets_that_cost_nothing_no_money_is_spoken_of(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    shop.sold(shop.ticket_type(price=0), buyer_email=buyer())
    sellers.cancel_event(api, shop)
    sellers.finish_cancellations()

    (mail,) = sent(conn, aws_url, "event_cancelled")

    assert "back" not in said(mail)
