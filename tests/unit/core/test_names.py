"""Names are the same however people write them. The pairs are from Unicode's own examples and from keyboards."""

import pytest

from boxoffice.names import key_of

SAME = [
    ("Entrée", "Entre\u0301e"),  # UAX #15: composed and decomposed
    ("Entrée", "ENTRÉE"),
    ("North Gate", "  north   GATE "),
    ("North Gate", "North\u00a0Gate"),
    ("A", "Ａ"),  # full width
    ("カフェ", "ｶﾌｪ"),  # half width
    ("12", "１２"),
    ("12", "۱۲"),  # Persian digits
    ("12", "१२"),  # Devanagari digits
    ("Straße", "STRASSE"),
    ("Straße", "STRAẞE"),
    ("ΟΔΟΣ", "οδος"),  # the final sigma
    ("GİRİŞ", "giriş"),  # Turkish
    ("KAPI", "kapı"),
    ("ﬁnale", "Finale"),  # a ligature
    ("Ⅷ", "VIII"),
    ("علی\u200cرضا", "علیرضا"),
    ("North Gate", "\ufeffNorth\u200b Ga\u00adte"),
    ("❤\ufe0f", "❤"),
    ("Ω", "\u2126"),  # the sign of ohm
]
OTHER = [
    ("A", "Å"),
    ("Row 1", "Row 11"),
    ("Row 1 1", "Row 11"),
    ("A", "А"),  # Cyrillic
    ("入口", "出口"),
    (
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_name_in_two_spellings_has_one_key(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_two_names_have_two_keys(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


@pytest.mark.parametrize("name", [name for pair in (*SAME, *OTHER) for name in pair])
def test_the_key_of_a_key_is_itself(name: str) -> None:
    assert key_of(key_of(name)) == key_of(name)
