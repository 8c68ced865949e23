"""What all templates of emails have in common, for mail programs that know little."""

import re
from html import unescape
from pathlib import Path

import jinja2
import pytest

from boxoffice import emails, languages
from boxoffice.email_design import InlineStyles, type_size
from local.boxoffice import email_samples
from tests.unit.core.test_languages import WANTED

ROOT = Path(emails.__file__).parent
TEMPLATES = sorted(path for path in ROOT.glob("**/templates/*.html") if path.name != "_layout.html")
_UNSEEN = re.compile(r"<head>.*</head>|<div style=\"display:none[^>]*>.*?</div>|<!--.*?-->", re.DOTALL)
_MARKUP = re.compile(r"</?(p|td|a|strong|bdi|br)\b|&[a-z]+;|%\(|\{\{")
LAYOUT = (ROOT / "templates/_layout.html").read_text()


@pytest.fixture
def inlined() -> InlineStyles:
    return InlineStyles(jinja2.Environment(autoescape=True))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_each_template_has_the_frame(path: Path) -> None:
    source = path.read_text()
    if path.name == "_parts.html":
        return
    assert path.name.startswith("_") or source.startswith("{% extends layout %}\n")
    assert "<style" not in source
    assert '<a class="button"' not in source, "buttons are made by `button`, for Outlook"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_each_element_brings_its_style(path: Path, inlined: InlineStyles) -> None:
    for tag in re.findall(r"<(?:h[1-3]|p|ul|li|a)\b[^>]*>", inlined.preprocess(path.read_text(), path.name)):
        assert tag.count(' style="') == 1, tag
        assert tag.count("'") == 0, "nothing ends the attribute early"


def test_no_paragraph_has_a_button_in_it() -> None:
    for source in (LAYOUT, *(path.read_text() for path in TEMPLATES)):
        assert not re.search(r"<p\b[^>]*>{{ button", source), "a button is a table, which ends a paragraph"


def test_the_layout_tells_programs_its_language_and_its_palettes() -> None:
    assert LAYOUT.startswith('<!doctype html>\n<html lang="{{ language.tag }}" dir="{{ language.direction }}">')
    assert '<meta name="color-scheme" content="light dark">' in LAYOUT
    assert "@media (prefers-color-scheme: dark)" in LAYOUT
    assert "[data-ogsc]" in LAYOUT, "for Outlook on the web"
    assert len(re.findall(r"<table\b", LAYOUT)) == len(re.findall(r'<table role="presentation"', LAYOUT)) == 3


def test_each_template_has_a_sample() -> None:
    sampled = {name.partition(",")[0] for name in email_samples.names()}
    assert sampled == {path.stem for path in TEMPLATES if not path.name.startswith("_")}
    assert email_samples.subjects() <= {each.id for each in WANTED}


@pytest.mark.parametrize("language", email_samples.shown_languages())
def test_each_email_says_the_same_in_html_and_in_text(language: str) -> None:
    """In every language, and with names that are hard to show. No value is undefined, and none is HTML."""
    for name in email_samples.names():
        for cast in email_samples.CASTS:
            with languages.written_in(language):
                content = email_samples.write(name, cast)
            shown = words_of(re.sub(r"<[^>]*>", " ", _UNSEEN.sub("", content.html)))
            missing = [word for word in words_of(content.text) if word not in shown]
            assert not missing, (name, missing)
            assert content.text.endswith("\n")
            assert "\n\n\n" not in content.text
            assert not _MARKUP.search(content.text), name
            assert "<Söhne>" not in content.html
            assert not re.search(r'="[^"]*<', content.html), "no element is in an attribute"
            assert f'lang="{language}" dir="ltr"' in content.html


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\s\u2068\u2069()•,:.-]+", re.sub(r"https://\S+", "", unescape(text)))


@pytest.mark.parametrize(
    ("title", "size"),
    [
        ("Slow Tide", "large"),
        ("Night of the Hundred Rivers", "large"),
        ("شب شعر علی‌رضا قربانی", "large"),
        ("Weihnachtsoratorium", "medium"),
        ("京都雅楽演奏会", "large"),
        ("京都雅楽演奏会東京特別公演", "little"),
        ("Donaudampfschifffahrtsgesellschaftskapitänswitwe", "little"),
        ("The long evening of the hundred rivers, part two", "medium"),
        ("word " * 40, "little"),
        ("", "large"),
    ],
)
def test_the_longest_word_of_a_title_fits_a_phone(title: str, size: str) -> None:
    """In bold Helvetica a letter is about 0.56 em wide. A phone has 358 px: 14 at 42 px, 21 at 30 px, 29 at 22 px."""
    assert type_size(title) == size


def test_the_line_beside_the_subject_says_what_comes_next() -> None:
    said = "You have paid.\n\nJazz\n" + "x" * 500
    beside = ("You have paid. Jazz " + "x" * 500)[:160]
    assert emails._preheader("Your tickets", f"Your tickets\n\n{said}") == beside
    assert emails._preheader("Your tickets", said) == beside
