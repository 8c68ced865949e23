"""The text of a ticket's QR, and its picture, which two readers read."""

import re
from collections.abc import Callable
from uuid import UUID, uuid4
from xml.etree import ElementTree

import cv2
import numpy
import pytest
import zxingcpp

from boxoffice.tickets import qr

MASTER = b"a master key"
ORGANISATION = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b001")
TICKET = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b006")
TEXT = qr.text_of(MASTER, 1, 0, ORGANISATION, TICKET)


def test_the_text_never_changes_since_tickets_are_printed() -> None:
    assert TEXT == "BO1:AEAAAAMYD5WHWAD2CGGD4XJPICQ3ABXVJT5FAI5HHWSWVXANXAJDKE3N"


def test_the_text_fits_the_alphanumeric_mode_of_qrs() -> None:
    assert len(TEXT) == 60
    assert set(TEXT) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:")


@pytest.mark.parametrize(
    "changed",
    [
        qr.text_of(b"another master", 1, 0, ORGANISATION, TICKET),
        qr.text_of(MASTER, 2, 0, ORGANISATION, TICKET),
        qr.text_of(MASTER, 1, 1, ORGANISATION, TICKET),
        qr.text_of(MASTER, 1, 0, uuid4(), TICKET),
        qr.text_of(MASTER, 1, 0, ORGANISATION, uuid4()),
    ],
    ids=["master", "key id", "transfer count", "organisation", "ticket"],
)
def test_any_difference_changes_the_proof(changed: str) -> None:
    assert changed[-25:] != TEXT[-25:]


def test_the_text_names_its_key_and_its_ticket() -> None:
    assert qr.read(qr.text_of(MASTER, 255, 65535, ORGANISATION, TICKET)) == qr.Claimed(255, 65535, TICKET)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BO1:",
        TEXT[:-1],
        TEXT[:-8],
        TEXT + "A",
        TEXT + "\n",
        TEXT.lower(),
        TEXT.removeprefix("BO1:"),
        "BO2" + TEXT[3:],
        TEXT.replace("A", "1"),
        TEXT.replace("A", "é"),
        "BO1:\ud800",
        "BO1:" + "A" * 9999,
        "https://example.com",
    ],
)
def test_a_text_that_is_not_ours_is_not_read(text: str) -> None:
    assert qr.read(text) is None


def test_two_readers_read_the_picture() -> None:
    image = cv2.imdecode(numpy.frombuffer(qr.png(TEXT), numpy.uint8), cv2.IMREAD_GRAYSCALE)

    assert cv2.QRCodeDetectorAruco().detectAndDecode(image)[0] == TEXT
    (code,) = zxingcpp.read_barcodes(image)
    assert code.text == TEXT
    assert code.format == zxingcpp.BarcodeFormat.QRCode
    assert code.ec_level == "M"


def test_the_picture_is_version_3_with_a_quiet_zone() -> None:
    image = cv2.imdecode(numpy.frombuffer(qr.png(TEXT), numpy.uint8), cv2.IMREAD_GRAYSCALE)

    modules = image[::8, ::8]
    assert modules.shape == (29 + 8, 29 + 8)
    assert (modules[:4] == 255).all()
    assert (modules[:, -4:] == 255).all()
    assert (modules[4, 4:11] == 0).all()


def test_the_svg_is_black_on_white_and_shows_the_same_modules() -> None:
    svg = qr.svg(TEXT).decode()
    image = cv2.imdecode(numpy.frombuffer(qr.png(TEXT), numpy.uint8), cv2.IMREAD_GRAYSCALE)

    root = ElementTree.fromstring(svg)
    background, dark = root
    assert (root.attrib["viewBox"], background.attrib["fill"]) == ("0 0 37 37", "#fff")
    drawn = numpy.full((37, 37), 255)
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", dark.attrib["d"]):
        drawn[int(y), int(x) : int(x) + int(length)] = 0
    assert (drawn == image[::8, ::8]).all()


def photographed(text: str) -> numpy.ndarray:
    """Return a QR as a photo of a printed page shows it, before anything happens to it."""
    image = cv2.imdecode(numpy.frombuffer(qr.png(text), numpy.uint8), cv2.IMREAD_GRAYSCALE)
    return cv2.copyMakeBorder(image, 120, 120, 120, 120, cv2.BORDER_CONSTANT, value=235)


def blurred(image: numpy.ndarray) -> numpy.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 2)


def small_and_blurred(image: numpy.ndarray) -> numpy.ndarray:
    """Return the picture as from arm's length: three pixels a module."""
    return cv2.GaussianBlur(cv2.resize(image, None, fx=3 / 8, fy=3 / 8, interpolation=cv2.INTER_AREA), (0, 0), 0.6)


def turned(degrees: float) -> Callable[[numpy.ndarray], numpy.ndarray]:
    def turn(image: numpy.ndarray) -> numpy.ndarray:
        side = image.shape[0]
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1)
        return cv2.warpAffine(image, matrix, (side, side), borderValue=235)

    return turn


def compressed(image: numpy.ndarray) -> numpy.ndarray:
    """Return the picture as a messenger app compresses it."""
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 15])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)


def creased(image: numpy.ndarray) -> numpy.ndarray:
    """Return the picture of folded paper: half a millimetre has lost its ink, and one half lies in the shade."""
    worn = image.copy()
    middle = image.shape[0] // 2 + 13
    worn[middle : middle + 3] = 225
    worn[middle:] = (worn[middle:] * 0.8).astype(numpy.uint8)
    return worn


def aslant(image: numpy.ndarray) -> numpy.ndarray:
    """Return the picture of paper that is held at an angle."""
    side = image.shape[0]
    corners = numpy.array([[0, 0], [side, 0], [side, side], [0, side]], numpy.float32)
    seen = numpy.array([[40, 60], [side - 10, 0], [side - 60, side - 20], [0, side - 70]], numpy.float32)
    return cv2.warpPerspective(image, cv2.getPerspectiveTransform(corners, seen), (side, side), borderValue=235)


@pytest.mark.parametrize(
    "damage",
    [
        blurred,
        small_and_blurred,
        turned(7),
        turned(45),
        turned(180),
        turned(-100),
        compressed,
        creased,
        aslant,
        lambda image: compressed(turned(12)(blurred(creased(image)))),
    ],
    ids=["blur", "distance", "7°", "45°", "180°", "-100°", "JPEG", "crease", "slant", "all at once"],
)
def test_two_readers_read_damaged_paper(damage: Callable[[numpy.ndarray], numpy.ndarray]) -> None:
    for number in range(10):
        text = qr.text_of(MASTER, 1, number, ORGANISATION, UUID(int=TICKET.int + number))
        image = damage(photographed(text))
        assert cv2.QRCodeDetectorAruco().detectAndDecode(image)[0] == text
        assert [code.text for code in zxingcpp.read_barcodes(image)] == [text]
