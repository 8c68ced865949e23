"""Write which characters the faces of printed tickets have, from their tables. Run it after a change of the faces.

python tools/write_covered.py
"""

from pathlib import Path

import noto_cjk_sans_jp_regular as cjk
from fontTools.ttLib import TTFont

FONTS = Path(__file__).parents[1] / "layers/common/boxoffice/tickets/fonts"
COVERED = FONTS / "covered.txt"


def covered() -> set[int]:
    """Return the characters that at least one face has."""
    faces = [*FONTS.glob("*.ttf"), *Path(cjk.__file__).parent.glob("*.[ot]t[fc]")]
    return {char for face in faces for char in TTFont(face, fontNumber=0).getBestCmap()}


def text() -> str:
    """Return the file: hexadecimal numbers, at which covered and uncovered characters take turns."""
    chars = covered()
    bounds = sorted(char for char in chars if char - 1 not in chars) + sorted(
        char + 1 for char in chars if char + 1 not in chars
    )
    return "\n".join(f"{bound:x}" for bound in sorted(bounds)) + "\n"


if __name__ == "__main__":
    COVERED.write_text(text())
