"""Named statements. Every statement of a domain stands in its queries.sql, under a line ``-- name: …``."""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


class Queries:
    """A domain's statements as attributes: ``queries("orders").get_order``."""

    def __init__(self, statements: dict[str, str]) -> None:
        self._statements = statements

    def __getattr__(self, name: str) -> LiteralString:
        try:
            # The text comes from a file of ours and is never assembled, which is what LiteralString stands for.
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"no statement named {name}") from None

    def __dir__(self) -> list[str]:
        return list(self._statements)


@cache
def queries(domain: str = "") -> Queries:
    """The statements of a domain; without one, those of the shared modules."""
    text = (Path(__file__).parent / domain / "queries.sql").read_text()
    _, *parts = _NAME.split(text)
    return Queries(dict(zip(parts[::2], map(_strip_comments, parts[1::2]), strict=True)))


def _strip_comments(statement: str) -> str:
    """Without the comments, which would travel to the server with each call."""
    return re.sub(r"^\s*--.*\n", "", statement, flags=re.MULTILINE).strip()
