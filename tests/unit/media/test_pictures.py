"""What is made of a file, whatever it is. Pillow makes the files here, but for some that are made byte by byte."""

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms

from boxoffice.media.pictures import Refused, make

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
SCRIPT = b"<script>alert('MARK')</script>"


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(width: int = 64, height: int = 48, color: Any = RED, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height), color)


def opened(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    image.load()
    return image


def largest(content: bytes) -> tuple[Image.Image, Image.Image]:
    """Return the largest size that is made, as WebP and as JPEG."""
    _, _, webp, jpeg = make(content).files[-1]
    return opened(webp), opened(jpeg)


def near(pixel: Any, color: tuple[int, ...], distance: int = 12) -> bool:
    return all(abs(have - want) <= distance for have, want in zip(pixel, color, strict=True))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG. https://www.w3.org/TR/png-3/#5Chunk-layout"""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, kind: int = 0) -> bytes:
    """Return a PNG of so many pixels, with these chunks before its end. The kind 0 is grey, and 3 of a palette."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    return b"".join([b"\x89PNG\r\n\x1a\n", head, *chunks, chunk(b"IEND", b"")])


@pytest.mark.parametrize(
    ("size", "made"),
    [
        ((2000, 100), [(320, 16), (640, 32), (1280, 64), (1920, 96)]),
        ((1920, 108), [(320, 18), (640, 36), (1280, 72), (1920, 108)]),
        ((1000, 50), [(320, 16), (640, 32), (1000, 50)]),
        ((320, 240), [(320, 240)]),
        ((33, 40), [(33, 40)]),
        ((3000, 32), [(320, 3), (640, 7), (1280, 14), (1920, 20)]),
    ],
)
def test_the_sizes_are_none_larger_than_the_picture(size: tuple[int, int], made: list[tuple[int, int]]) -> None:
    files = make(file_of(plain(*size))).files

    assert [(width, height) for width, height, *_ in files] == made
    for width, height, webp, jpeg in files:
        assert (opened(webp).size, opened(webp).format) == ((width, height), "WEBP")
        assert (opened(jpeg).size, opened(jpeg).format) == ((width, height), "JPEG")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_three_formats_are_read(kind: str) -> None:
    webp, jpeg = largest(file_of(plain(color=BLUE), kind))

    assert near(webp.getpixel((5, 5)), BLUE)
    assert near(jpeg.getpixel((5, 5)), BLUE)


def test_the_same_file_gives_the_same_files_and_another_one_others() -> None:
    content = file_of(plain())

    assert make(content) == make(content)
    assert make(content).digest != make(file_of(plain(color=BLUE))).digest


def test_the_average_colour_is_known() -> None:
    half = plain(100, 50, (0, 0, 0))
    half.paste((200, 100, 50), (0, 0, 50, 50))

    assert make(file_of(half)).color == "#643219"  # 100, 50, 25


def test_nothing_of_the_place_and_the_camera_is_left() -> None:
    exif = Image.Exif()
    exif[0x010F] = "MARK camera"
    exif[0x9286] = "MARK comment"
    exif.get_ifd(0x8825).update({1: "N", 2: (6.0, 27.0, 14.0), 3: "E", 4: (3.0, 23.0, 40.0), 29: "2026:01:31"})
    content = file_of(plain(), "JPEG", exif=exif, comment=b"MARK", xmp=b"<x>MARK</x>")
    assert content.count(b"MARK") == 4
    assert dict(opened(content).getexif().get_ifd(0x8825))

    for _, _, *files in make(content).files:
        for file in files:
            assert b"MARK" not in file
            assert b"Exif" not in file
            assert not dict(opened(file).getexif())
            assert "icc_profile" not in opened(file).info


# https://www.cipa.jp/std/documents/e/DC-008-2012_E.pdf, 4.6.4, Orientation: where row 0 and column 0 are seen.
# The stored picture has red at the left and blue at the right.
@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [
        (1, (100, 50), (5, 25)),  # top, left
        (2, (100, 50), (95, 25)),  # top, right
        (3, (100, 50), (95, 25)),  # bottom, right
        (4, (100, 50), (5, 25)),  # bottom, left
        (5, (50, 100), (25, 5)),  # left, top
        (6, (50, 100), (25, 5)),  # right, top
        (7, (50, 100), (25, 95)),  # right, bottom
        (8, (50, 100), (25, 95)),  # left, bottom
    ],
)
def test_it_is_turned_as_the_camera_was_held(orientation: int, size: tuple[int, int], red_at: tuple[int, int]) -> None:
    image = plain(100, 50, BLUE)
    image.paste(RED, (0, 0, 50, 50))
    exif = Image.Exif()
    exif[0x0112] = orientation

    webp, jpeg = largest(file_of(image, "JPEG", exif=exif, quality=95))

    assert webp.size == jpeg.size == size
    assert near(jpeg.getpixel(red_at), RED, 30)


def test_transparency_stays_in_webp_and_is_white_in_jpeg() -> None:
    image = plain(color=(0, 0, 255, 0), mode="RGBA")
    image.paste((255, 0, 0, 255), (0, 0, 32, 48))

    webp, jpeg = largest(file_of(image))

    assert (webp.getpixel((5, 5)), webp.getpixel((60, 5)))[1][3] == 0  # type: ignore[index]
    assert near(jpeg.getpixel((5, 5)), RED)
    assert near(jpeg.getpixel((60, 5)), (255, 255, 255))


@pytest.mark.parametrize(
    ("image", "color"),
    [
        (plain(color=1, mode="1"), (255, 255, 255)),
        (plain(color=128, mode="L"), (128, 128, 128)),
        (plain(color=(128, 255), mode="LA"), (128, 128, 128)),
        (plain(color=RED).convert("P", palette=Image.Palette.ADAPTIVE), RED),
        (plain(color=0x8000, mode="I;16"), (128, 128, 128)),
    ],
    ids=["1", "L", "LA", "P", "I;16"],
)
def test_each_kind_of_pixels_has_its_colours(image: Image.Image, color: tuple[int, int, int]) -> None:
    assert near(largest(file_of(image))[1].getpixel((5, 5)), color)


def test_colours_of_print_are_shown() -> None:
    cmyk = plain(color=(0, 255, 255, 0), mode="CMYK")  # no cyan, all magenta and yellow

    assert near(largest(file_of(cmyk, "JPEG", quality=95))[1].getpixel((5, 5)), RED, 20)


def test_a_profile_says_what_colours_mean() -> None:
    """In this profile the two first primaries are exchanged, so what is stored as red means green."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")

    assert near(largest(file_of(plain(), icc_profile=exchanged))[1].getpixel((5, 5)), GREEN, 20)
    assert near(largest(file_of(plain(), icc_profile=srgb))[1].getpixel((5, 5)), RED, 20)
    assert near(largest(file_of(plain(), icc_profile=b"no profile"))[1].getpixel((5, 5)), RED, 20)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_nothing_that_hides_in_a_picture_comes_out(kind: str) -> None:
    """A file can be two things at once: a picture, and behind it a page or an archive."""
    content = file_of(plain(), kind) + SCRIPT + b"PK\x03\x04MARK"

    for _, _, *files in make(content).files:
        assert all(b"MARK" not in file and b"PK\x03\x04" not in file for file in files)


