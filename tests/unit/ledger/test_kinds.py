"""The tables of docs/money.md say of each kind of transfer from which account it takes, and to which one."""

import re
from collections.abc import Iterator

from boxoffice.ledger.kinds import KINDS
from tests.helpers.support import ROOT


def documented() -> Iterator[tuple[str, str, str]]:
    """Yield each kind that a table names, with its accounts."""
    header: list[str] = []
    for line in (ROOT / "docs/money.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        header = header if cells and header else cells
        if "from" not in header or cells == header:
            continue
        named = [(column, re.findall(r"`(\w+)`", cell)) for column, cell in zip(header, cells, strict=True)]
        kinds = [name for column, names in named if column.startswith("kind") for name in names]
        begins, ends = (names for column, names in named if column in ("from", "to"))
        if begins:
            yield from zip(kinds, begins * (len(kinds) // len(begins)), ends * (len(kinds) // len(ends)), strict=True)


def test_the_documentation_has_the_accounts_of_each_kind() -> None:
    found = [*documented()]
    assert sorted(found) == sorted((name, kind.from_account, kind.to_account) for name, kind in KINDS.items())
