"""One example a function: the OpenAPI document shows it, sample events hold it, and the tests call with it.

examples/<domain>/<function>.json says what a call needs; a function that needs nothing has no file. A name in braces,
such as `{event}`, stands for something that exists: for the id in names.json in documents, for that of a row in tests.
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
    """What a function is called with.

    Attributes:
        path: the parameters in the path of an operation.
        query: the parameters that an operation cannot do without.
        token_of: the name of the thing whose token lets a guest through, such as `order`.
        message: what a message of the function's queue says.
        event: the whole event, where a function has neither route nor queue nor schedule.
    """

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    token_of: str | None = None
    message: Any = None
    event: Any = None


@cache
def sample_names() -> dict[str, str]:
    """Return what each name stands for in documents."""
    return dict(json.loads((FOLDER / "names.json").read_text()))


def example_of(function: str, names: Mapping[str, str] | None = None) -> Example:
    """Return a function's example with its names replaced, by those for documents if none are given.

    Raises:
        KeyError: the example has a name that stands for nothing.
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
