"""Files of CSV and XLSX, read back by Python's csv and by another library's reader of XLSX."""

import csv
import io
import re
import tracemalloc
import zipfile
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest

from boxoffice.exports.files import Cell, CsvFile, XlsxFile

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"  # ECMA-376, part 1

# What https://owasp.org/www-community/attacks/CSV_Injection begins formulas with, and how programs hide that.
FORMULAS = [
    '=HYPERLINK("https://evil.example";"Ada")',
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "＝1+1",  # full-width
    "＋1+1",
    "－1+1",
    "＠SUM(A1)",
    "+2348012345678",  # a phone: Excel would make a number of it
    "-7",
]
TEXTS = [
    *("Ada", "Jürgen Größenwahn-Donaudampfschifffahrtsgesellschaft", "علی رضا می‌رود", "නිමල් පෙරේරා", "👩‍👩‍👧 Party"),
    *(
        'a "quoted", one',
        "two\nlines",
        "two\n\nparagraphs",
        "a; b;c",
        "1-1",
        "a=b",
        "7",
        "007",
        "1E5",
        "true",
        "x" * 5000,
    ),
]


def csv_of(*rows: list[Cell]) -> tuple[bytes, list[list[str]]]:
    """Return a file of rows, and the rows as a reader of CSV gets them."""
    content = io.BytesIO()
    with CsvFile(content) as file:
        file.write_rows(rows)
    return content.getvalue(), [*csv.reader(io.StringIO(content.getvalue().decode("utf-8-sig"), newline=""))]


def xlsx_of(*rows: list[Cell]) -> list[list[tuple[str, str]]]:
    """Return the cells of a workbook as they lie in its sheet: the type of each, and its text."""
    content = io.BytesIO()
    with XlsxFile(content) as file:
        file.write_rows(rows)
    with zipfile.ZipFile(content) as archive:
        assert archive.testzip() is None
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    assert [*sheet.iter(f"{SHEET}f")] == [], "a formula"
    assert [*sheet.iter(f"{SHEET}hyperlink")] == []
    return [
        [(cell.get("t", "n"), "".join(cell.itertext())) for cell in row.iter(f"{SHEET}c")]
        for row in sheet.iter(f"{SHEET}row")
    ]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_of_csv_is_a_formula(text: str) -> None:
    _, [[cell]] = csv_of([text])

    assert cell.startswith("'")
    assert cell.replace("'", "") == text


@pytest.mark.parametrize("text", FORMULAS)
def test_no_part_of_a_text_is_a_formula_where_semicolons_separate(text: str) -> None:
    """So Excel reads CSV in half of Europe: our quotes begin within a cell, so they quote nothing there."""
    content, _ = csv_of(["Ada", f"Lovelace;{text}", f'Lovelace;"{text}', f"Lovelace;\n{text}", f"Lovelace\r\n{text}"])

    lines = content.decode("utf-8-sig").splitlines()
    cells = [cell for line in lines for cell in line.split(";")]

    assert not [cell for cell in cells if re.match('[" ]*[=+@＝＋－＠-]', cell)]


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_come_out_of_csv_as_they_went_in(text: str) -> None:
    _, rows = csv_of([text, "next"])

    assert rows == [[text, "next"]]


def test_csv_is_in_utf_8_with_a_mark_and_has_numbers_without_apostrophes() -> None:
    content, rows = csv_of(["Zoë", 7, -7, Decimal("-49.90"), Decimal("0.000"), None])

    assert content.startswith(b"\xef\xbb\xbfZo\xc3\xab,")
    assert content.endswith(b"\r\n")
    assert rows == [["Zoë", "7", "-7", "-49.90", "0.000", ""]]


def test_each_cell_of_a_workbook_has_its_type() -> None:
    texts = [*FORMULAS, *TEXTS, "https://example.com", "mailto:ada@example.com", "2026-01-31"]
    written = [text for text in texts if "\r" not in text]

    rows = xlsx_of([*written], [7, -7, Decimal("49.90"), 10**15, None, "end"])

    assert rows[0] == [("inlineStr", text) for text in written]
    assert rows[1] == [("n", "7"), ("n", "-7"), ("n", "49.9"), ("n", "1000000000000000"), ("inlineStr", "end")]


def test_a_text_that_is_too_long_for_a_cell_is_cut() -> None:
    assert xlsx_of(["x" * 40_000]) == [[("inlineStr", "x" * 32_767)]]


def test_a_workbook_that_fails_leaves_nothing() -> None:
    content = io.BytesIO()

    def fail() -> None:
        with XlsxFile(content) as file:
            file.write_rows([["Ada"]])
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert content.getvalue() == b""


class Nowhere:
    """Counts bytes, and keeps none."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, content: bytes) -> None:
        self.size += len(content)


@pytest.mark.parametrize("kind", [CsvFile, XlsxFile])
def test_the_memory_does_not_grow_with_the_rows(kind: Any) -> None:
    peaks = []
    for rows in (200, 3_000):
        sink = Nowhere()
        tracemalloc.start()
        with kind(sink) as file:
            for page in range(0, rows, 100):
                file.write_rows(
                    [f"Ada {number}", number, "ada@example.com", None, Decimal("49.90")]
                    for number in range(page, page + 100)
                )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert sink.size > 5 * rows

    assert peaks[1] < 1.5 * peaks[0] + 200_000
