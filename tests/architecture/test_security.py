"""docs/security.md is complete and true: it has each requirement once, and shows what it claims by files that exist."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.support import ROOT

TEXT = (ROOT / "docs/security.md").read_text()

# The requirements of levels 1 and 2 of the ASVS 5.0, by section.
ASVS = {
    "1.1": "1-2",
    "1.2": "1-9",
    "1.3": "1-11",
    "1.4": "1-3",
    "1.5": "1-2",
    "2.1": "1-3",
    "2.2": "1-3",
    "2.3": "1-4",
    "2.4": "1",
    "3.2": "1-2",
    "3.3": "1-4",
    "3.4": "1-6",
    "3.5": "1-5",
    "3.7": "1-2",
    "4.1": "1-3",
    "4.2": "1",
    "4.3": "1-2",
    "4.4": "1-4",
    "5.1": "1",
    "5.2": "1-3",
    "5.3": "1-2",
    "5.4": "1-3",
    "6.1": "1-3",
    "6.2": "1-12",
    "6.3": "1-4",
    "6.4": "1-4",
    "6.5": "1-5",
    "6.6": "1-3",
    "6.8": "1-4",
    "7.1": "1-3",
    "7.2": "1-4",
    "7.3": "1-2",
    "7.4": "1-5",
    "7.5": "1-2",
    "7.6": "1-2",
    "8.1": "1-2",
    "8.2": "1-3",
    "8.3": "1",
    "8.4": "1",
    "9.1": "1-3",
    "9.2": "1-4",
    "10.1": "1-2",
    "10.2": "1-2",
    "10.3": "1-4",
    "10.4": "1-11",
    "10.5": "1-5",
    "10.6": "1-2",
    "10.7": "1-3",
    "11.1": "1-2",
    "11.2": "1-3",
    "11.3": "1-3",
    "11.4": "1-4",
    "11.5": "1",
    "11.6": "1",
    "12.1": "1-3",
    "12.2": "1-2",
    "12.3": "1-4",
    "13.1": "1",
    "13.2": "1-5",
    "13.3": "1-2",
    "13.4": "1-5",
    "14.1": "1-2",
    "14.2": "1-4",
    "14.3": "1-3",
    "15.1": "1-3",
    "15.2": "1-3",
    "15.3": "1-7",
    "16.1": "1",
    "16.2": "1-5",
    "16.3": "1-4",
    "16.4": "1-3",
    "16.5": "1-3",
    "17.1": "1",
    "17.2": "1-4",
    "17.3": "1-2",
}

# Functions of a GET that open a transaction to read in it.
READ_IN_A_TRANSACTION = {"check_invariants", "list_api_keys"}


class Row(NamedTuple):
    number: str
    stands: str
    answer: str
    files: list[str]


def _rows() -> list[Row]:
    found = re.findall(r"^\| (\d+\.\d+\.\d+) \| [^|]+ \| ([a-z ]+) \| ([^|]+) \| ?([^|]*)\|$", TEXT, flags=re.MULTILINE)
    return [Row(number, stands, answer, re.findall(r"`([^`]+)`", shown)) for number, stands, answer, shown in found]


def _numbers() -> list[str]:
    numbers = []
    for section, parts in ASVS.items():
        for part in parts.split():
            first, _, last = part.partition("-")
            numbers += [f"{section}.{number}" for number in range(int(first), int(last or first) + 1)]
    return numbers


def test_each_requirement_appears_once_and_in_order() -> None:
    assert len(_numbers()) == 253
    assert [row.number for row in _rows()] == _numbers()


def test_a_requirement_is_met_or_open_or_does_not_apply() -> None:
    assert {row.stands for row in _rows()} == {"met", "not applicable", "open"}


def test_what_is_met_is_shown_by_a_file_and_the_rest_has_a_reason() -> None:
    assert [row.number for row in _rows() if row.stands == "met" and not row.files] == []
    assert [row.number for row in _rows() if not row.answer.strip()] == []


def test_files_that_the_page_names_exist() -> None:
    named = set(re.findall(r"`([\w][\w./-]*\.(?:py|md|json|toml|yaml|lock))`", TEXT)) | {"layers/common/Makefile"}
    missing = {name for name in named - {"sbom.json", "requirements.lock"} if not _exists(name)}

    assert missing == set()
    assert [name for row in _rows() for name in row.files if not _exists(name)] == []


def _exists(name: str) -> bool:
    return (ROOT / name).is_file() or (ROOT / "tests" / name).is_file()


def test_the_summary_counts_right() -> None:
    lines = re.findall(r"^\| \[(\d+)\. [^|]+ \| (\d+) \| (\d+) \| (\d+) \|$", TEXT, flags=re.MULTILINE)
    counted = Counter((row.number.partition(".")[0], row.stands) for row in _rows())

    assert [chapter for chapter, *_ in lines] == [str(number) for number in range(1, 18)]
    for chapter, *numbers in lines:
        assert [counted[chapter, stands] for stands in ("met", "not applicable", "open")] == list(map(int, numbers))
    total = Counter(row.stands for row in _rows())
    assert f"| all 253 | {total['met']} | {total['not applicable']} | {total['open']} |" in TEXT


def test_the_list_of_what_is_open_has_each_once() -> None:
    listed = re.findall(r"\d+\.\d+\.\d+", TEXT.partition("### What is open")[2].partition("\n## ")[0])

    assert sorted(listed) == sorted(row.number for row in _rows() if row.stands == "open")


def test_the_top_ten_is_whole() -> None:
    assert re.findall(r"^\| API(\d+) ", TEXT, flags=re.MULTILINE) == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("path", sorted(ROOT.glob("functions/*/*.py")), ids=lambda path: path.stem)
def test_a_get_opens_no_transaction_to_write(path: Path) -> None:
    text = path.read_text()
    assert '@route("GET"' not in text or "transaction(" not in text or path.stem in READ_IN_A_TRANSACTION
