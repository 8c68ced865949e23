"""An email as plain text: its templates again, with the elements that they write turned into lines.

Each template is rendered twice. For the text, `_layout.txt` and `_parts.txt` stand in place of the HTML's frame and
parts, so only simple elements are left. What others wrote is escaped until the end, so none passes for an element.
"""

import html
import re

_LINK = re.compile(r'<a\b[^>]*?href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_ELEMENT = re.compile(r"<(/?[a-z0-9]+)[^>]*>")
_BREAKS = re.compile(r"\n{3,}")

_BETWEEN = "\n\n"  # paragraphs, and all elements that are not named below
_SIGNS = {"br": "\n", "li": "\n- ", "/li": "", "bdi": "\N{FIRST STRONG ISOLATE}", "/bdi": "\N{POP DIRECTIONAL ISOLATE}"}
_WITHIN_LINES = ("a", "b", "code", "del", "em", "i", "s", "span", "strong", "u")
_SIGNS |= {f"{end}{name}": "" for name in _WITHIN_LINES for end in ("", "/")}


def plain(source: str) -> str:
    """Return a piece of HTML as plain text: its paragraphs apart, its items behind dashes, its links in brackets."""
    in_one_line = " ".join(filter(None, map(str.strip, source.split("\n"))))
    parts = _ELEMENT.split(_LINK.sub(_link, in_one_line))  # texts and the elements between them take turns
    parts[1::2] = [_SIGNS.get(element, _BETWEEN) for element in parts[1::2]]
    lines = [line.strip(" ") for line in "".join(parts).split("\n")]
    return html.unescape(_BREAKS.sub(_BETWEEN, "\n".join(lines)).strip("\n")) + "\n"


def _link(link: re.Match[str]) -> str:
    """Return a link as RFC 3986, appendix C, writes it in text: ``the words <https://…>``."""
    address, words = link.groups()
    return words if address.removeprefix("mailto:") == words else f"{words} &lt;{address}&gt;"
