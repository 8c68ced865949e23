"""What the faces of printed tickets can show: docs/operating.md lists their scripts.

`fonts/covered.txt` names the characters that at least one face has. `tools/write_covered.py` writes it.
"""

import unicodedata
from bisect import bisect_right
from functools import cache
from itertools import groupby
from pathlib import Path

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """Return a text as it can be printed. What no face has is written in Latin letters, and a new emoji by its name.

    So a holder can still be told from another. What has no such name either is shown by a sign that something is here.
    """
    if text.isascii():
        return text
    return "".join(
        "".join(run) if is_covered else _in_latin("".join(run)) for is_covered, run in groupby(text, _is_covered)
    )


def _is_covered(char: str) -> bool:
    """Return True if a face has a character, or if it needs none: joiners and the like have no shape of their own."""
    is_shapeless = unicodedata.category(char) in {"Cf", "Zs"} or "\ufe00" <= char <= "\ufe0f"
    return is_shapeless or bisect_right(_bounds(), ord(char)) % 2 == 1


def _in_latin(run: str) -> str:
    from anyascii import anyascii

    names = [anyascii(char) or ("" if unicodedata.category(char)[0] == "M" else _REPLACEMENT) for char in run]
    return "".join(f"({name[1:-1].replace('_', ' ')})" if name[:1] == ":" and name[1:] else name for name in names)


@cache
def _bounds() -> list[int]:
    path = Path(__file__).parent / "fonts" / "covered.txt"
    return [int(bound, 16) for bound in path.read_text().split()]
