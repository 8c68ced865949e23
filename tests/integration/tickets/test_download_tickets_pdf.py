"""GET /v1/orders/{order_id}/tickets.pdf"""

import unicodedata
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.auth import order_token
from boxoffice.tickets import rules, service
from tests.helpers import factories
from tests.helpers.printed import count_pages, pages_of
from tests.helpers.rings import KeyRing
from tests.helpers.support import Answer, Client
from tests.integration.tickets.conftest import Held


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
        for said in (
            "Jazz by the sea",
            f"Ticket {number} of 3",
            "Saturday 26 June 2100",
            "19:30 (West Africa Standard Time)",
            "Freedom Park",
            "1 Hospital Road, Lagos",
            "Ada Buyer",
            "Balcony",
            "K7QW-3MPX",
            "1 person",
            "Sold by Lagos Live",
        ):
            assert said in page.text


def test_a_seat_and_the_size_of_a_group_are_said(held: Held, conn: Connection) -> None:
    conn.execute("UPDATE tickets SET seat = 'Stalls, row F, 12', group_size = 6")

    (page,) = pages_of(download(held.api, held.order).body)

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
    """Its letters and marks, however they are put together."""
    return {char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char)[0] in "LM"}


def test_what_it_says_is_not_read_as_markup(api: Client, conn: Connection) -> None:
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


def test_refunded_tickets_and_those_that_passed_on_are_left_out(api: Client, conn: Connection) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn), quantity=3)
    refunded, passed, left = service.list_for_order(conn, order)
    conn.execute("UPDATE tickets SET status = 'refunded' WHERE id = %s", [refunded.id])
    conn.execute("UPDATE tickets SET transfer_count = 1, former_hashes = ARRAY[qr_hash] WHERE id = %s", [passed.id])

    (page,) = pages_of(download(api, order).body)

    assert page.qr == left.qr
    assert "Ticket 1 of 1" in page.text


def test_where_there_is_no_ticket_it_says_why(api: Client, conn: Connection) -> None:
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


def test_tickets_that_end_while_they_are_printed_are_no_fault_of_ours(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn))
    checked = rules.check_printable

    def refund_after(*facts: Any) -> None:
        checked(*facts)
        conn.execute("UPDATE tickets SET status = 'refunded'")

    monkeypatch.setattr(rules, "check_printable", refund_after)

    answer = download(api, order)

    assert (answer.status, answer.code) == (409, "no_tickets")


def test_a_thousand_tickets_come_in_parts_that_fit_an_answer_of_lambdas(api: Client, conn: Connection) -> None:
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


def test_whoever_may_not_see_the_order_does_not_see_its_tickets(held: Held, conn: Connection) -> None:
    path = f"/v1/orders/{held.order}/tickets.pdf"

    assert held.api.get(path, account=factories.member(conn, held.organisation, "manager")).status == 200
    assert held.api.get(path, account=held.scanner).status == 403
    assert held.api.get(path, account=factories.account(conn)).status == 404
    assert held.api.get(path, order_token=order_token(uuid4())).status == 404
    assert held.api.get(path).status == 401
    assert held.api.get(path, order_token=held.token, query={"part": 0}).status == 422
    assert held.api.get("/v1/orders/one/tickets.pdf", order_token=held.token).status == 422
    assert held.api.get(f"/v1/orders/{uuid4()}/tickets.pdf", order_token=held.token).status == 404


def test_whoever_holds_a_transferred_ticket_does_not_see_the_order(held: Held) -> None:
    token = held.pass_on().json["access_token"]

    assert held.api.get(f"/v1/orders/{held.order}/tickets.pdf", order_token=token).status == 404
