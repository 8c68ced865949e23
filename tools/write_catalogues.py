"""Bring the catalogues of translations up to date with the messages in the code and in the templates of emails.

- `python tools/write_catalogues.py` writes each catalogue again.
- `python tools/write_catalogues.py --check` only says which one is not up to date.
- `python tools/write_catalogues.py it` begins a catalogue for Italian.

A message that is new stands in each catalogue without a translation. One that is gone leaves them. A message whose
words have changed is a new message: nobody guesses which translation it had.
"""

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "layers/common/boxoffice"
CATALOGUES = PACKAGE / "catalogues"

_METHODS = [("**.py", "python"), ("**/templates/*.html", "jinja2"), ("**/templates/*.txt", "jinja2")]
_JINJA = {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
_KEYWORDS = {"gettext": None, "ngettext": (1, 2), "_": None, "N_": None}
_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)  # a date that changed with each run would change every file


def messages() -> Catalog:
    """Return all messages of the project, without translations."""
    found = Catalog()
    options = {pattern: _JINJA for pattern, method in _METHODS if method == "jinja2"}
    for file, _, message, comments, context in extract_from_dir(
        PACKAGE, _METHODS, options, _KEYWORDS, comment_tags=("NOTE:",), strip_comment_tags=True
    ):
        found.add(message, locations=[(file, 0)], auto_comments=comments, context=context)
    return found


def read(path: Path) -> Catalog:
    """Return a catalogue as it stands."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem)


def updated(catalogue: Catalog, wanted: Catalog) -> bytes:
    """Return the file of a catalogue with the messages that are wanted, and the translations that it has."""
    catalogue.update(wanted, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.project, catalogue.version, catalogue.fuzzy = "Boxoffice", "", False
    catalogue.creation_date = catalogue.revision_date = _NO_DATE
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = ""
    catalogue.copyright_holder = "the authors of Boxoffice"
    catalogue.header_comment = (
        f"# {catalogue.locale.english_name}: what Boxoffice writes to people. See docs/emails.md."
    )
    file = BytesIO()
    write_po(file, catalogue, width=110, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    return file.getvalue()


def main(arguments: list[str]) -> int:
    """Write the catalogues, or check them. Return 1 if one is not up to date."""
    wanted = messages()
    check = arguments == ["--check"]
    for locale in [] if check else arguments:
        path = CATALOGUES / f"{locale}.po"
        path.write_bytes(updated(Catalog(locale), wanted))
    stale = [path for path in sorted(CATALOGUES.glob("*.po")) if updated(read(path), wanted) != path.read_bytes()]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is not up to date: run python tools/write_catalogues.py")
        else:
            path.write_bytes(updated(read(path), wanted))
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
