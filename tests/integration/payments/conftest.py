"""Servers of providers, started once, and the job that asks them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg import Connection

from tests.helpers import provider_servers
from tests.helpers.provider_servers import Receiver
from tests.helpers.support import Client, function


@pytest.fixture
def receiver(api: Client) -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def reconcile(api: Client, conn: Connection) -> Callable[[], dict[str, Any]]:
    """Make all payments and refunds due, and run the job."""

    def run() -> dict[str, Any]:
        provider_servers.make_all_due(conn)
        return dict(function("reconcile_payments").handler({}, provider_servers.context_of_a_minute()))

    return run
