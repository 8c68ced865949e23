"""The type of picture that a client gets."""

import pytest

from boxoffice.tickets.rules import picture_type

SVG, PNG = "image/svg+xml", "image/png"


@pytest.mark.parametrize(
    ("accept", "picture"),
    [
        ("*/*", SVG),
        ("image/*", SVG),
        ("image/png", PNG),
        ("image/svg+xml", SVG),
        ("IMAGE/PNG", PNG),
        ("image/png, */*;q=0.1", PNG),
        ("image/png;q=0.5, image/svg+xml;q=0.9", SVG),
        ("image/png;q=0.9, image/svg+xml;q=0.5", PNG),
        ("image/svg+xml;q=0, image/*", PNG),
        ("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", SVG),
        ("image/png ; q=1.0", PNG),
        ("application/json", SVG),
        ("", SVG),
        (";;q=,,q=x;q=.", SVG),
        ("image/png;q=many", PNG),
    ],
)
def test_a_client_gets_svg_unless_it_prefers_png(accept: str, picture: str) -> None:
    assert picture_type(accept) == picture
