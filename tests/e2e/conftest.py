"""A folder for the state of a local stack."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that PostgreSQL's own user can reach.

    One of pytest's would not do: each run that starts shuts other users out of them.
    """
    with TemporaryDirectory() as folder:
        yield Path(folder)