ODD_EXIF = {
    "no TIFF": b"Exif\x00\x00XX",
    "an entry at no place": b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
    "an end too early": b"Exif\x00\x00II+\x00\x08\x00\x00\x00\x00\x00\x00\x00\x10\x00",
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("exif", ODD_EXIF)
def test_what_cannot_be_read_of_the_camera_does_no_harm(exif: str, kind: str) -> None:
    webp, jpeg = largest(file_of(plain(color=BLUE), kind, exif=ODD_EXIF[exif]))

    assert webp.size == jpeg.size == (64, 48)
    assert near(jpeg.getpixel((5, 5)), BLUE)


def test_what_looks_like_scans_is_none() -> None:
    """An application's own segment and a film behind the picture may have any bytes."""
    scans = b"\xff\xda\x00\x02" * 1000
    plain_jpeg = file_of(plain(), "JPEG", progressive=True)
    segment = b"\xff\xe5" + (len(scans) + 2).to_bytes(2) + scans

    for content in (plain_jpeg + scans, plain_jpeg[:2] + segment + plain_jpeg[2:]):
        assert near(largest(content)[1].getpixel((5, 5)), RED)


def with_scans(scans: int, before: bytes = b"") -> bytes:
    """Return a JPEG of 64 x 48 pixels, which repeats its last scan so often. Each costs a hundred bytes or so."""
    content = file_of(plain(), "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + before + last * scans + b"\xff\xd9"


SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'>" + SCRIPT + b"</svg>"
JPEG = file_of(plain(640, 480), "JPEG")
NO_PICTURES = {
    "nothing": (b"", "unknown_format"),
    "a text": (b"hello", "unknown_format"),
    "a page": (b"<!doctype html>" + SCRIPT, "unknown_format"),
    "SVG": (SVG, "unknown_format"),
    "SVG after a declaration": (b"<?xml version='1.0'?>" + SVG, "unknown_format"),
    "GIF": (file_of(plain(), "GIF"), "unknown_format"),
    "TIFF": (file_of(plain(), "TIFF"), "unknown_format"),
    "PDF": (file_of(plain(), "PDF"), "unknown_format"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\nquit", "unknown_format"),
    "a program": (b"\x7fELF" + bytes(1000), "unknown_format"),
    "the head of a PNG": (b"\x89PNG\r\n\x1a\n", "unknown_format"),
    "a PNG without pixels": (png(64, 48), "damaged"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], "damaged"),
    "half a WebP": (file_of(plain(640, 480), "WEBP")[:100], "damaged"),
    "a PNG with a wrong sum": (
        file_of(plain(640, 480)).replace(b"IDAT", b"IDAT\x00", 1),
        "damaged",
    ),
    "a bomb of scans": (with_scans(1000), "damaged"),
    "a bomb of scans behind a marker without a segment": (with_scans(1000, b"\xff\x01"), "damaged"),
    "colours of a palette that is not there": (
        png(64, 48, chunk(b"IDAT", zlib.compress(bytes(65 * 48))), kind=3),
        "damaged",
    ),
    "too few pixels": (file_of(plain(31, 500)), "too_small"),
    "a bomb of pixels": (png(15_000, 15_000), "too_many_pixels"),
    "a larger bomb of pixels": (png(60_000, 60_000), "too_many_pixels"),
    "too long a side": (png(20_000, 64), "too_many_pixels"),
    "a bomb of text": (
        png(64, 48, chunk(b"zTXt", b"k\x00\x00" + zlib.compress(bytes(200 << 20), 9)), chunk(b"IDAT", b"")),
        "damaged",
    ),
}


@pytest.mark.parametrize("what", NO_PICTURES)
def test_what_is_no_picture_is_refused(what: str) -> None:
    content, reason = NO_PICTURES[what]

    with pytest.raises(Refused) as refused:
        make(content)
    assert refused.value.reason == reason


def test_the_largest_picture_is_made() -> None:
    """50 million pixels, as of a good camera. JPEG is decoded at a quarter of its size."""
    content = file_of(plain(15_625, 3_200, 128, "L"), "JPEG", quality=10)

    webp, _ = largest(content)

    assert webp.size == (1920, 393)
    assert near(webp.getpixel((5, 5)), (128, 128, 128))
