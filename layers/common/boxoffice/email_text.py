"""An email as plain text: its templates again, with the elements that they write turned into lines.

Each template is rendered twice. For the text, `_layout.txt` and `_parts.txt` stand in place of the HTML's frame and
parts, so only simple elements are left. What others wrote is escaped until the end, so none passes for an element.
"""

import html
import re

_LINK = re.compile(r'<a\b[^>]*?href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_ELEMENT = re.compile(r"<(/?[a-z0-9]+)[^>]*>")
_SPACE = re.compile(r"[ \t\n]+")
_AROUND_BREAKS = re.compile(r" *\n *")
_BREAKS = re.compile(r"\n{3,}")

_BETWEEN = "\n\n"  # paragraphs, and all elements that are not named below
_SIGNS = {"br": "\n", "li": "\n- ", "/li": "", "bdi": "\N{FIRST STRONG ISOLATE}", "/bdi": "\N{POP DIRECTIONAL ISOLATE}"}
_WITHIN_LINES = ("a", "b", "code", "del", "em", "i", "s", "span", "strong", "u")
_SIGNS |= {f"{end}{name}": "" for name in _WITHIN_LINES for end in ("", "/")}


def plain(source: str) -> str:
    """Return a piece of HTML as plain text: its paragraphs apart, its items behind dashes, its links in brackets."""
    source = _SPACE.sub(" ", _LINK.sub(_link, source))
    text = _ELEMENT.sub(lambda element: _SIGNS.get(element[1], _BETWEEN), source)
    return html.unescape(_BREAKS.sub("\n\n", _AROUND_BREAKS.sub("\n", text)).strip()) + "\n"


def _link(link: re.Match[str]) -> str:
    """Return a link as RFC 3986, appendix C, writes it in text: ``the words <https://…>``."""
    address, words = link.groups()
    return words if address.removeprefix("mailto:") == words else f"{words} &lt;{address}&gt;"
