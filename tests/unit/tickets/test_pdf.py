"""The layout of printed tickets, as PDFium reads it: nothing is cut off, and nothing lies on something else."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import numpy
import pypdfium2
import pytest

from boxoffice.tickets import pdf
from boxoffice.tickets.models import PrintedTicket, Printout

MM = 72 / 25.4
ID = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b002")
TICKET = PrintedTicket(
    **dict.fromkeys(("id", "order_id", "organisation_id", "event_id", "ticket_type_id"), ID),
    buyer_id=None,
    account_id=None,
    holder_name="Ada Buyer",
    seat=None,
    group_size=1,
    status="valid",
    key_id=1,
    transfer_count=0,
    transferred=False,
    email_changes=0,
    order_number="K7QW3MPX",
    seller="Lagos Live",
    seller_contact=None,
    event_title="Jazz by the sea",
    category="concert",
    venue_name="Freedom Park",
    venue_address="1 Hospital Road",
    city="Lagos",
    time_zone="Africa/Lagos",
    starts_at=datetime(2026, 6, 27, 18, 30, tzinfo=UTC),
    ends_at=datetime(2026, 6, 27, 22, tzinfo=UTC),
    doors_open_at=datetime(2026, 6, 27, 17, 30, tzinfo=UTC),
    ticket_type_name="Balcony",
    qr="BO1:AEAAAANCCY6V4P3RR6KCV33IAPWXKNUGVY7TPKPDDCM6BUFSYJJWDYMG",
)
GERMAN = replace(
    TICKET,
    event_title="Weihnachtsoratorium",
    venue_name="Donaudampfschifffahrtsgesellschaftskapitänshaus",
    venue_address="Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetzstraße 17",
    holder_name="Karl-Theodor Freiherr von und zu Hohenlohe-Langenburg-Schillingsfürst",
    ticket_type_name="Schülerermäßigungskarte",
    seat="Parkettbestuhlung links · Row 12 · 117",
)
LONGEST = replace(
    TICKET,
    event_title="W" * 200,
    category="c" * 50,
    venue_name="W" * 200,
    venue_address="A" * 200,
    city="C" * 200,
    holder_name="M" * 200,
    ticket_type_name="N" * 200,
    seat=f"{'S' * 50} · Row {'R' * 20} · {'1' * 8}",
    seller="W" * 200,
)
FESTIVAL = replace(
    TICKET,
    city="Dublin",
    time_zone="Europe/Dublin",
    starts_at=datetime(2026, 8, 14, 17, tzinfo=UTC),
    ends_at=datetime(2026, 8, 16, 22, tzinfo=UTC),
    doors_open_at=datetime(2026, 8, 14, 16, tzinfo=UTC),
)
WORDS = replace(TICKET, event_title="Long " * 40, venue_name="Wonderful " * 20, holder_name="Ola " * 50)
CJK = replace(TICKET, event_title="大東京ドーム公演二〇二六年特別記念演奏会" * 5, holder_name="山田太郎" * 20)

type Box = tuple[float, float, float, float]


@contextmanager
def read(ticket: PrintedTicket) -> Iterator[pypdfium2.PdfTextPage]:
    """Print a ticket, and yield the text of its page."""
    printed = pdf.render(Printout("K7QW-3MPX", 0, 1, [ticket]))
    with pypdfium2.PdfDocument(printed) as document, closing(document[0].get_textpage()) as page:
        yield page


def letters_of(ticket: PrintedTicket) -> list[tuple[str, Box]]:
    """Return the visible characters of a printed ticket with their boxes: left, bottom, right and top, in mm."""
    with read(ticket) as page:
        chars = [(page.get_text_range(index, 1), page.get_charbox(index)) for index in range(page.count_chars())]
    return [(char, tuple(side / MM for side in box)) for char, box in chars if char.strip("\u200b\ufffe \r\n\u00a0")]  # type: ignore[misc]


def on_each_other(boxes: list[Box]) -> int:
    """Return how many pairs of boxes share a third of the smaller one. Letters of a ligature have the same box."""
    left, bottom, right, top = numpy.unique(numpy.array(boxes), axis=0).T[:, :, None]
    width = numpy.minimum(right, right.T) - numpy.maximum(left, left.T)
    height = numpy.minimum(top, top.T) - numpy.maximum(bottom, bottom.T)
    area = (right - left) * (top - bottom)
    shared = numpy.clip(width, 0, None) * numpy.clip(height, 0, None)
    return int(numpy.triu(shared > numpy.minimum(area, area.T) / 3, k=1).sum())


@pytest.mark.parametrize("ticket", [TICKET, GERMAN, LONGEST, FESTIVAL, WORDS, CJK])
def test_every_letter_is_there_within_its_margins_and_alone(ticket: PrintedTicket) -> None:
    letters = letters_of(ticket)

    texts = (
        ticket.event_title,
        ticket.venue_name,
        ticket.venue_address,
        ticket.city,
        ticket.holder_name,
        ticket.seller,
    )
    for char, number in Counter("".join(texts).replace(" ", "")).items():
        assert sum(letter == char for letter, _ in letters) >= number, char
    for char, (left, bottom, right, top) in letters:
        assert 8 <= left <= right <= 97, char  # a letter may reach a little out of its line
        assert 0 <= bottom <= top <= 210, char
        is_event, is_fact, is_stub = bottom > 155 + 8, 86 < bottom < 155, top < 17
        assert is_event or is_fact or is_stub, (char, bottom)
    assert on_each_other([box for _, box in letters]) == 0


def test_a_word_gets_smaller_before_it_breaks() -> None:
    short, long, longest = (
        letters_of(replace(TICKET, event_title=title)) for title in ("Weihnachten", "Weihnachtsoratorium", "W" * 200)
    )

    def size(letters: list[tuple[str, Box]]) -> float:
        return max(top - bottom for char, (_, bottom, _, top) in letters if char == "W")

    def spread(letters: list[tuple[str, Box]]) -> float:
        bottoms = [bottom for char, (_, bottom, _, _) in letters if char in "Wmx" and bottom > 163]
        return max(bottoms) - min(bottoms)

    assert size(long) < size(short)
    assert spread(long) < 1 < spread(longest)


def test_a_festival_says_when_it_starts_and_ends_and_when_its_doors_open() -> None:
    with read(FESTIVAL) as page:
        text = page.get_text_range()

    lines = [line.replace("\u00a0", " ").strip() for line in text.splitlines()]
    first = lines.index("Friday 14 August 2026, 18:00 –")
    assert lines[first + 1 : first + 3] == ["Sunday 16 August 2026, 23:00", "Doors 17:00 · Dublin, UTC+01:00"]
