"""Markdown of organisers becomes HTML that a page may show, whatever it contains."""

import time
from html.parser import HTMLParser

import pytest

from boxoffice.markdown import html_of

SHOWN = [
    ("Bring a coat.\nDoors at *seven*.", "<p>Bring a coat.<br>\nDoors at <em>seven</em>.</p>\n"),
    ("# Jazz\n\n**Free** ~~wine~~", "<h1>Jazz</h1>\n<p><strong>Free</strong> <s>wine</s></p>\n"),
    ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>\n'),
    ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
    ("> `x < y`", "<blockquote>\n<p><code>x &lt; y</code></p>\n</blockquote>\n"),
    ("---", "<hr>\n"),
    ("", ""),
    ("نوروز \N{MICROPHONE} කොළඹ Größe", "<p>نوروز \N{MICROPHONE} කොළඹ Größe</p>\n"),
    (
        '[map](https://example.com/?a=1&b=2 "Where")',
        '<p><a href="https://example.com/?a=1&amp;b=2" title="Where" rel="nofollow noopener">map</a></p>\n',
    ),
    (
        "<https://example.com>",
        '<p><a href="https://example.com" rel="nofollow noopener">https://example.com</a></p>\n',
    ),
    ("[us](mailto:a@example.com)", '<p><a href="mailto:a@example.com" rel="nofollow noopener">us</a></p>\n'),
    ("![A <i>map</i>](https://example.com/map.png)", "<p>A &lt;i&gt;map&lt;/i&gt;</p>\n"),
    ("[a]\n\n[a]: https://example.com", "<p>[a]</p>\n<p>[a]: https://example.com</p>\n"),
    ("&#8238;moc.live &#x2066;a&#0; &eacute;", "<p>moc.live a\N{REPLACEMENT CHARACTER} é</p>\n"),
]


@pytest.mark.parametrize(("source", "html"), SHOWN)
def test_it_is_shown_as_commonmark_says(source: str, html: str) -> None:
    assert html_of(source) == html


class Browser(HTMLParser):
    """Reads HTML as a browser does, and notes what could harm whoever looks at it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![pixel](https://tracker.example/1.gif)",
    "![pixel][1]\n\n[1]: https://tracker.example/1.gif",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](&#106;avascript:alert(1))",
    "[x](&Tab;javascript:alert(1))",
    "[x](vbscript:x) [y](data:text/html;base64,PHNjcmlwdD4=) [z](file:///etc/passwd)",
    "[x]\n\n[x]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "[x](/v1/sessions) [y](//evil.example) [z](#top) [a](?next=1)",
    '[x](https://example.com "\\" onmouseover=alert(1) \\"")',
    "```html\n<script>alert(1)</script>\n```",
    '``` "onload="alert(1)\nx\n```',
    "<a href='https://example.com' style='position:fixed' onclick='alert(1)'>x</a>",
    "<style>*{display:none}</style><iframe src=//evil.example></iframe><svg/onload=alert(1)>",
    "<!-- --><form action=//evil.example><input name=password>",
    "</p></div></body><base href=//evil.example>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_in_it_runs_loads_or_leads_astray(source: str) -> None:
    seen = Browser(html_of(source))

    assert seen.tags <= {"a", "br", "code", "p", "pre"}
    for name, value in seen.attributes:
        assert name in ("href", "title", "rel")
        assert name != "href" or (value or "").startswith("https://example.com")
        assert name != "rel" or value == "nofollow noopener"


LENGTH = 10_000  # characters, as many as a description has
DEAR = [
    "[",
    "[a](",
    "[a](b",
    "*a **a ",
    "a**b",
    "![",
    "> ",
    ">",
    "- ",
    "<",
    "<a ",
    "&",
    "`a``b",
    "**[`",
    "~~a ",
    "_a ",
    "1. ",
]


@pytest.mark.parametrize("piece", [*DEAR, "[a]: b\n\n", "> a\n", "a\n=\n", "    a\n", "```\n", "<![CDATA["])
def test_no_text_takes_long(piece: str) -> None:
    """One of the processor's seconds is a lot: the dearest of these takes a quarter."""
    source = (piece * LENGTH)[:LENGTH]
    started = time.process_time()

    html = html_of(source)

    assert time.process_time() - started < 1
    assert len(html) < 8 * LENGTH


def test_no_text_becomes_long_by_repeating_a_part_of_it() -> None:
    """A definition of 5,000 characters that a thousand words refer to would be five million."""
    for definition in ("https://example.com/" + "a" * 5000, '<https://example.com> "' + "a" * 5000 + '"'):
        source = (f"[a]: {definition}\n\n" + "[a] ![a] " * LENGTH)[:LENGTH]

        assert len(html_of(source)) < 2 * LENGTH


def test_what_is_nested_deep_is_left_out() -> None:
    html = html_of("> " * 1000 + "deep")

    assert html.count("<blockquote>") == 20
    assert "deep" not in html
