"""The email with the tickets, as the buyer's mail program reads it."""

import re
from datetime import UTC, datetime
from html import unescape
from uuid import UUID

import cv2
import numpy as np
import pytest
import zxingcpp
from icalendar import Calendar
from pypdfium2 import PdfDocument

from boxoffice import config
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service as orders
from boxoffice.tickets import service as tickets
from tests.helpers import factories
from tests.helpers.mailbox import deliver, inbox, outbox_row, owe
from tests.helpers.printed import pages_of

STARTS_AT = datetime(2100, 6, 26, 18, 30, tzinfo=UTC)
ENDS_AT = datetime(2100, 6, 26, 23, 0, tzinfo=UTC)


@pytest.fixture
def event(conn):
    seller = factories.organisation(conn, name="Lagos Live")
    return factories.event(conn, organisation_id=seller, title="Ẹ̀kọ́ Jazz & Blues", starts_at=STARTS_AT, ends_at=ENDS_AT)


@pytest.fixture
def ticket_type(conn, event):
    return factories.ticket_type(conn, event_id=event, name="Regular", price=500_000, quantity=200)


def send(conn, aws_url, order_id):
    """Send the confirmation that is owed for an order, and return it as it was read."""
    message = owe(conn, order_id)
    assert deliver(message) == []
    (mail,) = inbox(aws_url, outbox_row(conn, message)["recipient"])
    return mail


def text(mail):
    return mail.get_body(("plain",)).get_content()


def html(mail):
    return mail.get_body(("html",)).get_content()


def visible(mail):
    """Return the text that a browser shows of the HTML."""
    content = re.sub(
        r"<head>.*</head>|<!--.*?-->|<div style=\"display:none.*?</div>|</?bdi>", "", html(mail), flags=re.DOTALL
    )
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", content)).split())


def pictures(mail):
    """Return the inline pictures by their content id."""
    return {
        part["Content-ID"].strip("<>"): part.get_content()
        for part in mail.walk()
        if part.get_content_type() == "image/png"
    }


