"""Pictures of QR codes, from their modules: the dark and light squares."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qrcode import QRCode

_DARK = re.compile(b"1+")


def rows_of(code: "QRCode[object]") -> list[bytes]:
    """Return the rows of a code with its quiet zone, one byte a module: `1` is dark and `0` is light."""
    return [bytes(b"01"[dark] for dark in row) for row in code.get_matrix()]


def svg(rows: list[bytes]) -> bytes:
    """Return a picture that is sharp at any size: black on white, with the quiet zone that readers need."""
    path = "".join(_rectangle(y, *run.span()) for y, row in enumerate(rows) for run in _DARK.finditer(row))
    side = len(rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="{side}mm" height="{side}mm" '
        f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d="{path}"/></svg>\n'
    ).encode()


def _rectangle(y: int, start: int, end: int) -> str:
    """Return dark modules side by side as a rectangle of an SVG path."""
    return f"M{start} {y}h{end - start}v1h{start - end}z"
