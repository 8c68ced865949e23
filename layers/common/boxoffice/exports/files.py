"""Files of CSV and of XLSX that are written row by row, in the memory of a few rows.

No cell is a formula. In XLSX each cell has its type. CSV has no types, so what a program would read as a formula gets
an apostrophe before it (OWASP, "CSV Injection"). Where people write 1,5 for one and a half, Excel takes semicolons for
separators, and our quotes for none. There a part of a text would be a cell of its own.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Protocol, Self

from boxoffice.exports.models import ExportFormat

type Cell = str | int | Decimal | None
"""A text, a number, or nothing."""

CONTENT_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BOM = b"\xef\xbb\xbf"  # without it, Excel takes UTF-8 for another encoding
_SIGNS = "=+@\t\uff1d\uff0b\uff0d\uff20-"  # also full-width
_FORMULA = re.compile(rf'^(?= *[\r\n{_SIGNS}])|(?<=[;\r\n])(?=[ "]*[{_SIGNS}])')
_LONGEST = 32_767  # characters of a cell in Excel


class Sink(Protocol):
    """Takes the bytes of a file, one after the other."""

    def write(self, content: bytes) -> object: ...


class CsvFile:
    """Writes CSV (RFC 4180) in UTF-8, as Excel opens it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._text = io.StringIO()
        self._csv = csv.writer(self._text)
        sink.write(_BOM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: each row is written."""

    def write_rows(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Append rows."""
        self._csv.writerows([plain(cell) if isinstance(cell, str) else cell for cell in cells] for cells in rows)
        self._sink.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()


def plain(text: str) -> str:
    """Return a text that no program takes for a formula."""
    return _FORMULA.sub("'", text)


class XlsxFile:
    """Writes a workbook with one sheet. Rows go to a file of this machine first: a workbook is packed at its end."""

    def __init__(self, sink: Sink) -> None:
        from xlsxwriter import Workbook

        self._folder = TemporaryDirectory()
        options = {"constant_memory": True, "tmpdir": self._folder.name}
        self._stream = _Stream(sink)
        self._book = Workbook(self._stream, options)
        self._sheet = self._book.add_worksheet()
        self._sheet.set_column(0, 60, 18)
        self._sheet.freeze_panes(1, 0)
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        with self._folder:
            self._stream.is_open = error is None
            self._book.close()  # even after an error, since it has files open

    def write_rows(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Append rows."""
        for cells in rows:
            for number, cell in enumerate(cells):
                if isinstance(cell, str):
                    self._sheet.write_string(self._rows, number, cell[:_LONGEST])
                elif cell is not None:
                    self._sheet.write_number(self._rows, number, float(cell))
            self._rows += 1


class _Stream:
    """A file to write that cannot go back, so that a workbook is packed as a stream."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.is_open = True

    def write(self, content: bytes) -> int:
        if self.is_open:
            self._sink.write(content)
        return len(content)

    def flush(self) -> None:
        """Do nothing: the sink decides when it sends."""


FILES: dict[ExportFormat, type[CsvFile | XlsxFile]] = {"csv": CsvFile, "xlsx": XlsxFile}