def read_qr(png):
    """Return the text of a QR, as two readers of other makers read it."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    text_by_opencv, *_ = cv2.QRCodeDetectorAruco().detectAndDecode(image)
    (other,) = zxingcpp.read_barcodes(image)
    assert text_by_opencv == other.text
    return text_by_opencv


def test_paying_owes_the_email_and_it_arrives(conn, aws_url, ticket_type):
    order_id = factories.paid_order(conn, ticket_type, buyer_email="ada.buyer@example.com")
    (message,) = conn.execute("SELECT id FROM outbox WHERE payload->>'order_id' = %s", [str(order_id)]).fetchone()
    assert deliver(message) == []
    (mail,) = inbox(aws_url, "ada.buyer@example.com")
    assert mail["Subject"] == "Your tickets for Ẹ̀kọ́ Jazz & Blues"


def test_it_comes_from_the_seller_and_answers_go_there(conn, aws_url, event, ticket_type):
    mail = send(conn, aws_url, factories.paid_order(conn, ticket_type))
    assert (mail["From"], "Reply-To" in mail) == ("Lagos Live <tickets@example.com>", False)
    conn.execute("UPDATE organisations SET name = 'Ẹ̀kọ́ @ Home', contact_email = 'hello@lagos.example'")
    mail = send(conn, aws_url, factories.paid_order(conn, ticket_type))
    assert mail["From"].addresses[0].display_name == "Ẹ̀kọ́ at Home"
    assert mail["From"].addresses[0].addr_spec == "tickets@example.com"
    assert mail["Reply-To"] == "hello@lagos.example"
    assert "Questions? Answer this email: Ẹ̀kọ́ @ Home reads it." in visible(mail)
    calendar = list(mail.iter_attachments())[1]
    assert b"ORGANIZER;CN=" in calendar.get_payload(decode=True)


def test_it_says_what_the_buyer_bought_for_when_and_where(conn, aws_url, ticket_type):
    conn.execute("UPDATE events SET doors_open_at = '2100-06-26T17:30Z'")
    order_id = factories.paid_order(conn, ticket_type, number="K7QW3MPX", quantity=2)
    mail = send(conn, aws_url, order_id)
    plain, price = text(mail), "NGN\u00a010,000.00"
    for part in (
        "Order K7QW-3MPX, sold by Lagos Live",
        "Ẹ̀kọ́ Jazz & Blues",
        "Saturday 26 June 2100, 19:30 – 00:00 (Lagos, UTC+01:00)",
        "Doors 18:30",
        "Freedom Park, 1 Hospital Road, Lagos",
        f"2 \N{MULTIPLICATION SIGN} Regular (NGN\u00a05,000.00 each): {price}",
        f"Total: {price}",
    ):
        assert part in plain
    seen = visible(mail)
    for part in (
        "Ẹ̀kọ́ Jazz & Blues",
        "Freedom Park, 1 Hospital Road, Lagos",
        "Receipt K7QW-3MPX",
        "2 \N{MULTIPLICATION SIGN} Regular NGN 5,000.00 each NGN 10,000.00",
        "Total NGN 10,000.00",
    ):
        assert part in seen


def test_it_has_each_ticket_with_a_qr_that_can_be_read(conn, aws_url, ticket_type):
    order_id = factories.paid_order(conn, ticket_type, quantity=3, buyer_name="Adébáyọ̀ Buyer")
    mail = send(conn, aws_url, order_id)
    issued = tickets.list_for_order(conn, order_id)
    assert len(issued) == 3
    shown = pictures(mail)
    assert sorted(map(read_qr, shown.values())) == sorted(ticket.qr for ticket in issued)
    body = html(mail)
    assert set(re.findall(r'src="cid:([^"]+)"', body)) == set(shown)
    for position, ticket in enumerate(issued, start=1):
        assert f'alt="QR code. Ticket {position} of 3: Regular"' in body
        for version in (visible(mail), text(mail)):
            assert f"Ticket {position} of 3: Regular" in version
            assert "Adébáyọ̀ Buyer" in version
            assert str(ticket.id) in version


def test_the_tickets_to_print_and_the_event_for_the_calendar_are_attached(conn, aws_url, event, ticket_type):
    order_id = factories.paid_order(conn, ticket_type, number="K7QW3MPY", quantity=3, buyer_name="محمد 山田 Ọlá")
    mail = send(conn, aws_url, order_id)
    document, calendar = mail.iter_attachments()
    assert document.get_content_type() == "application/pdf"
    assert document.get_filename() == "tickets-K7QW-3MPY.pdf"
    pages = pages_of(document.get_content())
    assert [page.qr for page in pages] == [ticket.qr for ticket in tickets.list_for_order(conn, order_id)]
    assert all("Lagos Live" in page.text for page in pages)
    assert calendar.get_content_type() == "text/calendar"
    (entry,) = Calendar.from_ical(calendar.get_payload(decode=True)).walk("VEVENT")
    assert entry["UID"] == f"{event}@boxoffice"
    assert entry["SUMMARY"] == "Ẹ̀kọ́ Jazz & Blues"
    assert (entry.decoded("DTSTART"), entry.decoded("DTEND")) == (STARTS_AT, ENDS_AT)
    assert len(mail.as_bytes()) < 150_000


def test_transferred_tickets_are_left_out(conn, aws_url, ticket_type):
    order_id = factories.paid_order(conn, ticket_type, quantity=2)
    transferred, valid = tickets.list_for_order(conn, order_id)
    transfer = (
        "UPDATE tickets SET transfer_count = 1, holder_email = 'b@x.org', former_hashes = ARRAY[qr_hash] WHERE id = %s"
    )
    conn.execute(transfer, [transferred.id])
    mail = send(conn, aws_url, order_id)
    assert list(map(read_qr, pictures(mail).values())) == [valid.qr]
    assert [page.qr for page in pages_of(next(mail.iter_attachments()).get_content())] == [valid.qr]
    conn.execute(transfer, [valid.id])
    message = owe(conn, order_id)
    assert deliver(message) == []
    (mail,) = inbox(aws_url, outbox_row(conn, message)["recipient"])
    assert "The tickets of this order now belong to somebody else." in text(mail)
    assert list(mail.iter_attachments()) == []


def test_it_links_to_the_order_with_the_token_that_reads_it(conn, aws_url, ticket_type):
    order_id = factories.paid_order(conn, ticket_type)
    mail = send(conn, aws_url, order_id)
    link = f"http://127.0.0.1:3000/orders/{order_id}#token={order_token(order_id)}"
    assert f"Open your tickets: {link}\n" in text(mail).replace("\r\n", "\n")
    assert f'href="{link}"' in html(mail)


def test_without_a_public_url_it_links_nowhere(conn, aws_url, ticket_type, monkeypatch):
    order_id = factories.paid_order(conn, ticket_type)
    monkeypatch.setenv("PUBLIC_URL", "")
    config.settings.cache_clear()
    mail = send(conn, aws_url, order_id)
    assert "/orders/" not in text(mail)
    assert "href" not in html(mail)


def test_names_cannot_write_html_or_headers(conn, aws_url):
    event = factories.event(conn, title="<b>Jazz</b>\r\nBcc: eve@example.com")
    order_id = factories.paid_order(
        conn,
        factories.ticket_type(conn, event_id=event, name='"><script>alert(1)</script>'),
        buyer_name="<img src=x>\nTicket 9 of 9",
    )
    mail = send(conn, aws_url, order_id)
    assert mail["Subject"] == "Your tickets for <b>Jazz</b> Bcc: eve@example.com"
    assert mail["Bcc"] is None
    assert not re.search(r"<script|<b>|<img src=x", html(mail))
    assert "\nTicket 9 of 9" not in text(mail)


def test_an_order_across_events_shows_each_with_its_tickets(conn, aws_url, api):
    seller = factories.organisation(conn)
    jazz, blues = (
        factories.event(conn, organisation_id=seller, title=title, starts_at=STARTS_AT, ends_at=ENDS_AT)
        for title in ("Jazz", "Blues")
    )
    types = [factories.ticket_type(conn, event_id=event, price=0) for event in (jazz, blues)]
    request = factories.order_request(types[0])
    request["items"] = [{"ticket_type_id": str(ticket_type), "quantity": 1} for ticket_type in types]
    order = api.post("/v1/orders", request, key="new").json
    mail = send(conn, aws_url, UUID(order["id"]))
    assert mail["Subject"] == "Your tickets for Jazz and 1 other event"
    said = "Jazz Blues Receipt Jazz Blues Jazz Ticket 1 of 2 Blues Ticket 2 of 2"  # the events, the items, the tickets
    for body in (text(mail), visible(mail).removeprefix(mail["Subject"])):
        assert " ".join(re.findall(r"Jazz|Blues|Receipt|Ticket \d of 2", body)) == said


def test_an_order_without_valid_tickets_says_so(conn, aws_url, ticket_type):
    mail = send(conn, aws_url, factories.order(conn, ticket_type))
    assert "The tickets of this order are no longer valid." in text(mail)
    assert pictures(mail) == {}


def test_refunded_tickets_are_left_out(conn, aws_url, ticket_type):
    order_id = factories.paid_order(conn, ticket_type, quantity=2)
    refunded, valid = tickets.list_for_order(conn, order_id)
    conn.execute("UPDATE tickets SET status = 'refunded' WHERE id = %s", [refunded.id])
    mail = send(conn, aws_url, order_id)
    assert list(map(read_qr, pictures(mail).values())) == [valid.qr]
    assert str(refunded.id) not in text(mail)
    assert "Ticket 1 of 1: Regular" in text(mail)


def test_a_large_order_shows_its_first_tickets_and_links_to_the_others(conn, aws_url):
    long = {"title": "Donaudampfschifffahrt " * 9, "venue_name": "ศูนย์วัฒนธรรม " * 14, "venue_address": "東京" * 100}
    event = factories.event(conn, **long)
    ticket_type = factories.ticket_type(conn, event_id=event, name="நுழைவு " * 28, price=0, quantity=1_000_000)
    order_id = factories.paid_order(conn, ticket_type, quantity=120, buyer_name="علی‌رضا " * 25)
    mail = send(conn, aws_url, order_id)
    shown = [str(ticket.id) in text(mail) for ticket in tickets.list_for_order(conn, order_id)]
    assert shown == [True] * 20 + [False] * 100
    assert len(pictures(mail)) == len(PdfDocument(next(mail.iter_attachments()).get_content())) == 20
    for body in (text(mail), visible(mail)):
        assert "This email and its PDF have the first 20 tickets. All 120 are on the page of your order." in body
    assert len(html(mail).encode()) < 100_000, "Gmail cuts off what is longer"
    assert len(mail.as_bytes()) < 1_000_000
    assert max(map(len, mail.as_bytes().splitlines())) <= 78


def test_a_free_order_is_confirmed_too(conn, aws_url, event):
    order_id = factories.paid_order(conn, factories.ticket_type(conn, event_id=event, price=0))
    assert "Total: NGN\u00a00.00" in text(send(conn, aws_url, order_id))


def test_it_is_made_for_dark_screens_and_screen_readers(conn, aws_url, ticket_type):
    body = html(send(conn, aws_url, factories.paid_order(conn, ticket_type)))
    assert '<html lang="en" dir="ltr">' in body
    assert '<meta name="color-scheme" content="light dark">' in body
    assert "@media (prefers-color-scheme: dark)" in body
    assert "<title>Your tickets for" in body
    assert all("alt=" in image for image in re.findall(r"<img[^>]*>", body))
    assert all('scope="col"' in header for header in re.findall(r"<th\b[^>]*>", body))


def test_it_says_what_a_voucher_took_off_and_how_many_a_ticket_admits(conn, aws_url, api, event):
    ticket_type = factories.ticket_type(conn, event_id=event, price=500_000, ticket_mode="group")
    factories.voucher(conn, event, code="TENTH")
    request = factories.order_request(ticket_type, voucher="TENTH")
    order_id = UUID(api.post("/v1/orders", request, key="new").json["id"])
    with conn.transaction():
        orders.pay(conn, orders.lock_order(conn, order_id), reason="test")

    mail = send(conn, aws_url, order_id)

    assert "Voucher TENTH: -NGN\u00a01,000.00" in text(mail)
    assert "Total: NGN\u00a09,000.00" in text(mail)
    assert "Admits 2 people" in text(mail)
    assert "Voucher TENTH -NGN 1,000.00 Total NGN 9,000.00" in visible(mail)
    assert "Admits 2" in visible(mail)
