"""GET /v1/organisations/{organisation_id}/statements/{month}"""

from datetime import UTC, datetime

import psycopg
import pypdfium2
import pytest
from psycopg import Connection

from boxoffice.reports import statements
from tests.helpers import factories
from tests.integration.reports.conftest import Bookkeeper


def pages_of(document: bytes) -> list[str]:
    """Return the text of each page, with single spaces."""
    with pypdfium2.PdfDocument(document) as pdf:
        return [" ".join(page.get_textpage().get_text_range().split()) for page in pdf]


def book_june(keeper: Bookkeeper) -> None:
    """A balance of 500.00 from May, then June: two events, a payout that was sent, one under way, and own money."""
    post = keeper.ledger.post
    post("2026-05-31T23:59:59Z", "sale", 50_000, event_id=keeper.gala)
    post("2026-06-01T00:00:00Z", "sale", 100_000, event_id=keeper.jazz)
    post("2026-06-01T00:00:00Z", "platform_fee", 2_500, event_id=keeper.jazz)
    post("2026-06-01T00:00:00Z", "tax", 16_000, event_id=keeper.jazz)
    post("2026-06-02T12:00:00Z", "provider_fee", 1_750, event_id=keeper.jazz)
    post("2026-06-03T12:00:00Z", "refund", 10_000, event_id=keeper.jazz)
    post("2026-06-03T12:00:00Z", "platform_fee_returned", 250, event_id=keeper.jazz)
    post("2026-06-04T12:00:00Z", "dispute", 5_000, event_id=keeper.gala)
    post("2026-06-05T12:00:00Z", "release", 40_000, event_id=keeper.gala)
    post("2026-06-06T12:00:00Z", "payout", 35_000)
    post("2026-06-07T12:00:00Z", "payout_sent", 30_000)
    post("2026-06-08T12:00:00Z", "correction", -700)
    post("2026-06-09T12:00:00Z", "sale", 20_000, event_id=keeper.jazz, holder="organisation")
    post("2026-07-01T00:00:00Z", "sale", 77_777, event_id=keeper.jazz)


def test_the_lines_lead_from_the_opening_to_the_closing_balance(bookkeeper: Bookkeeper) -> None:
    book_june(bookkeeper)

    answer = bookkeeper.statement("2026-06")

    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["content-disposition"] == 'attachment; filename="statement-2026-06.pdf"'
    text = " ".join(pages_of(answer.body))
    # 500.00 + 1000.00 - 100.00 - 50.00 - (25.00 - 2.50) - 17.50 - 7.00 - 300.00 = 1003.00
    for line in (
        "Statement June 2026",
        f"202606-{bookkeeper.organisation.hex[-8:].upper()}",
        "1 June 2026 – 30 June 2026",
        "Lagos Live 1 Hospital Road Lagos",
        "Opening balance on 1 June 2026 500.00",
        "Ticket sales 1,000.00",
        "Refunds -100.00",
        "Disputed payments -50.00",
        "Fees of the platform -22.50",
        "Fees of payment providers -17.50",
        "Corrections -7.00",
        "Payouts -300.00",
        "Closing balance on 30 June 2026 €1,003.00",
        "The sales include €160.00 of tax, after refunds.",
        # 400.00 released - 350.00 requested - 7.00 = 43.00. 350.00 - 300.00 = 50.00. The tax is 160.00.
        # So 1003.00 - 43.00 - 50.00 - 160.00 = 750.00 is pending
        "Available for payout 43.00",
        "In payouts that are under way 50.00",
        "Of events whose money is not released yet 750.00",
        "Tax on sales that are not released yet 160.00",
        "Jazz by the sea 27 June 2026 1,000.00 -100.00 0.00 -40.00 860.00",
        "Gala 1 July 2026 0.00 0.00 -50.00 0.00 -50.00",
        "Total 1,000.00 -100.00 -50.00 -40.00 810.00",
        "7 June 2026 -300.00 Total -300.00 Corrections",
        "8 June 2026 -7.00",
        "Ticket sales 200.00 Total 200.00",
        "Page 1 of",
    ):
        assert line in text, (line, text)
    assert "Provisional" not in text
    july = " ".join(pages_of(bookkeeper.statement("2026-07").body))
    assert "Opening balance on 1 July 2026 1,003.00" in july
    assert "Closing balance on 31 July 2026 €1,780.77" in july  # and 777.77


def test_a_closed_month_is_the_same_ever_after(bookkeeper: Bookkeeper) -> None:
    book_june(bookkeeper)
    before = bookkeeper.statement("2026-06").body

    bookkeeper.conn.execute("UPDATE organisations SET name = 'Renamed', locale = 'fr', postal_address = NULL")
    bookkeeper.conn.execute("UPDATE events SET title = 'Renamed'")

    assert bookkeeper.statement("2026-06").body == before
    assert "Renamed" in " ".join(pages_of(bookkeeper.statement("2026-07").body))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        bookkeeper.conn.execute("DELETE FROM statements")


