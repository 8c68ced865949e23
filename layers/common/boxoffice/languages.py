"""Languages: what we write to people, in the language that they read, by gettext and Unicode's locale data.

Whoever writes to somebody does so inside `written_in`. There, messages, dates and amounts are in the reader's language.
There are as many languages as files in `catalogues`, and English. What a catalogue lacks is in English.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

DEFAULT = "en"
CATALOGUES = Path(__file__).parent / "catalogues"

# English without a country has the day before the month and 24 hours, as most who read it as a second language expect.
_DATES = {"en": "en_IE"}


@dataclass(frozen=True)
class Language:
    """A language, as a reader wants it.

    Attributes:
        tag: what HTML calls it: ``pt-BR``.
        direction: ``ltr``, or ``rtl`` for Arabic and Hebrew.
        numbers, dates: what babel calls the locales that write amounts, and dates and times.
        catalogue: the translations.
    """

    tag: str
    direction: str
    numbers: str
    dates: str
    catalogue: NullTranslations


_current: ContextVar[Language | None] = ContextVar("language", default=None)


@contextmanager
def written_in(tag: str | None) -> Iterator[Language]:
    """Write in a language until the end of the block: the nearest that there is to a BCP 47 tag, else English."""
    language = _nearest(tag or DEFAULT)
    token = _current.set(language)
    try:
        yield language
    finally:
        _current.reset(token)


def current() -> Language:
    """Return the language that is written in."""
    return _current.get() or _nearest(DEFAULT)


def gettext(message: str, **values: Any) -> str:
    """Return a message in the reader's language, with its values: ``gettext("Order %(number)s", number=number)``."""
    return current().catalogue.gettext(message) % values


def ngettext(singular: str, plural: str, num: int, **values: Any) -> str:
    """Return the form of a message that the reader's language has for a number, which is the value `num`."""
    return current().catalogue.ngettext(singular, plural, num) % {"num": num, **values}


def N_(message: str) -> str:  # noqa: N802 - the name by which gettext's tools know it
    """Mark a message that is kept somewhere and translated later. Return it as it is."""
    return message


@cache
def tags() -> frozenset[str]:
    """Return the languages that there are, by their tags."""
    return frozenset({DEFAULT, *(path.stem for path in CATALOGUES.glob("*.po"))})


@lru_cache(maxsize=256)  # anybody can send a tag of their own
def _nearest(tag: str) -> Language:
    from babel import Locale, UnknownLocaleError

    tag = re.split("-[A-Za-z0-9](?=-)", tag)[0]  # without extensions
    language = tag.partition("-")[0].lower()
    if language not in tags():
        tag = language = DEFAULT
    try:
        locale = Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        locale = Locale(language)
    name = str(locale)
    return Language(name.replace("_", "-"), locale.text_direction, name, _DATES.get(name, name), _catalogue(language))


@cache
def _catalogue(language: str) -> NullTranslations:
    """Return a language's translations. They are read as translators write them, so no build comes before."""
    if language == DEFAULT:
        return NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    with (CATALOGUES / f"{language}.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
