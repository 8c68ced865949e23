"""Texts in any script are taken in one spelling. What nobody sees is dropped, and a name of nothing is refused."""

from time import process_time

import pytest
from pydantic import TypeAdapter, ValidationError

from boxoffice import texts
from boxoffice.accounts.models import AccountPatch, PhoneLogInRequest, SignUpRequest
from boxoffice.api_keys.models import ApiKeyRequest
from boxoffice.events.models import EventPatch, EventRequest
from boxoffice.models import LongText, Name, ShortText, Text
from boxoffice.orders.models import BuyerRequest
from boxoffice.organisations.models import OrganisationPatch, OrganisationRequest
from boxoffice.tickets.models import AcceptTransferRequest, TransferRequest
from boxoffice.waitlist.models import WaitlistRequest

LINE, TEXT, NAME = TypeAdapter(ShortText), TypeAdapter(Text), TypeAdapter(Name)

# Unicode 16: the second column is the composed spelling of the first (UAX #15, NFC).
TAKEN = [
    ("Freedom Park", "Freedom Park"),
    ("  spaces around  ", "spaces around"),
    ("cafe\u0301", "caf\u00e9"),
    ("\u1100\u1161", "\uac00"),  # Hangul jamo make a syllable
    ("می\u200cروم", "می\u200cروم"),  # Persian needs the non-joiner
    ("ශ්\u200dරී ලංකා", "ශ්\u200dරී ලංකා"),  # Sinhala needs the joiner
    ("علی\u200cرضا", "علی\u200cرضا"),
    ("👩\u200d👩\u200d👧 Familie", "👩\u200d👩\u200d👧 Familie"),
    ("🇳🇬 👩🏿\u200d🚀 ❤\ufe0f 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",) * 2,
    ("Qui est\u202flà\u00a0?", "Qui est\u202flà\u00a0?"),  # French has narrow and fixed spaces
    ("山田\u3000太郎", "山田\u3000太郎"),
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


# Category Cc, Zl and Zp of Unicode, and the explicit directions of UAX #9.
DROPPED = [
    *map(chr, [*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0)]),
    *("\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"),
]
LINE_BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("dropped", DROPPED)
def test_what_nobody_sees_and_no_word_needs_is_dropped(dropped: str) -> None:
    for kind in (LINE, TEXT):
        assert kind.validate_python(f"{dropped} {dropped}Bola{dropped} Ade{dropped}") == "Bola Ade"


@pytest.mark.parametrize("line_break", LINE_BREAKS)
def test_a_name_is_one_line_and_a_text_has_lines(line_break: str) -> None:
    sent = f"{line_break}Bola{line_break}{line_break} Ade{line_break}"

    assert LINE.validate_python(sent) == "Bola Ade"
    assert TEXT.validate_python(sent) == "Bola\n\n Ade"


def test_a_tab_is_a_space_in_a_name_and_stays_in_a_text() -> None:
    assert LINE.validate_python("Bola\t\tAde") == "Bola Ade"
    assert TEXT.validate_python("Bola\t\tAde") == "Bola\t\tAde"


def test_half_of_a_character_is_refused() -> None:
    for kind in (LINE, TEXT):
        with pytest.raises(ValidationError):
            kind.validate_python("Bola \ud83d")  # what is left of an emoji that was cut


def test_a_text_is_checked_in_a_time_that_grows_with_its_length() -> None:
    """The marks of a letter are sorted. Too long a text is refused before that."""
    marks = "\u0301\u0323" * 100_000
    begun = process_time()
    with pytest.raises(ValidationError):
        LINE.validate_python("a" + marks)
    assert process_time() - begun < 0.1


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
    "\ufffc",
    "\N{EGYPTIAN HIEROGLYPH FULL BLANK}\N{EGYPTIAN HIEROGLYPH HALF BLANK}",
    "\N{MUSICAL SYMBOL NULL NOTEHEAD}",
    "\u0301",
    "\ufe0f",
    "\u202e",
    "\0",
    "\u2028",
]


@pytest.mark.parametrize("nothing", [*NOTHING, "".join(NOTHING), "\u00ad \u200b"])
def test_a_name_of_nothing_visible_is_refused(nothing: str) -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python(nothing)
    assert TEXT.validate_python(nothing) is not None, "a text may be empty"


# NFC takes some apart: into two marks, or into a letter with two. And what is dropped does not divide a letter.
TAKEN_APART = ["a" + "\u0344" * 16, "\ufb2c" + "\u0301" * 29, "\u0301" * 20 + "\u202a" + "\u0301" * 20]


@pytest.mark.parametrize("text", ["a" + "\u0344" * 15, "\ufb2c" * 66, *(text for text, _ in TAKEN)])
def test_a_text_that_is_taken_is_taken_again(text: str) -> None:
    for kind in (LINE, TEXT):
        stored = kind.validate_python(text)
        assert kind.validate_python(stored) == stored
        assert texts.one_line(stored) == stored


