"""GET /v1/orders/{order_id}/tickets.pdf"""

import unicodedata
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.guest_tokens import order_token
from boxoffice.tickets import rules, service
from tests.helpers import factories
from tests.helpers.printed import count_pages, pages_of
from tests.helpers.rings import KeyRing
from tests.helpers.support import Answer, Client
from tests.integration.tickets.conftest import SoldTicket


def download(api: Client, order: UUID, **options: object) -> Answer:
    return api.get(f"/v1/orders/{order}/tickets.pdf", order_token=order_token(order), **options)


def test_each_ticket_is_a_page_with_its_qr(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn, name="Lagos Live")
    event = factories.event(
        conn,
        organisation_id=organisation,
        title="Jazz by the sea",
        starts_at="2100-06-26T18:30:00Z",
        ends_at="2100-06-26T23:00:00Z",
        doors_open_at="2100-06-26T17:30:00Z",
    )
    ticket_type = factories.ticket_type(conn, event_id=event, name="Balcony")
    order = factories.paid_order(conn, ticket_type, quantity=3, number="K7QW3MPX")

    answer = download(api, order)

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="tickets-K7QW-3MPX.pdf"'
    assert answer.headers["cache-control"] == "no-store"
    assert "link" not in answer.headers
    pages = pages_of(answer.body)
    assert [page.qr for page in pages] == [ticket.qr for ticket in service.list_for_order(conn, order)]
    for number, page in enumerate(pages, start=1):
        for words in (
            "Jazz by the sea",
            f"Ticket {number} of 3",
            "Saturday 26 June 2100, 19:30 – 00:00",
            "Doors 18:30 · Lagos, UTC+01:00",
            "Freedom Park",
            "1 Hospital Road, Lagos",
            "Ada Buyer",
            "Balcony",
            "K7QW-3MPX",
            "1 person",
            "Sold by Lagos Live",
        ):
            assert words in page.text


def test_seat_and_group_size_are_printed(sold: SoldTicket, conn: Connection) -> None:
    conn.execute("UPDATE tickets SET seat = 'Stalls, row F, 12', group_size = 6")

    (page,) = pages_of(download(sold.api, sold.order).body)

    assert "Stalls, row F, 12" in page.text
    assert "6 people" in page.text


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Adébáyọ̀ Ọlátúndé", "Ẹ̀kọ́ Jazz & Blues 🎉"),
        ("محمد بن عبد الله", "مهرجان الجاز 2100"),
        ("山田 太郎", "さくら祭り"),
        ("김민준", "한글 콘서트"),
        ("नरेंद्र", "दीपावली"),
        ("דוד לוי", "ערב ג'אז"),
        ("አበበ ቢቂላ", "እንቁጣጣሽ"),
        ("Nguyễn Thị Ánh", "Ώδὴ καὶ Музыка"),
    ],
    ids=["Yoruba", "Arabic", "Japanese", "Korean", "Hindi", "Hebrew", "Amharic", "Vietnamese"],
)
def test_names_are_printed_in_any_script(api: Client, conn: Connection, name: str, title: str) -> None:
    event = factories.event(conn, title=title)
    order = factories.paid_order(conn, factories.ticket_type(conn, event_id=event), quantity=1, buyer_name=name)

    answer = download(api, order)

    (page,) = pages_of(answer.body)
    assert letters(name) <= letters(page.text)
    assert letters(title) <= letters(page.text)
    assert len(answer.body) < 60_000


def letters(text: str) -> set[str]:
    """Return the letters and marks of a text, each by itself."""
    return {char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char)[0] in "LM"}


def test_texts_are_not_read_as_markup(api: Client, conn: Connection) -> None:
    event = factories.event(conn, title='#panic("x") *bold* $x$ \\ <label> @ref')
    order = factories.paid_order(conn, factories.ticket_type(conn, event_id=event), buyer_name='"]#let x = 1; [')

    page = pages_of(download(api, order).body)[0]

    assert '#panic("x") *bold* $x$ \\ <label> @ref' in page.text
    assert '"]#let x = 1; [' in page.text


