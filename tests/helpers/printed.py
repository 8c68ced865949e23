"""Reads printed tickets as people do: PDFium draws the pages, and two independent programs read the QR."""

from dataclasses import dataclass

import cv2
import numpy
import pypdfium2
import zxingcpp


@dataclass(frozen=True)
class PrintedPage:
    """A page: its text, and the text of its QR."""

    text: str
    qr: str


def pages_of(document: bytes) -> list[PrintedPage]:
    """Read every page of a document."""
    with pypdfium2.PdfDocument(document) as pdf:
        return [_read(page) for page in pdf]


def count_pages(document: bytes) -> int:
    """Return the number of pages."""
    with pypdfium2.PdfDocument(document) as pdf:
        return len(pdf)


def _read(page: pypdfium2.PdfPage) -> PrintedPage:
    picture = page.render(scale=1.5, grayscale=True).to_numpy()
    picture = numpy.ascontiguousarray(picture.reshape(picture.shape[:2]))
    qr, *_ = cv2.QRCodeDetectorAruco().detectAndDecode(picture)
    (other,) = zxingcpp.read_barcodes(picture)
    assert qr == other.text
    words = page.get_textpage()
    text = words.get_text_range()
    words.close()
    return PrintedPage(" ".join(text.split()), qr)