@pytest.mark.parametrize("text", TAKEN_APART)
def test_marks_are_counted_as_they_are_stored(text: str) -> None:
    for kind in (LINE, TEXT):
        with pytest.raises(ValidationError, match="30 marks"):
            kind.validate_python(text)


def test_a_name_is_no_longer_when_it_is_stored() -> None:
    with pytest.raises(ValidationError, match="200"):
        LINE.validate_python("\ufb2c" * 200)


def test_a_letter_has_as_many_marks_as_a_language_writes() -> None:
    """30, by the Stream-Safe Text Format of UAX #15. To sort them takes the square of their number."""
    zalgo = "Z" + "\u0301\u0323" * 15

    assert LINE.validate_python(zalgo).endswith("\u0301")
    for adapter, text in ((LINE, zalgo + "\u0323"), (TEXT, "Z" + "\u0301\u0323" * 4999)):
        started = process_time()
        with pytest.raises(ValidationError, match="30 marks"):
            adapter.validate_python(text)
        assert process_time() - started < 0.05
    assert TEXT.validate_python("Bố ở nhà " * 1000)
    assert TEXT.validate_python("ศิลปะ " * 1000)


# How fonts and programs that show emails make links, in ASCII and in what NFKC folds to it.
LINKS = [
    "https://evil.example",
    "HTTP://EVIL.EXAMPLE",
    "Win: ftp://x",
    "www.evil.example",
    "WwW.evil.example",
    "ｗｗｗ．evil.example",
    "www。evil.example",
    "www｡evil.example",
    "www\u2024evil.example",
    "w\u200bw\u00adw.evil.example",
    "𝐰𝐰𝐰.evil.example",
    "ⓦⓦⓦ.evil.example",
    "https：／／evil.example",
    "https\u2236\u2215\u2215evil.example",
    "https\ufe55//evil.example",
    "ℎttps:⁄⁄evil.example",
]
NAMES = ["Ada", "J. R. R. Tolkien", "St. John", "A/B", "Wwwise", "Dr.Smith", "Ana: Live", "a // b", "علی‌رضا", "东京。"]


@pytest.mark.parametrize("text", LINKS)
def test_a_name_that_would_be_a_link_is_refused(text: str) -> None:
    for name in (text, f"Ada {text}", f"{text} Ada"):
        with pytest.raises(ValidationError, match="without the address of a website"):
            NAME.validate_python(name)
    assert LINE.validate_python(text)


@pytest.mark.parametrize("name", NAMES)
def test_other_names_are_taken(name: str) -> None:
    assert NAME.validate_python(name) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("evil.com", "evil.|com"),
        ("Ada sub.evil.co.uk/x, t.me", "Ada sub.|evil.|co.|uk/x, t.|me"),
        ("пример.рф 例え。テスト evil．com", "пример.|рф 例え。|テスト evil．|com"),
        ("evil-1.evil-2.com evil.xn--p1ai", "evil-1.evil-2.|com evil.|xn--p1ai"),
        ("AaIXREqmeBm8TdT41PqRhA.1.WUM94pghGxTadIV70so4NhmNhOhD2BJc",) * 2,
        ("evil.com,ada@example.com", "evil.|com,ada@example.|com"),
        ("Dr.No", "Dr.|No"),
        ("St. John, J.R.R. T., 12.50, a.b, No. 5, v1.2", "St. John, J.R.R. T., 12.50, a.b, No. 5, v1.2"),
        ("ada.l+x@mail.example.com", "ada.l+x@mail.example.com"),
        ("https://shop.example.com/e/jazz", "https://shop.example.com/e/jazz"),
    ],
)
def test_no_program_makes_a_link_of_what_emails_show(text: str, shown: str) -> None:
    """Programs look for names of hosts (RFC 1123): labels with dots between them. The bars stand for non-joiners."""
    assert texts.unlinked(text) == shown.replace("|", "\u200c")


def test_no_name_of_a_stranger_may_be_a_link() -> None:
    """The fields whose text goes into an email to somebody else, or into the name of what sends it."""
    fields = [
        (SignUpRequest, "name"),
        (SignUpRequest, "organisation_name"),
        (AccountPatch, "name"),
        (PhoneLogInRequest, "name"),
        (BuyerRequest, "name"),
        (OrganisationRequest, "name"),
        (OrganisationPatch, "name"),
        (TransferRequest, "name"),
        (AcceptTransferRequest, "name"),
        (WaitlistRequest, "name"),
        (EventRequest, "title"),
        (EventPatch, "title"),
        (ApiKeyRequest, "name"),
    ]
    for model, field in fields:
        with pytest.raises(ValidationError) as raised:
            model.model_validate({field: "Free tickets at www.evil.example"})
        said = {error["loc"]: error["msg"] for error in raised.value.errors()}
        assert "without the address of a website" in said[(field,)], (model, field)
