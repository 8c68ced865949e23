"""In which form a ticket's QR is shown."""

from typing import Literal

type Picture = Literal["image/svg+xml", "image/png"]


def picture_for(accept: str) -> Picture:
    """The picture that an Accept header asks for (RFC 9110, section 12.5.1): SVG, unless PNG is liked better."""
    liked = dict(map(_preference, accept.split(",")))
    svg, png = (
        next((liked[name] for name in (picture, "image/*", "*/*") if name in liked), 0.0)
        for picture in ("image/svg+xml", "image/png")
    )
    return "image/png" if png > svg else "image/svg+xml"


def _preference(media_range: str) -> tuple[str, float]:
    """A media range and its weight, which is 1 if there is none or it makes no sense."""
    name, *parameters = (part.strip().lower() for part in media_range.split(";"))
    weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    return name, float(weight) if weight.replace(".", "", 1).isdecimal() else 1.0
