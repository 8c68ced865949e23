"""Named SQL statements. Those of a domain stand in its queries.sql, each under a line ``-- name: …``."""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


class Queries:
    """The statements of a domain as attributes: ``queries("orders").get_order``."""

    def __init__(self, statements: dict[str, str]) -> None:
        self._statements = statements

    def __getattr__(self, name: str) -> LiteralString:
        try:
            # The text is from one of our files and never assembled, so LiteralString is the truth.
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"no statement named {name}") from None

    def __dir__(self) -> list[str]:
        return list(self._statements)


@cache
def queries(domain: str = "") -> Queries:
    """Return the statements of a domain; without a domain, those of the shared modules."""
    text = (Path(__file__).parent / domain / "queries.sql").read_text()
    _, *parts = _NAME.split(text)
    statements = dict(zip(parts[::2], map(_strip_comments, parts[1::2]), strict=True))
    assert len(statements) == len(parts) / 2, f"two statements of {domain or 'the shared modules'} have one name"
    return Queries(statements)


def _strip_comments(statement: str) -> str:
    """Return a statement without its comments, which each call would send to the server."""
    return re.sub(r"^\s*--.*\n", "", statement, flags=re.MULTILINE).strip()
