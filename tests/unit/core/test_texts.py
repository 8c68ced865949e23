"""Texts in any script are taken as they are, in one spelling. What nobody can see or trust is refused."""

import pytest
from pydantic import TypeAdapter, ValidationError

from boxoffice.models import LongText, ShortText, Text

LINE, TEXT = TypeAdapter(ShortText), TypeAdapter(Text)

# Unicode 16: the second column is the composed spelling of the first (UAX #15, NFC).
TAKEN = [
    ("Freedom Park", "Freedom Park"),
    ("  spaces around  ", "spaces around"),
    ("cafe\u0301", "caf\u00e9"),
    ("\u1100\u1161", "\uac00"),  # Hangul jamo make a syllable
    ("می\u200cروم", "می\u200cروم"),  # Persian needs the non-joiner
    ("ශ්\u200dරී ලංකා", "ශ්\u200dරී ලංකා"),  # Sinhala needs the joiner
    ("👩\u200d👩\u200d👧 Familie", "👩\u200d👩\u200d👧 Familie"),
    ("🎪", "🎪"),
    ("Abc \u200fאבג\u200e", "Abc \u200fאבג\u200e"),  # marks of direction change nothing around them
    ("Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",) * 2,
    ("…", "…"),
    ("1", "1"),
]


@pytest.mark.parametrize(("sent", "stored"), TAKEN)
def test_a_text_in_any_script_is_taken_in_one_spelling(sent: str, stored: str) -> None:
    assert LINE.validate_python(sent) == stored
    assert TEXT.validate_python(sent) == stored


def test_a_long_text_has_lines() -> None:
    assert TEXT.validate_python("a\r\nb\tc\n\ncafe\u0301") == "a\nb\tc\n\ncaf\u00e9"
    assert TypeAdapter(LongText).validate_python("# Terms\n") == "# Terms"


UNSAFE = ["\0", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "\ud800"]


@pytest.mark.parametrize("unsafe", UNSAFE)
def test_what_changes_the_text_around_it_is_refused(unsafe: str) -> None:
    for kind in (LINE, TEXT):
        with pytest.raises(ValidationError):
            kind.validate_python(f"Bola {unsafe} Ade")


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n", "\t"])
def test_a_name_is_one_line(line_end: str) -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python(f"Bola{line_end}Ade")


# Format characters, blanks that Unicode calls letters, marks without a letter, and spaces.
NOTHING = [
    "\u200b",
    "\u200d\u200c",
    "\ufeff",
    "\u2060",
    "\u3164",
    "\u115f\u1160",
    "\uffa0",
    "\u2800",
    "\u0301",
    "\ufe0f",
]


@pytest.mark.parametrize("nothing", [*NOTHING, "".join(NOTHING), "\u00ad \u200b"])
def test_a_name_of_nothing_visible_is_refused(nothing: str) -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python(nothing)
    assert TEXT.validate_python(nothing) is not None, "a text may be empty"
