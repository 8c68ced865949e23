"""The fixtures of the end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder for the state of a local stack.

    PostgreSQL's user must reach it. It cannot reach pytest's folders: the next run would shut it out.
    """
    with TemporaryDirectory() as folder:
        yield Path(folder)
