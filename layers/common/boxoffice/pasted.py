"""Codes and tokens as scanners, keyboards and the clipboard hand them over."""

import unicodedata


def plain(text: str) -> str:
    """Return a code without what was added to it on its way: white space, and characters without a shape.

    Letters and digits of full width become those of a usual keyboard. A byte order mark is one that has no shape.
    """
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    narrow = unicodedata.normalize("NFKC", text)
    return "".join(char for char in narrow if not char.isspace() and unicodedata.category(char)[0] != "C")
