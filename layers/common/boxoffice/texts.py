"""Texts as people write them, in any script: what is dropped from them, and what stays.

Joiners, variation selectors and marks of direction belong to words and emoji, so they stay. Control characters, half
characters and what turns the direction of the text around it do not. People paste them without seeing them.
"""

import re
import unicodedata

_PLAIN = re.compile("[!-~](?:[ -~]*[!-~])?")  # most texts are so, and every buyer waits for what this saves
_LINE_BREAKS = "\n\x0b\x0c\r\x85\u2028\u2029"
_BREAK = re.compile(rf"\r\n|[{_LINE_BREAKS}]")
_BREAKS_AND_TABS = re.compile(rf"[\t{_LINE_BREAKS}][\t {_LINE_BREAKS}]*")
_DROPPED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and a symbol for Unicode, but they leave no ink


def one_line(text: str) -> str:
    """Return a text on one line, in its one spelling (NFC), without what is dropped."""
    return text if _PLAIN.fullmatch(text) else _normal(_BREAKS_AND_TABS.sub(" ", text))


def lines(text: str) -> str:
    """Return a text whose lines end with ``\\n``, in its one spelling (NFC), without what is dropped."""
    return _normal(_BREAK.sub("\n", text))


def is_visible(text: str) -> bool:
    """Return True if a text has a character that people can see."""
    return bool(_PLAIN.match(text)) or any(
        unicodedata.category(char)[0] in "LNPS" for char in text if char not in _BLANKS
    )


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", _DROPPED.sub("", text)).strip()
