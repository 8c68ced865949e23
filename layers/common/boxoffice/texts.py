"""Texts as people write them, in any script: what is dropped from them, and what stays.

Joiners, variation selectors and marks of direction belong to words and emoji, so they stay. Control characters, half
characters and what turns the direction of the text around it do not. People paste them without seeing them.
"""

import re
import unicodedata

# Patterns are compiled when they are used first: whoever starts waits for none.
_LINE_BREAKS = "\n\x0b\x0c\r\x85\u2028\u2029"
_BREAK = rf"\r\n|[{_LINE_BREAKS}]"
_BREAKS_AND_TABS = rf"[\t{_LINE_BREAKS}][\t {_LINE_BREAKS}]*"
_DROPPED = "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
# Letters and symbols for Unicode, but they leave no ink, or stand for what was not copied with them.
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0\ufffc\U00013441\U00013442\U0001d159"

_DOTS = ".\u2024\u3002\uff0e\uff61"  # between the labels of a domain

_MOST_MARKS = 30
_SIGNS_OF_ADDRESSES = str.maketrans("\u3002\u2236\ua789\u2044\u2215", ".::" + "//")  # NFKC leaves them as they are


def one_line(text: str) -> str:
    """Return a text on one line, in its one spelling (NFC), without what is dropped.

    Whoever sends the text must pass `check_marks` first. A text that we have stored has passed it.
    """
    # Most texts are plain, and every buyer waits for what this saves.
    is_plain = text.isascii() and text.isprintable() and text == text.strip()
    return text if is_plain else _normal(re.sub(_BREAKS_AND_TABS, " ", text))


def lines(text: str) -> str:
    """Return a text whose lines end with ``\\n``, in its one spelling (NFC), without what is dropped.

    Whoever sends the text must pass `check_marks` first.
    """
    return _normal(re.sub(_BREAK, "\n", text))


def without_dropped(text: str) -> str:
    """Return a text without what is dropped."""
    return re.sub(_DROPPED, "", text)


def is_visible(text: str) -> bool:
    """Return True if a text has a character that people can see."""
    return bool(re.match("[!-~]", text)) or any(
        unicodedata.category(char)[0] in "LNPS" for char in text if char not in _BLANKS
    )


def has_web_address(text: str) -> bool:
    """Return True if programs that show emails would make a link of a part of a text, however it is spelled."""
    if text.isascii():
        plain = text.lower()
    else:
        from boxoffice import names  # most buyers do without it

        plain = names.key_of(text).translate(_SIGNS_OF_ADDRESSES)
    return "://" in plain or "www." in plain


def unlinked(text: str) -> str:
    """Return a text that programs which show emails make no link of. After a dot between words it gets a non-joiner.

    They take `example.com` for a link, whoever wrote it. To refuse such names would refuse J.Li and Dr.No too. Texts
    that are an email address, or a web address with its scheme, stay as they are.
    """
    if (text.isascii() and "." not in text) or re.fullmatch(r"[\w.+-]+@[\w.-]+", text):
        return text
    dot = rf"(?<=[^\W_])[{_DOTS}](?=(?:xn--[\w-]+|[^\W\d_]{{2,24}})(?![\w-]))"  # no token has such an end
    return re.sub(rf"(\S+://\S+)|{dot}", lambda found: found[1] or f"{found[0]}\u200c", text)


def check_marks(text: str) -> None:
    """Refuse letters with more marks than any language writes (UAX #15, Stream-Safe Text Format).

    To put the marks of one letter in order takes time that grows with the square of their number. Some characters are
    several marks, or a letter with its marks, and NFC takes them apart.
    """
    if text.isascii():
        return
    marks = 0
    for char in without_dropped(text):
        for part in unicodedata.normalize("NFD", char):
            marks = marks + 1 if unicodedata.combining(part) else 0
            if marks > _MOST_MARKS:
                raise ValueError(f"must not have more than {_MOST_MARKS} marks on one letter")


def _normal(text: str) -> str:
    plain = without_dropped(text).strip()
    return plain if plain.isascii() else unicodedata.normalize("NFC", plain).strip()