def test_a_month_that_is_not_closed_is_provisional_and_not_kept(bookkeeper: Bookkeeper) -> None:
    now = datetime.now(UTC)
    bookkeeper.ledger.post(now.isoformat(), "correction", 100)
    first = bookkeeper.statement(f"{now:%Y-%m}").body
    bookkeeper.ledger.post(now.isoformat(), "correction", 20)
    second = bookkeeper.statement(f"{now:%Y-%m}").body

    assert "Provisional: the month is not closed. As of " in pages_of(first)[0]
    assert ("€1.00" in pages_of(first)[0], "€1.20" in pages_of(second)[0]) == (True, True)
    assert bookkeeper.conn.execute("SELECT count(*) FROM statements").fetchone() == (0,)


def test_two_who_print_at_once_get_the_same(bookkeeper: Bookkeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one is kept. Whoever printed another meanwhile, after a new name, gets the first one too."""
    book_june(bookkeeper)
    render, others = statements.pdf.render, []

    def slow(statement: statements.Statement) -> bytes:
        if not others:
            others.append(b"")
            bookkeeper.conn.execute("UPDATE organisations SET name = 'Renamed'")
            others[0] = bookkeeper.statement("2026-06").body
        return render(statement)

    monkeypatch.setattr(statements.pdf, "render", slow)

    assert bookkeeper.statement("2026-06").body == others[0]
    assert "Renamed" in pages_of(others[0])[0]


def test_each_currency_has_its_pages_and_zero_is_said(bookkeeper: Bookkeeper) -> None:
    post = bookkeeper.ledger.post
    post("2026-06-09T12:00:00Z", "sale", 1_250, "KWD", event_id=bookkeeper.jazz)
    post("2026-06-09T12:00:00Z", "platform_fee", 1_500, "JPY", event_id=bookkeeper.gala)
    bookkeeper.conn.execute("UPDATE events SET title = 'کنسرت بزرگ' WHERE id = %s", [bookkeeper.gala])

    yen, dinars = pages_of(bookkeeper.statement("2026-06").body)

    assert "JPY All amounts are in JPY." in yen
    assert "Closing balance on 30 June 2026 -¥1,500" in yen
    assert "The balance is negative" in yen
    assert "Closing balance on 30 June 2026 KWD 1.250" in dinars
    assert "Page 2 of 2" in dinars
    (empty,) = pages_of(bookkeeper.statement("2026-05").body)
    assert "Nothing was booked in this month, and no balance was open." in empty


def test_a_hundred_events_go_over_several_pages_with_a_head_on_each(bookkeeper: Bookkeeper, conn: Connection) -> None:
    for number in range(100):
        event = factories.event(conn, organisation_id=bookkeeper.organisation, title=f"Konzert {number:03}")
        bookkeeper.ledger.post("2026-06-09T12:00:00Z", "sale", 10_000 + number, event_id=event)

    pages = pages_of(bookkeeper.statement("2026-06").body)

    assert len(pages) == 5
    for page in pages[1:]:
        assert page.startswith("Lagos Live Statement June 2026")
        assert "SALES REFUNDS DISPUTED FEES NET" in page
    shown = " ".join(pages)
    assert all(f"Konzert {number:03}" in shown for number in range(100))
    assert "Total 10,049.50" in shown  # 100 times 100.00, and 0.01 to 0.99


def test_it_is_in_the_language_of_the_organisation(bookkeeper: Bookkeeper) -> None:
    bookkeeper.conn.execute("UPDATE organisations SET locale = 'fr-CA'")
    bookkeeper.ledger.post("2026-06-09T12:00:00Z", "sale", 123_456, event_id=bookkeeper.jazz)

    text = " ".join(pages_of(bookkeeper.statement("2026-06").body))

    assert "Relevé juin 2026" in text
    assert "1 234,56" in text.replace("\u202f", " ").replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("month", "because"),
    [
        ("2026-13", "must be a month like 2026-06"),
        ("2026-6", "must be a month like 2026-06"),
        ("2026-06-01", "must be a month like 2026-06"),
        ("june", "must be a month like 2026-06"),
        ("2025-12", "must be 2026-01 or later, since the organisation is so young"),
        ("2199-12", "must not lie in the future"),
    ],
)
def test_a_month_that_has_no_statement_is_refused(bookkeeper: Bookkeeper, month: str, because: str) -> None:
    answer = bookkeeper.statement(month)

    assert answer.status == 422
    (error,) = answer.json["errors"]
    assert error["loc"] == ["path", "month"]
    assert error["msg"].startswith(because)


def test_the_first_month_has_one(bookkeeper: Bookkeeper) -> None:
    assert bookkeeper.statement("2026-01").status == 200


def test_books_of_another_organisation_are_not_there(bookkeeper: Bookkeeper, conn: Connection) -> None:
    stranger, manager = factories.account(conn), factories.member(conn, bookkeeper.organisation, "manager")
    factories.organisation(conn, owner=stranger)

    assert bookkeeper.statement("2026-06", stranger).code == "not_found"
    assert bookkeeper.statement("2026-06", manager).code == "forbidden"
