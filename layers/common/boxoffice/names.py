"""Names as people write them: each in several ways, and all of them mean the same."""

import re
import unicodedata

# What has no shape of its own (Default_Ignorable_Code_Point of Unicode), but for the tags that flags are made of.
_WITHOUT_SHAPE = (
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0100-\U000e0fff]"
)


def key_of(name: str) -> str:
    """Return what all ways to write a name have in common. Two names with one key are the same name.

    Capitals, the width of letters, the script of digits, spaces and invisible characters make no difference. Accents
    do: a row Å is not a row A.
    """
    if name.isascii():
        return " ".join(name.lower().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    folded = folded.replace("i\u0307", "i").replace("\u0131", "i")  # the two letters i of Turkish have other capitals
    shown = re.sub(_WITHOUT_SHAPE, "", folded)
    return " ".join("".join(str(unicodedata.decimal(char, char)) for char in shown).split())
