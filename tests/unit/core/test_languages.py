"""The languages of emails: the catalogues are whole, and each reader gets the nearest language."""

import re
import runpy
from datetime import UTC, datetime
from gettext import NullTranslations
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message

from boxoffice import languages, times
from boxoffice.emails import money_of
from boxoffice.languages import gettext, ngettext, written_in
from tests.helpers.support import ROOT
from tests.unit.core.test_times import Event

TOOL = runpy.run_path(str(ROOT / "tools/write_catalogues.py"))
WANTED: Catalog = TOOL["messages"]()
CATALOGUES: dict[str, Catalog] = {path.stem: TOOL["read"](path) for path in sorted(languages.CATALOGUES.glob("*.po"))}
COMPLETE = ["fr"]

_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%")


def translated(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id and any(forms(message))]


def forms(message: Message) -> list[str]:
    return [message.string or ""] if not message.pluralizable else list(message.string)


def ids(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


def placeholders(text: str) -> set[str]:
    return {found[1] or "%" for found in _PLACEHOLDER.finditer(text)}


@pytest.mark.parametrize("language", CATALOGUES)
def test_the_catalogues_have_the_messages_of_the_code(language: str) -> None:
    path = languages.CATALOGUES / f"{language}.po"
    assert TOOL["updated"](TOOL["read"](path), WANTED).decode() == path.read_text(), "python tools/write_catalogues.py"


@pytest.mark.parametrize("language", COMPLETE)
def test_nothing_is_missing(language: str) -> None:
    missing = [ids(message)[0] for message in CATALOGUES[language] if message.id and not all(forms(message))]
    assert not missing


@pytest.mark.parametrize("language", CATALOGUES)
def test_each_translation_has_the_placeholders_of_its_message(language: str) -> None:
    catalogue = CATALOGUES[language]
    for message in translated(catalogue):
        assert not message.fuzzy
        assert len(forms(message)) == (catalogue.num_plurals if message.pluralizable else 1), message.id
        for form in forms(message):
            assert form.strip() == form, form
            assert placeholders(form) == placeholders(ids(message)[-1]), form


def test_no_message_has_elements() -> None:
    """So translators cannot break an email, and both of its forms have the same messages."""
    for catalogue in (WANTED, *CATALOGUES.values()):
        texts = [text for message in catalogue if message.id for text in (*ids(message), *forms(message))]
        assert not [text for text in texts if re.search(r"[<>&{}]|%(?!\(\w+\)s)", text)]


@pytest.mark.parametrize(
    ("tag", "shown", "dates"),
    [
        (None, "en", "en_IE"),
        ("en", "en", "en_IE"),
        ("en-US", "en-US", "en_US"),
        ("EN-us", "en-US", "en_US"),
        ("fr", "fr", "fr"),
        ("fr-CA", "fr-CA", "fr_CA"),
        ("fr-x-private", "fr", "fr"),
        ("en-US-u-hc-h12", "en-US", "en_US"),
        ("tlh", "en", "en_IE"),
        ("x" * 35, "en", "en_IE"),
    ],
)
def test_each_reader_gets_the_nearest_language(tag: str | None, shown: str, dates: str) -> None:
    with written_in(tag) as language:
        assert languages.current() is language
        assert (language.tag, language.dates, language.direction) == (shown, dates, "ltr")
    assert languages.current().tag == "en"


def test_a_language_ends_with_its_block() -> None:
    with written_in("fr"):
        with pytest.raises(KeyError), written_in("en"):
            gettext("Order %(number)s")
        assert gettext("See your order") == "Voir votre commande"
    assert gettext("See your order") == "See your order"


def test_what_a_catalogue_lacks_is_in_english() -> None:
    with written_in("fr"):
        assert gettext("Nobody has translated %(this)s", this="this") == "Nobody has translated this"
    assert isinstance(languages.current().catalogue, NullTranslations)


# By CLDR: https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html
@pytest.mark.parametrize(
    ("tag", "number", "shown"),
    [
        ("en", 0, "0 people"),
        ("en", 1, "1 person"),
        ("en", 2, "2 people"),
        ("fr", 0, "0 personne"),
        ("fr", 1, "1 personne"),
        ("fr", 2, "2 personnes"),
    ],
)
def test_plurals_are_those_of_the_language(tag: str, number: int, shown: str) -> None:
    with written_in(tag):
        assert ngettext("%(num)s person", "%(num)s people", number) == shown


# By CLDR: the patterns of full dates and short times. 27 June 2026 is a Saturday.
@pytest.mark.parametrize(
    ("tag", "when"),
    [
        ("en", "Saturday 27 June 2026, 19:30 – 23:00 (Lagos, UTC+01:00)"),
        ("en-US", "Saturday, June 27, 2026, 7:30\u202fPM – 11:00\u202fPM (Lagos, UTC+01:00)"),
        ("fr", "samedi 27 juin 2026, 19:30 – 23:00 (Lagos, UTC+01:00)"),
    ],
)
def test_dates_are_in_the_language(tag: str, when: str) -> None:
    starts_at, ends_at = (datetime(2026, 6, 27, hour, minute, tzinfo=UTC) for hour, minute in ((18, 30), (22, 0)))
    event = Event(starts_at, ends_at, None, "Lagos", "Africa/Lagos")
    with written_in(tag):
        assert times.when_of(event).text == when


def test_amounts_are_in_the_language() -> None:
    """ISO 4217 gives RSD two decimals, though nobody pays with them."""
    shown: dict[str, Any] = {}
    for tag in ("en", "fr", "fr-CA"):
        with written_in(tag):
            shown[tag] = [money_of(150_000, "EUR"), money_of(150_000, "RSD")]
    assert shown == {
        "en": ["€1,500.00", "RSD\u00a01,500.00"],
        "fr": ["1\u202f500,00\u00a0€", "1\u202f500,00\u00a0RSD"],
        "fr-CA": ["1\u00a0500,00\u00a0€", "1\u00a0500,00\u00a0RSD"],
    }