def test_texts_of_any_length_stay_on_their_page(api: Client, conn: Connection) -> None:
    event = factories.event(conn, title="Long " * 40, venue_name="W" * 200, venue_address="An address " * 18)
    order = factories.paid_order(
        conn, factories.ticket_type(conn, event_id=event, name="N" * 200), quantity=1, buyer_name="Ọ" * 200
    )

    (page,) = pages_of(download(api, order).body)

    assert page.qr == service.list_for_order(conn, order)[0].qr


def test_refunded_and_transferred_tickets_are_left_out(api: Client, conn: Connection) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn), quantity=3)
    refunded, passed_on, printed = service.list_for_order(conn, order)
    conn.execute("UPDATE tickets SET status = 'refunded' WHERE id = %s", [refunded.id])
    conn.execute(
        "UPDATE tickets SET transfer_count = 1, holder_email = 'b@x.org', former_hashes = ARRAY[qr_hash] WHERE id = %s",
        [passed_on.id],
    )

    (page,) = pages_of(download(api, order).body)

    assert page.qr == printed.qr
    assert "Ticket 1 of 1" in page.text


def test_an_order_without_tickets_to_print_gets_the_reason(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    unpaid, refunded = factories.order(conn, ticket_type), factories.paid_order(conn, ticket_type)
    conn.execute("UPDATE tickets SET status = 'refunded'")

    answers = [download(api, order) for order in (unpaid, refunded)]

    assert [(answer.status, answer.code) for answer in answers] == [(409, "order_not_paid"), (409, "no_tickets")]


def test_tickets_whose_key_was_withdrawn_are_not_printed(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing()
    monkeypatch.setenv("TICKET_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    order = factories.paid_order(conn, factories.ticket_type(conn))
    ring.rotate()
    ring.take_out("1")
    config.forget_secrets()

    answer = download(api, order)

    assert (answer.status, answer.code) == (409, "ticket_key_retired")


def test_tickets_that_are_refunded_during_the_request_are_no_server_error(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn))
    check_printable = rules.check_printable

    def refund_after(*facts: Any) -> None:
        check_printable(*facts)
        conn.execute("UPDATE tickets SET status = 'refunded'")

    monkeypatch.setattr(rules, "check_printable", refund_after)

    answer = download(api, order)

    assert (answer.status, answer.code) == (409, "no_tickets")


def test_a_thousand_tickets_come_in_parts_that_fit_an_answer_of_lambda(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=2000, max_per_order=1000)
    conn.execute("UPDATE stock SET available = CASE row_no WHEN 0 THEN 2000 ELSE 0 END")
    order = factories.paid_order(conn, ticket_type, quantity=1000)
    path, sizes = f"/v1/orders/{order}/tickets.pdf", []
    for part in range(1, 5):
        answer = download(api, order, query={"part": part})
        sizes.append(len(answer.body) * 4 / 3)
        assert count_pages(answer.body) == rules.MOST_PAGES
        following = f'<{path}?part={part + 1}>; rel="next"' if part < 4 else None
        assert answer.headers.get("link") == following

    assert max(sizes) < 3 * 2**20
    assert download(api, order, query={"part": 5}).status == 404


def test_only_those_who_see_the_order_get_its_tickets(sold: SoldTicket, conn: Connection) -> None:
    path = f"/v1/orders/{sold.order}/tickets.pdf"

    assert sold.api.get(path, account=factories.member(conn, sold.organisation, "manager")).status == 200
    assert sold.api.get(path, account=sold.scanner).status == 403
    assert sold.api.get(path, account=factories.account(conn)).status == 404
    assert sold.api.get(path, order_token=order_token(uuid4())).status == 404
    assert sold.api.get(path).status == 401
    assert sold.api.get(path, order_token=sold.token, query={"part": 0}).status == 422
    assert sold.api.get("/v1/orders/one/tickets.pdf", order_token=sold.token).status == 422
    assert sold.api.get(f"/v1/orders/{uuid4()}/tickets.pdf", order_token=sold.token).status == 404


def test_the_new_holder_of_a_ticket_does_not_see_the_order(sold: SoldTicket) -> None:
    token = sold.transfer().json["access_token"]

    assert sold.api.get(f"/v1/orders/{sold.order}/tickets.pdf", order_token=token).status == 404
