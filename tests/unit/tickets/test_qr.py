"""What a ticket's QR says, and that readers can read it."""

import re
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


def test_the_text_stays_what_it_is_since_printed_tickets_do() -> None:
    assert TEXT == "BO1:AEAAAAMYD5WHWAD2CGGD4XJPICQ3ABXVJT5FAI5HHWSWVXANXAJDKE3N"


def test_the_text_is_of_qrs_alphanumeric_mode() -> None:
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
    ids=["master", "key id", "epoch", "organisation", "ticket"],
)
def test_whatever_differs_the_proof_differs(changed: str) -> None:
    assert changed[-25:] != TEXT[-25:]


def test_it_names_its_key_and_its_ticket() -> None:
    assert qr.read(qr.text_of(MASTER, 255, 65535, ORGANISATION, TICKET)) == (255, TICKET)


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
def test_what_is_not_one_of_ours_is_not_read(text: str) -> None:
    assert qr.read(text) is None


def test_two_readers_read_the_picture() -> None:
    image = cv2.imdecode(numpy.frombuffer(qr.png(TEXT), numpy.uint8), cv2.IMREAD_GRAYSCALE)

    assert cv2.QRCodeDetectorAruco().detectAndDecode(image)[0] == TEXT
    (found,) = zxingcpp.read_barcodes(image)
    assert found.text == TEXT
    assert found.format == zxingcpp.BarcodeFormat.QRCode
    assert found.ec_level == "M"


def test_the_picture_is_version_3_with_a_quiet_zone() -> None:
    image = cv2.imdecode(numpy.frombuffer(qr.png(TEXT), numpy.uint8), cv2.IMREAD_GRAYSCALE)

    modules = image[::8, ::8]
    assert modules.shape == (29 + 8, 29 + 8)
    assert (modules[:4] == 255).all()
    assert (modules[:, -4:] == 255).all()
    assert (modules[4, 4:11] == 0).all()


def test_the_svg_is_black_on_white_and_draws_the_same_modules() -> None:
    svg = qr.svg(TEXT).decode()
    image = cv2.imdecode(numpy.frombuffer(qr.png(TEXT), numpy.uint8), cv2.IMREAD_GRAYSCALE)

    root = ElementTree.fromstring(svg)
    background, dark = root
    assert (root.attrib["viewBox"], background.attrib["fill"]) == ("0 0 37 37", "#fff")
    drawn = numpy.full((37, 37), 255)
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", dark.attrib["d"]):
        drawn[int(y), int(x) : int(x) + int(length)] = 0
    assert (drawn == image[::8, ::8]).all()
