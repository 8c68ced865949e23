"""Finds a stack for the demo: one that runs already, or a new one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from local.boxoffice import demo_data
from local.boxoffice.demo.story import say
from local.boxoffice.project import BOXOFFICE
from local.stack.supervisor import Stack


@contextmanager
def running_or_fresh(url: str, hold_minutes: float) -> Iterator[str]:
    """Yield the URL of the stack at `url` if one runs there, else of a new one."""
    if _is_stack(url):
        say(f"Using the stack at {url}")
        yield url
        return
    say(f"Starting a stack, since none runs at {url}")
    with fresh(hold_minutes) as own:
        yield own


@contextmanager
def fresh(hold_minutes: float) -> Iterator[str]:
    """Yield the URL of a new stack with the demo data. It is deleted at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="boxoffice-demo-") as folder,
        Stack(BOXOFFICE.with_variables(HOLD_MINUTES=str(hold_minutes)), Path(folder), port=0) as stack,
    ):
        demo_data.ensure(stack.url, stack.owner_url)
        yield stack.url


def _is_stack(url: str) -> bool:
    try:
        return httpx.get(f"{url}/_local/emails?limit=1", headers={"Accept": "application/json"}, timeout=10).is_success
    except httpx.TransportError:
        return False
