"""Make pictures for the web of a file that somebody has uploaded, whatever it is (Pillow).

The files are made of the pixels alone. So no script, no place where a photo was taken, and nothing else that a file can
hide gets into them. Only three formats are read, since each further one is code that strangers can feed.
"""

import hashlib
import re
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from boxoffice.media.models import Refusal
from boxoffice.media.rules import WIDTHS, sizes_of

if TYPE_CHECKING:
    from PIL.Image import Image

LEAST_SIDE, MOST_SIDE, MOST_PIXELS = 32, 16_000, 50_000_000  # WebP has 16,383 at the most on a side

_FORMATS = ("JPEG", "PNG", "WEBP")
_MOST_SCANS = 50  # of a JPEG; cameras and programs write ten or so
# Markers that begin a segment. In the data of a scan, an FF is followed by 00, or by what restarts the decoder there.
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
_JPEG, _SCAN, _END = b"\xff\xd8", b"\xda", b"\xd9"
_RECIPE = b"1"  # another one, if other files are made of the same upload; then they get other names


class Refused(Exception):
    """The file is none of which a picture is made."""

    def __init__(self, reason: Refusal) -> None:
        self.reason: Refusal = reason
        super().__init__(reason)


@dataclass(frozen=True)
class Made:
    """A picture with its files.

    Attributes:
        digest: the same for the same upload, so that whoever makes it again writes the same files.
        color: the average colour.
        files: each with its width, its height and its content as WebP and as JPEG, the smallest first.
    """

    digest: str
    color: str
    files: list[tuple[int, int, bytes, bytes]]


def make(content: bytes) -> Made:
    """Make the files of a picture.

    Raises:
        Refused: the content is no picture, is damaged, or is too small or too large.
    """
    image = _read(content)
    background = _on_white(image)
    files = [
        (width, height, _webp(_resized(image, width, height)), _jpeg(_resized(background, width, height)))
        for width, height in sizes_of(image.width, image.height)
    ]
    red, green, blue = _average(background)
    digest = hashlib.sha256(_RECIPE + content).hexdigest()[:16]
    return Made(digest, f"#{red:02x}{green:02x}{blue:02x}", files)


def _read(content: bytes) -> "Image":
    """Return the picture of a file, as people are to see it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large pictures and odd files: it judges itself
        try:
            return _upright(_open(content))
        except Refused:
            raise
        except Exception as error:  # decoders of hostile files raise whatever they like
            raise Refused("damaged") from error


def _open(content: bytes) -> "Image":
    """Return the decoded picture. Before it decodes anything, it looks at what the file's head says."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(BytesIO(content), formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise Refused("unknown_format") from error
    except Image.DecompressionBombError as error:
        raise Refused("too_many_pixels") from error
    _check_size(image.width, image.height)
    if content.startswith(_JPEG) and _scans(content) > _MOST_SCANS:
        raise Refused("damaged")
    image.draft("RGB", (WIDTHS[-1], WIDTHS[-1]))  # a large JPEG is decoded at a half or a quarter of its size
    image.load()
    return image


def _scans(content: bytes) -> int:
    """Return how many scans a JPEG has (ITU-T T.81, annex B).

    A progressive one is decoded once for each scan, and a scan may have a few bytes. So of thousands of scans a small
    file could keep a processor busy for hours. What follows the end of the picture, such as a film, does not count.
    """
    scans, at = 0, len(_JPEG)
    while found := _MARKER.search(content, at):
        kind, at = found[1], found.end()
        if kind == _END:
            break
        if kind == _SCAN:
            scans += 1
        at += int.from_bytes(content[at : at + 2])  # the length of its segment, which the data of a scan follow
    return scans


def _check_size(width: int, height: int) -> None:
    if max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
        raise Refused("too_many_pixels")
    if min(width, height) < LEAST_SIDE:
        raise Refused("too_small")


def _upright(image: "Image") -> "Image":
    """Return the picture in sRGB, turned as its camera was held, with transparency only if it has some.

    What the file says beside its pixels is left behind. Otherwise Pillow would write it into the files that it makes.
    """
    from PIL import ImageOps

    wants_alpha = image.has_transparency_data
    profile = image.info.get("icc_profile")
    try:
        turned: Image = ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - how the camera was held cannot be read, but the picture can
        turned = image
    if turned.mode.startswith("I;16"):
        turned = turned.point(lambda value: value / 256).convert("L")
    converted = _in_srgb(turned, profile) if profile else turned
    result = converted.convert("RGBA" if wants_alpha else "RGB")
    result.info.clear()
    return result


def _in_srgb(image: "Image", profile: bytes) -> "Image":
    """Return the picture in the colours that its profile means. A profile that cannot be read means nothing."""
    from PIL import ImageCms

    if image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source: Any = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if converted is None else converted


def _on_white(image: "Image") -> "Image":
    """Return the picture without transparency."""
    from PIL import Image

    if image.mode == "RGB":
        return image
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image.getchannel("A"))
    return white


def _resized(image: "Image", width: int, height: int) -> "Image":
    from PIL import Image

    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _webp(image: "Image") -> bytes:
    file = BytesIO()
    image.save(file, "WEBP", quality=80, method=4)
    return file.getvalue()


def _jpeg(image: "Image") -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=82, optimize=True, progressive=True)
    return file.getvalue()


def _average(image: "Image") -> tuple[int, int, int]:
    from PIL import Image

    red, green, blue = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))  # type: ignore[misc]
    return int(red), int(green), int(blue)
