"""One example for each function. The OpenAPI document shows it, sample events contain it, and tests call with it.

examples/<domain>/<function>.json has what a call needs. A function that needs nothing has no file. A name in braces,
such as `{event}`, stands for an id: in documents for one of names.json, in tests for that of a row.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "examples"
_NAME = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Example:
    """The input that a function is called with.

    Attributes:
        path: the parameters in the path of an operation.
        query: the required query parameters of an operation.
        token_of: whose token lets a guest through, by its name in braces, such as `order`.
        message: the body of a message of the function's queue.
        event: the whole event of a function that has neither route nor queue nor schedule.
    """

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    token_of: str | None = None
    message: Any = None
    event: Any = None


@cache
def sample_names() -> dict[str, str]:
    """Return the value of each name in documents."""
    return dict(json.loads((FOLDER / "names.json").read_text()))


def example_of(function: str, names: Mapping[str, str] | None = None) -> Example:
    """Return a function's example with its names replaced by ``names``, or by those for documents.

    Raises:
        KeyError: the example has a name that is not in ``names``.
    """
    example = _read(function)
    return Example(**_replace(example, sample_names() if names is None else names)) if example else Example()


@cache
def _read(function: str) -> dict[str, Any]:
    files = list(FOLDER.glob(f"*/{function}.json"))
    return dict(json.loads(files[0].read_text())) if files else {}


def _replace(value: Any, names: Mapping[str, str]) -> Any:
    match value:
        case str():
            return _NAME.sub(lambda match: names[match[1]], value)
        case list():
            return [_replace(each, names) for each in value]
        case dict():
            return {key: _replace(each, names) for key, each in value.items()}
        case _:
            return value
