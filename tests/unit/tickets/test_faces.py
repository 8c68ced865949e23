"""What printed tickets can show, by the tables of their faces, and how they show the rest."""

import re
import runpy
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from fontTools import unicodedata as scripts

from boxoffice.tickets.faces import printable

ROOT = Path(__file__).parents[3]
WRITER = runpy.run_path(str(ROOT / "tools" / "write_covered.py"))
COVERED = WRITER["covered"]()


def test_the_list_of_characters_is_that_of_the_faces() -> None:
    assert WRITER["COVERED"].read_text() == WRITER["text"]()


def test_the_documents_list_the_scripts_that_are_covered() -> None:
    """A script is covered if the faces have nearly all of its letters. Of Hiragana, that is those of today."""
    letters, there = Counter[str](), Counter[str]()
    for char in map(chr, range(0x20, 0x20000)):
        script = scripts.script(char)
        if unicodedata.category(char)[0] == "L" and script not in {"Zyyy", "Zinh"}:
            letters[script] += 1
            there[script] += ord(char) in COVERED
    names = {scripts.script_name(script) for script in letters if there[script] > 0.7 * letters[script]} | {"Hiragana"}
    assert all(char in COVERED for char in range(0x3041, 0x3097))
    assert all(char in COVERED for char in range(0x4E00, 0x9FE0))  # the common ones of Han

    text = (ROOT / "docs" / "operating.md").read_text()
    lists = text.partition("These scripts are printed as they are:")[2].partition("Emoji")[0].split("\n- ")[1:]
    listed = [name for line in lists for name in re.split(r",\s+|\s+and\s+", line.strip())]
    assert sorted(listed) == sorted(name.replace("Nko", "N'Ko") for name in names)


@pytest.mark.parametrize(
    "text",
    [
        "Ẹ̀kọ́ Jazz & Blues – 100 €",
        "شب شعر علی\u200cرضا",
        "ශ්\u200dරී ලංකා",
        "大東京ドーム公演",
        "👨\u200d👩\u200d👧 🇳🇬 👩🏿\u200d🚀 ❤\ufe0f 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "Nguyễn Thị Ánh, Łódź, Ώδὴ, Київ, አበበ, ქართული, ភាសាខ្មែរ, မြန်မာ, ລາວ",
    ],
)
def test_what_the_faces_have_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("ମାଟି Fest", "mati Fest"),  # Odia
        ("བོད", "bod"),  # Tibetan
        ("ᠮᠣᠩᠭᠣᠯ", "monggol"),  # Mongolian
        ("Rock 🫩", "Rock (face with bags under eyes)"),  # of Unicode 16
        ("A \ue000 B", "A \N{REPLACEMENT CHARACTER} B"),  # for private use
    ],
)
def test_what_they_lack_is_seen_and_not_dropped(text: str, printed: str) -> None:
    assert printable(text) == printed
    assert all(ord(char) in COVERED for char in printed)
