"""How emails look: the style of each element, which a template gets when it is compiled.

Outlook knows no more than inline styles and tables, and Gmail leaves out a sheet of styles for some accounts. So each
element has its own style. What a sheet says beside that is for dark mode and narrow screens (`templates/_layout.html`).
"""

import re
from functools import lru_cache
from typing import Any, override
from unicodedata import bidirectional, east_asian_width

from jinja2.ext import Extension
from jinja2.utils import urlize
from markupsafe import Markup, escape

from boxoffice.texts import one_line, unlinked

INK, MUTED, HAIRLINE, PAPER = "#1A1714", "#625B53", "#DAD4CA", "#FCFBF8"
_TEXT = "font-family:Archivo,Helvetica,Arial,sans-serif;overflow-wrap:anywhere;word-break:break-word;"
_HEAD = f"{_TEXT}font-weight:bold;"
_BODY = f"{_TEXT}font-size:16px;line-height:24px;"
_SMALL = f"{_TEXT}font-size:14px;line-height:21px;color:{MUTED};"
_FIGURE = "text-align:right;vertical-align:top;white-space:nowrap;padding-left:16px;"

# By element, or by element and class. A class that has no style of its own is for the sheet.
_STYLES = {
    "h1": f"{_HEAD}font-size:30px;line-height:34px;color:{INK};margin:0 0 16px;padding:10px 0 0;"
    f"border-top:4px solid {INK}",
    "h1.large": f"{_HEAD}font-size:42px;line-height:46px;color:{PAPER};margin:0",
    "h1.medium": f"{_HEAD}font-size:30px;line-height:36px;color:{PAPER};margin:0",
    "h1.little": f"{_HEAD}font-size:22px;line-height:30px;color:{PAPER};margin:0",
    "h2": f"{_HEAD}font-size:22px;line-height:28px;color:{INK};margin:16px 0 8px",
    "h2.holder": f"{_HEAD}font-size:22px;line-height:28px;color:{INK};margin:2px 0 0",
    "h3": f"{_HEAD}font-size:16px;line-height:24px;color:{INK};margin:0",
    "p": f"{_BODY}color:{INK};margin:0 0 12px",
    "p.poster": f"{_BODY}color:{PAPER};margin:12px 0 0",
    "p.when": f"{_HEAD}font-size:22px;line-height:28px;color:{PAPER};margin:12px 0 0;padding:12px 0 0;"
    f"border-top:4px solid {PAPER}",
    "p.small": f"{_SMALL}margin:0 0 12px",
    "p.label": f"{_SMALL}margin:0",
    "p.seat": f"{_HEAD}font-size:28px;line-height:34px;color:{INK};margin:4px 0 0",
    "ul": "margin:0 0 12px;padding:0 24px",
    "ol": "margin:0 0 12px;padding:0 24px",
    "li": f"{_BODY}color:{INK};margin:0 0 4px",
    "td.head": f"{_HEAD}font-size:22px;line-height:28px;color:{INK};border-top:4px solid {INK};padding:10px 0",
    "td.item": f"{_TEXT}font-size:16px;line-height:22px;color:{INK};border-top:1px solid {HAIRLINE};padding:7px 0",
    "td.amount": f"{_TEXT}font-size:16px;line-height:22px;color:{INK};border-top:1px solid {HAIRLINE};padding:7px 0;"
    f"{_FIGURE}",
    "td.total": f"{_HEAD}font-size:22px;line-height:28px;color:{INK};border-top:2px solid {INK};padding:10px 0",
    "td.sum": f"{_HEAD}font-size:22px;line-height:28px;color:{INK};border-top:2px solid {INK};padding:10px 0;{_FIGURE}",
    "td.part": f"{_SMALL}padding:2px 0",
    "td.part-amount": f"{_SMALL}padding:2px 0;{_FIGURE}",
    "span.small": _SMALL,
    "a": "color:inherit;text-decoration:underline",
    "a.button": f"{_TEXT}display:inline-block;padding:13px 22px;font-size:16px;line-height:20px;font-weight:bold;"
    f"color:{PAPER};text-decoration:none",
}
_TAG = re.compile(r"<(h[1-3]|p|ul|ol|li|td|span|a)(?: class=\"([a-z-]+)\")?(?=[ >])")


def type_size(title: str) -> str:
    """Return how large a title can be, so that a phone shows its longest word on one line: large, medium or little."""
    length, longest = _width(title), max(map(_width, title.split()), default=0)
    if length <= 36 and longest <= 14:
        return "large"
    return "medium" if length <= 90 and longest <= 21 else "little"


def _width(text: str) -> int:
    """Return how wide a text is, in letters of the Latin alphabet."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def as_shown(value: Any) -> Any:
    """Return a value as emails show it. A text is on one line, and no program makes a link of it."""
    return _text_as_shown(value) if type(value) is str else value


@lru_cache(maxsize=1024)  # in a sale, hundreds of emails say the same
def _text_as_shown(text: str) -> str:
    return unlinked(one_line(text))


def apart(value: Any) -> Markup:
    """Return a value for a sentence. If it is written from right to left, it does not turn the words around it."""
    shown = escape(as_shown(value))
    if shown.isascii() or all(bidirectional(char) not in ("R", "AL") for char in shown):
        return shown
    return Markup("<bdi>{}</bdi>").format(shown)


def strong(text: str) -> Markup:
    """Return a value for a sentence, which the eye shall find first."""
    return Markup("<strong>{}</strong>").format(apart(text))


def mail_to(address: str) -> Markup:
    """Return an address as a link that writes to it."""
    return Markup('<a href="mailto:{0}" style="{1}">{0}</a>').format(one_line(address), _STYLES["a"])


def linked(line: str) -> Markup:
    """Return a line of somebody's own words, with a link at each web address in it."""
    links = urlize(line, rel="noopener")
    return Markup(links.replace("<a ", f'<a style="{_STYLES["a"]}" '))  # noqa: S704 - urlize has escaped the words


def styled(html: Markup) -> Markup:
    """Return HTML that is made of somebody's own words, with the style of each element."""
    return Markup(_TAG.sub(_with_style, html))  # noqa: S704 - it was HTML before


FILTERS = {"type_size": type_size, "strong": strong, "mail_to": mail_to, "linked": linked, "styled": styled}
"""What templates use beside the macros of `_parts.html`."""


class InlineStyles(Extension):
    """Writes the style of each element into the source of an HTML template, so that rendering costs nothing more."""

    @override
    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return _TAG.sub(_with_style, source)


def _with_style(tag: re.Match[str]) -> str:
    element, kind = tag.groups()
    style = _STYLES.get(f"{element}.{kind}" if kind else element)
    return f'{tag[0]} style="{style}"' if style else tag[0]
