"""Printed tickets as people see them: PDFium draws the pages, and readers of their own read the QR in the picture."""

from dataclasses import dataclass

import cv2
import numpy
import pypdfium2
import zxingcpp


@dataclass(frozen=True)
class PrintedPage:
    """A page: its text, and what its QR says."""

    text: str
    qr: str


def pages_of(document: bytes) -> list[PrintedPage]:
    """Every page of a document."""
    with pypdfium2.PdfDocument(document) as pdf:
        return [_read(page) for page in pdf]


def count_pages(document: bytes) -> int:
    with pypdfium2.PdfDocument(document) as pdf:
        return len(pdf)


def _read(page: pypdfium2.PdfPage) -> PrintedPage:
    picture = page.render(scale=1.5, grayscale=True).to_numpy()
    picture = numpy.ascontiguousarray(picture.reshape(picture.shape[:2]))
    said, *_ = cv2.QRCodeDetectorAruco().detectAndDecode(picture)
    (other,) = zxingcpp.read_barcodes(picture)
    assert said == other.text
    words = page.get_textpage()
    text = words.get_text_range()
    words.close()
    return PrintedPage(" ".join(text.split()), said)
