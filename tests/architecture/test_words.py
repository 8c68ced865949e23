"""Documents, emails and code have short sentences, use the words of the glossary, and cite decisions that exist.

A sentence ends with a full stop, a question mark or an exclamation mark. Colons and semicolons do not end it. A
heading, an item of a list and a paragraph each begin a new one. A piece of code counts as one word. Tables and blocks
of code do not count.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import pytest

from tests.helpers.support import ROOT

LAYER = ROOT / "layers/common/boxoffice"
DOCS = sorted(ROOT.glob("docs/*.md"))
DOCUMENTS = [*DOCS, *sorted(ROOT.glob("*.md"))]
EMAILS = sorted(path for path in LAYER.glob("**/templates/*") if path.is_file())
CODE = [
    "functions/accounts",
    "functions/events",
    "functions/messaging",
    "functions/organisations",
    "functions/payments",
    "functions/refunds",
    "functions/slots",
    "functions/ticket_types",
    "functions/tickets",
    "functions/vouchers",
    "layers/common/boxoffice/db.py",
    "layers/common/boxoffice/idempotency.py",
    "layers/common/boxoffice/jobs.py",
    "layers/common/boxoffice/outbox.py",
    "layers/common/boxoffice/organisations",
    "layers/common/boxoffice/platform",
    "layers/common/boxoffice/pricing",
    "functions/admin",
    "tests/concurrency/test_admins.py",
    "tests/concurrency/test_audit.py",
    "tests/integration/admin",
    "tools",
    "functions/platform",
    "layers/common/boxoffice/accounts",
    "layers/common/boxoffice/admin",
    "layers/common/boxoffice/messaging",
    "layers/common/boxoffice/slots",
    "layers/common/boxoffice/queries.sql",
    "layers/common/boxoffice/answer.py",
    "layers/common/boxoffice/api.py",
    "layers/common/boxoffice/audit.py",
    "layers/common/boxoffice/auth.py",
    "layers/common/boxoffice/config.py",
    "layers/common/boxoffice/emails.py",
    "layers/common/boxoffice/errors.py",
    "layers/common/boxoffice/examples.py",
    "layers/common/boxoffice/ics.py",
    "layers/common/boxoffice/ids.py",
    "layers/common/boxoffice/models.py",
    "layers/common/boxoffice/money.py",
    "layers/common/boxoffice/observability.py",
    "layers/common/boxoffice/openapi.py",
    "layers/common/boxoffice/pagination.py",
    "layers/common/boxoffice/problems.py",
    "layers/common/boxoffice/rate_limit.py",
    "layers/common/boxoffice/routes.py",
    "layers/common/boxoffice/sample_events.py",
    "layers/common/boxoffice/signing.py",
    "layers/common/boxoffice/sql.py",
    "layers/common/boxoffice/telemetry.py",
    "layers/common/boxoffice/times.py",
    "layers/common/boxoffice/version.py",
    "layers/common/boxoffice/versions.py",
    "tests/integration/accounts",
    "tests/integration/core",
    "tests/integration/messaging",
    "tests/integration/organisations",
    "tests/integration/platform",
    "tests/integration/slots",
    "tests/unit/accounts",
    "tests/unit/core",
    "tests/unit/messaging",
    "tests/unit/organisations",
    "tests/unit/slots",
    "tests/concurrency/test_email_workers.py",
    "tests/concurrency/test_sessions.py",
    "tests/concurrency/test_slots.py",
    "tests/faults/test_email_worker.py",
    "tests/faults/test_killed_accounts.py",
    "tests/faults/test_killed_attendants.py",
    "functions/checkin",
    "layers/common/boxoffice/checkin",
    "layers/common/boxoffice/tickets",
    "tests/concurrency/test_offline_scans.py",
    "tests/concurrency/test_scans.py",
    "tests/concurrency/test_transfers.py",
    "tests/faults/test_killed_scans.py",
    "tests/faults/test_killed_transfers.py",
    "tests/integration/checkin",
    "tests/integration/tickets",
    "tests/unit/checkin",
    "tests/unit/tickets",
    "functions/waitlist",
    "layers/common/boxoffice/events",
    "layers/common/boxoffice/seats",
    "layers/common/boxoffice/stock",
    "layers/common/boxoffice/ticket_types",
    "layers/common/boxoffice/waitlist",
    "tests/concurrency/test_quantity_edits.py",
    "tests/concurrency/test_seats.py",
    "tests/concurrency/test_waitlist.py",
    "tests/faults/test_killed_managers.py",
    "tests/faults/test_killed_seats_and_offers.py",
    "tests/integration/events",
    "tests/integration/ticket_types",
    "tests/integration/waitlist",
    "tests/unit/events",
    "tests/unit/stock",
    "tests/unit/ticket_types",
    "layers/common/boxoffice/migrations",
    "layers/common/boxoffice/schema.sql",
    "bench",
    "local",
    "tests/architecture",
    "tests/conftest.py",
    "tests/e2e",
    "tests/helpers",
    "functions/orders",
    "layers/common/boxoffice/orders",
    "layers/common/boxoffice/payments",
    "layers/common/boxoffice/refunds",
    "layers/common/boxoffice/vouchers",
    "tests/concurrency/test_payments.py",
    "tests/concurrency/test_purchases.py",
    "tests/concurrency/test_refunds.py",
    "tests/concurrency/test_terms_of_sale.py",
    "tests/faults/test_killed_buyers.py",
    "tests/faults/test_killed_cancellations.py",
    "tests/faults/test_killed_payments.py",
    "tests/faults/test_killed_refunds.py",
    "tests/integration/orders",
    "tests/integration/payments",
    "tests/integration/refunds",
    "tests/integration/vouchers",
    "tests/stateful",
    "tests/unit/orders",
    "tests/unit/payments",
    "tests/unit/pricing",
    "tests/unit/refunds",
    "tests/unit/vouchers",
]
"""The folders and files of code whose sentences are checked, from the root of the repository."""

MOST_WORDS = 25
DECISION = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)

COMING = frozenset(["group ticket"])
"""Words of the glossary that code is about to use."""


# ------------------------------------------------------------------------------------------------------ reading files


def faults_of(path: Path) -> list[str]:
    """Return the sentences of a file that are too long, or that begin with "Whether"."""
    faults = []
    for block in _READERS[path.suffix](path.read_text()):
        for sentence in sentences_of(block):
            words = re.findall(r"\S*\w\S*", sentence)
            if len(words) > MOST_WORDS or sentence.startswith("Whether "):
                faults.append(f"{len(words)} words: {sentence}")
    return faults


def sentences_of(block: str) -> list[str]:
    """Return the sentences of a paragraph."""
    text = " ".join(block.split())
    return re.split(r"""(?<=[.!?])["”)*_]*\s+(?=["“(*_…]*[A-Z0-9])""", text) if text else []


def _markdown(text: str) -> Iterator[str]:
    text = re.sub(r"```.*?```|<!--.*?-->", "\n\n", text, flags=re.DOTALL)
    text = re.sub(r"^\s*\|.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", _without_code(text))
    yield from _blocks(text)


def _html(text: str) -> Iterator[str]:
    text = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"</?(?:a|strong)\b[^>]*>", "", text)
    yield from _template(re.sub(r"<[^>]*>", "\n\n", text))


def _template(text: str) -> Iterator[str]:
    text = re.sub(r"^\s*\{%.*%\}\s*$", "\n", text, flags=re.MULTILINE)
    text = re.sub(r"\{%.*?%\}", " ", text)
    yield from _blocks(re.sub(r"\{\{.*?\}\}", "X", text))


def _python(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(docstring))):
                yield from _docstring(docstring)
            case ast.Assign(
                targets=[ast.Name(id="detail" | "meaning" | "remedy")], value=ast.Constant(value=str(text))
            ):
                yield text
            case ast.keyword(arg="description", value=ast.Constant(value=str(text))):
                yield text
            case ast.Call(func=ast.Name(id="gettext" | "ngettext" | "N_"), args=[ast.Constant(value=str(text)), *_]):
                yield text
    yield from _comments(source)


def _docstring(text: str) -> Iterator[str]:
    text = re.sub(r"^(Args|Attributes|Raises|Returns|Yields):$", "", cleandoc(text), flags=re.MULTILINE)
    text = re.sub(r"^ {4}[\w*., ]+: ", "\n\n", text, flags=re.MULTILINE)  # each argument begins anew
    yield from _blocks(_without_code(text))


def _comments(text: str) -> Iterator[str]:
    """Yield comments. Those that fill lines of their own, one after another, are one paragraph."""
    block: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or re.match(r"# (noqa|type)\b", token.string):
            continue
        line, alone = token.start[0], token.line.lstrip().startswith("#")
        if not (alone and line == last + 1):
            yield _without_code(" ".join(block))
            block = []
        block.append(token.string.lstrip("# "))
        last = line if alone else 0
    yield _without_code(" ".join(block))


def _sql(text: str) -> Iterator[str]:
    text = re.sub(r"^\s*-- (name: .*|-+.*)$", "", text, flags=re.MULTILINE)
    for block in re.findall(r"(?:^[ \t]*-- .*\n?)+", text, flags=re.MULTILINE):
        yield _without_code(re.sub(r"^\s*-- ", "", block, flags=re.MULTILINE))


def _without_code(text: str) -> str:
    return re.sub(r"(`+)[^`]+\1", "Code", text)


def _blocks(text: str) -> Iterator[str]:
    """Yield the paragraphs, headings and items of lists of a text."""
    text = re.sub(r"^#+ (.*)$", r"\n\n\1\n\n", text, flags=re.MULTILINE)
    yield from re.split(r"\n\s*\n", re.sub(r"^\s*(?:[-*]|\d+\.) ", "\n\n", text, flags=re.MULTILINE))


_READERS = {".md": _markdown, ".html": _html, ".txt": _template, ".py": _python, ".sql": _sql}


def _code() -> list[Path]:
    listed = [ROOT / name for name in CODE]
    files = [*(path for path in listed if path.is_file()), *(file for path in listed for file in path.rglob("*.*"))]
    return sorted(path for path in files if path.suffix in {".py", ".sql"})


# ---------------------------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize("path", [*DOCUMENTS, *EMAILS, *_code()], ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_are_short(path: Path) -> None:
    assert faults_of(path) == []


def test_a_long_sentence_is_found_in_every_kind_of_file(tmp_path: Path) -> None:
    long = " ".join(["word"] * (MOST_WORDS + 1)) + "."
    half = " ".join(["word"] * (MOST_WORDS // 2 + 1))
    texts_by_file = {
        "a.md": [long, f"- {half}\n  {half}", f"It is short. {long.capitalize()}", f"**{half}** {half}: `code`"],
        "b.html": [f"<p>{half} <strong>{half}</strong></p>", f"<li>{half}{{% if x %}} {half}{{% endif %}}</li>"],
        "c.txt": [f"{half}\n{half} {{{{ link }}}}"],
        "d.py": [
            f'"""{long}"""',
            f"# {half}\n# {half}",
            f'class A:\n    detail = "{long}"',
            f'f(description="{long}")',
            f'gettext("{long}", a=1)',
        ],
        "e.sql": [f"-- name: x\n-- {half}\n-- {half}\nSELECT 1"],
    }
    for name, texts in texts_by_file.items():
        for text in texts:
            path = tmp_path / name
            path.write_text(text)
            assert len(faults_of(path)) == 1, text


def test_many_short_sentences_pass(tmp_path: Path) -> None:
    half = " ".join(["word"] * (MOST_WORDS // 2 + 1))
    texts_by_file = {
        "a.md": f"# {half}\n{half}.\n\n| {half} | {half} |\n\n```\n{half} {half}\n```\n- {half}\n- `a {half}`\n",
        "b.html": f"<style>{half} {half}</style><p>{half}</p><p>{half}. A{half}.</p>",
        "c.txt": f"{half}\n\n{half}\n{{% if x %}}\n{half}\n{{% endif %}}\n",
        "d.py": f'"""{half}.\n\nArgs:\n    a: {half}\n    b: {half}\n"""\nx = 1  # {half}\ny = 2  # {half}\n# {half}\n',
        "e.sql": f"-- name: {half}\n-- {half}\nSELECT 1\n-- {half}\n",
    }
    for name, text in texts_by_file.items():
        path = tmp_path / name
        path.write_text(text)
        assert faults_of(path) == []


# ------------------------------------------------------------------------------------------------------------- words


def _glossary() -> dict[str, str]:
    """Return the words of the glossary, each with its whole line."""
    lines = (ROOT / "docs/glossary.md").read_text().splitlines()
    return {match[1]: line for line in lines if (match := re.match(r"\| \*\*(.+?)\*\*", line))}


def test_the_glossary_has_what_a_reader_of_the_schema_meets() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text()
    tables = re.findall(r"CREATE (?:TABLE|TYPE) (\w+)", (LAYER / "schema.sql").read_text())
    words = set(_glossary())
    unknown = [name for name in tables if f"`{name}`" not in glossary and not {*_spellings(name)} & words]
    packages = [path.parent.name for path in LAYER.glob("*/service.py")]
    unknown += [name for name in packages if f"`{name}`" not in glossary and not {*_spellings(name)} & words]
    assert unknown == []


def _spellings(name: str) -> list[str]:
    words = name.replace("_", " ")
    return [words, words.removesuffix("s"), words.removesuffix("ies") + "y"]


def test_code_uses_the_words_of_the_glossary() -> None:
    files = [*LAYER.rglob("*.py"), *LAYER.rglob("*.sql"), *(ROOT / "functions").rglob("*.py")]
    code = re.sub(r"[_\s]+", " ", " ".join(path.read_text() for path in files)).lower()
    unused = {word for word, line in _glossary().items() if "Not built yet." not in line and not _is_in(code, word)}
    assert unused <= COMING


def _is_in(code: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}", code) is not None


def test_the_glossary_is_in_order() -> None:
    sections = (ROOT / "docs/glossary.md").read_text().split("\n## ")[1:]
    for section in sections:
        words = re.findall(r"^\| \*\*(.+?)\*\*", section, flags=re.MULTILINE)
        assert words == sorted(words)


# --------------------------------------------------------------------------------------------------------- decisions


def _decisions() -> dict[int, str]:
    return {int(number): title for number, title in DECISION.findall((ROOT / "docs/decisions.md").read_text())}


def test_decisions_are_numbered_and_listed() -> None:
    text = (ROOT / "docs/decisions.md").read_text()
    decisions = _decisions()
    assert list(decisions) == list(range(1, len(decisions) + 1))
    listed = re.findall(r"^- \[(\d+)\. (.+?)\]\(#", text, flags=re.MULTILINE)
    assert {int(number): title for number, title in listed} == decisions
    for number in decisions:
        assert re.search(rf"^## {number}\. .+\n\n\*\d{{4}}-\d\d-\d\d\*$", text, flags=re.MULTILINE), "it has a date"


def test_decisions_that_are_cited_exist() -> None:
    folders = ["layers", "functions", "local", "bench", "tests", "docs"]
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in _READERS]
    cited: dict[int, Path] = {}
    for path in [*files, *DOCUMENTS, ROOT / "template.yaml"]:
        cited |= dict.fromkeys(map(int, re.findall(r"\bdecision (\d+)\b", path.read_text())), path)
    assert {number: path for number, path in cited.items() if number not in _decisions()} == {}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        aim = path.parent / name if name else path
        assert aim.exists(), target
        assert not anchor or anchor in _anchors(aim), target


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
