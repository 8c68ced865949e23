"""The emails about refunds: to the buyer, to the holder of a refunded ticket, and about a cancelled event."""

from email.message import EmailMessage
from uuid import uuid4

import pytest
from psycopg import Connection

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
    """Send the emails of a template, and return them."""
    rows = conn.execute(
        "SELECT id, recipient FROM outbox WHERE template = %s ORDER BY recipient", [template]
    ).fetchall()
    assert deliver(*(message for message, _ in rows)) == []
    return [mail for _, recipient in rows for mail in inbox(aws_url, recipient)]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return " ".join(str(body.get_content()).split())


def buyer() -> str:
    """Return an address that no other test writes to."""
    return f"{uuid4().hex}@example.com"


def test_a_whole_refund_names_the_money_and_the_tickets(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(name="Stalls"), buyer_email=buyer(), number="K7QW3MPX")
    sellers.refund(api, shop, order, whole=True, reason="for the manager's eyes")

    (mail,) = sent(conn, aws_url, "order_refunded")

    assert mail["Subject"] == "Your refund for Jazz & Blues"
    for kind in ("plain", "html"):
        text = text_of(mail, kind)
        assert "refunds your order" in text
        assert "a part of" not in text
        assert "NGN 100.00" in text
        assert "2 × Stalls" in text
        assert "K7QW-3MPX" in text
        assert f"/orders/{order}#token=" in text
        assert "manager's eyes" not in text
    assert "Jazz &amp; Blues" in text_of(mail, "html")


def test_a_refund_of_money_alone_says_that_the_tickets_stay_valid(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(), buyer_email=buyer())
    sellers.refund(api, shop, order, amount=150)

    (mail,) = sent(conn, aws_url, "order_refunded")

    assert "refunds a part of your order" in text_of(mail)
    assert "NGN 1.50" in text_of(mail)
    assert "Your tickets stay valid." in text_of(mail)


@pytest.mark.parametrize(
    ("less", "said", "unsaid"),
    [
        ({"fee": 500}, "NGN 45.00", "withdrawn"),
        ({"amount": 0}, "has withdrawn tickets of your order", "keeps"),
    ],
)
def test_an_email_says_what_does_not_come_back(
    api: Client, conn: Connection, aws_url: str, shop: Shop, less: dict[str, int], said: str, unsaid: str
) -> None:
    order = shop.sold(shop.ticket_type(name="Stalls"), quantity=1, buyer_email=buyer())
    sellers.refund(api, shop, order, whole=True, **less)

    (mail,) = sent(conn, aws_url, "order_refunded")

    for kind in ("plain", "html"):
        text = text_of(mail, kind)
        assert said in text
        assert unsaid not in text
        assert ("keeps NGN 5.00 of what you paid" in text) == ("fee" in less)
        assert ("No money goes back for them." in text) == ("amount" in less)
        assert "1 × Stalls" in text


def test_the_seller_gives_back_a_payment_that_was_made_by_hand(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order = factories.order(conn, shop.ticket_type(), buyer_email=buyer())
    sellers.mark_paid(api, shop, order)
    sellers.refund(api, shop, order, whole=True)

    (mail,) = sent(conn, aws_url, "order_refunded")

    assert "gives you back NGN 100.00" in text_of(mail)
    assert "your bank" not in text_of(mail)


def test_the_holder_of_a_transferred_ticket_learns_that_it_is_refunded(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(name="Stalls"), buyer_email=buyer())
    ticket = sellers.tickets_of(conn, order)[0]
    sellers.accept(api, factories.transfer(conn, ticket, email=buyer()))
    sellers.refund(api, shop, order, whole=True)

    (mail,) = sent(conn, aws_url, "ticket_withdrawn")

    assert mail["Subject"] == "Your ticket for Jazz & Blues is no longer valid"
    for kind in ("plain", "html"):
        assert "Stalls" in text_of(mail, kind)
        assert str(ticket) in text_of(mail, kind)
        assert "NGN 100.00" not in text_of(mail, kind)


def test_the_buyer_learns_why_an_event_is_cancelled_and_what_comes_back(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(), buyer_email=buyer())
    sellers.cancel_event(api, shop)
    sellers.finish_cancellations()

    (mail,) = sent(conn, aws_url, "event_cancelled")

    assert mail["Subject"] == "Cancelled: Jazz & Blues"
    for kind in ("plain", "html"):
        assert "The singer is ill." in text_of(mail, kind)
        assert "Freedom Park" in text_of(mail, kind)
        assert "NGN 100.00" in text_of(mail, kind)
        assert f"/orders/{order}#token=" in text_of(mail, kind)


def test_a_holder_learns_why_an_event_is_cancelled_and_nothing_of_the_order(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    order, holder = shop.sold(shop.ticket_type(), buyer_email=buyer()), buyer()
    sellers.accept(api, factories.transfer(conn, sellers.tickets_of(conn, order)[0], email=holder))
    sellers.cancel_event(api, shop)
    sellers.finish_cancellations()

    (mail,) = [mail for mail in sent(conn, aws_url, "event_cancelled") if mail["To"] == holder]

    for kind in ("plain", "html"):
        assert "The singer is ill." in text_of(mail, kind)
        assert "The person who bought the tickets gets the money back." in text_of(mail, kind)
        assert str(order) not in text_of(mail, kind)
        assert "NGN 100.00" not in text_of(mail, kind)


def test_for_free_tickets_the_email_names_no_money(api: Client, conn: Connection, aws_url: str, shop: Shop) -> None:
    shop.sold(shop.ticket_type(price=0), buyer_email=buyer())
    sellers.cancel_event(api, shop)
    sellers.finish_cancellations()

    (mail,) = sent(conn, aws_url, "event_cancelled")

    assert "back" not in text_of(mail)
