"""Pages of lists: how many rows one has, whatever the rows have in them."""

from dataclasses import dataclass

from boxoffice.models import Page, View
from boxoffice.pagination import decode_number, page_of


@dataclass(frozen=True)
class Row:
    number: int
    text: object = None


def pages(rows: list[Row], limit: int) -> list[list[int]]:
    """Return the numbers of the rows on each page, as a statement with ``LIMIT limit + 1`` reads them."""
    found, after = [], 0
    while True:
        page, cursor = page_of(
            [row for row in rows if row.number > after][: limit + 1], limit, lambda row: (row.number,)
        )
        found.append([row.number for row in page])
        if cursor is None:
            return found
        after = decode_number(cursor) or 0


def test_a_page_has_as_many_rows_as_it_may() -> None:
    assert pages([Row(number, "short") for number in range(1, 6)], 2) == [[1, 2], [3, 4], [5]]
    assert pages([], 2) == [[]]


def test_a_page_of_long_texts_ends_earlier() -> None:
    """800,000 characters of four bytes are 3.2 of the six megabytes that Lambda takes."""
    assert pages([Row(number, "\U0001f600" * 300_000) for number in range(1, 6)], 20) == [[1, 2], [3, 4], [5]]
    assert pages([Row(number, "x" * 400_000) for number in range(1, 4)], 20) == [[1, 2], [3]]


def test_texts_count_wherever_they_stand() -> None:
    nested = {"answers": [{"text": "x" * 250_000}, {"text": "x" * 250_000}], "number": 7, "none": None}

    assert pages([Row(1, nested), Row(2, [nested]), Row(3, (Row(0, "x"),))], 20) == [[1], [2, 3]]


def test_a_row_that_is_too_long_has_a_page_to_itself() -> None:
    assert pages([Row(1, "x" * 900_000), Row(2), Row(3, "x" * 900_000)], 20) == [[1], [2], [3]]


class Item(View):
    number: int
    title: str


class Items(Page[Item]):
    """A page of items."""


def test_a_page_is_made_of_rows_or_of_what_they_are_shown_as() -> None:
    rows = [{"number": number, "title": f"Row {number}", "hidden": True} for number in (1, 2, 3)]

    first = Items.of(rows, 2, lambda row: (row["number"],))
    last = Items.of(rows[2:], 2, lambda row: (row["number"],), show=lambda row: row | {"title": "The last"})

    assert first.model_dump()["items"] == [{"number": 1, "title": "Row 1"}, {"number": 2, "title": "Row 2"}]
    assert decode_number(first.next_cursor) == 2
    assert last.model_dump() == {"items": [{"number": 3, "title": "The last"}], "next_cursor": None}
