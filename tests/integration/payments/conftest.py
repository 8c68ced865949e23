"""Servers of providers, started once, and the job that asks them."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg import Connection

from tests.helpers import provider_servers
from tests.helpers.provider_servers import Flutterwave, Receiver, Stripe
from tests.helpers.support import Client, context, function


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[Stripe]:
    server = Stripe()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def flutterwave_server() -> Iterator[Flutterwave]:
    server = Flutterwave()
    yield server
    server.stop()


@pytest.fixture
def stripe(api: Client, stripe_server: Stripe) -> Iterator[Stripe]:
    """The deployment's account at Stripe. Its webhooks are lost unless a test says where to send them."""
    with provider_servers.at(stripe_server):
        stripe_server.tell(None)
        yield stripe_server


@pytest.fixture
def flutterwave(api: Client, flutterwave_server: Flutterwave) -> Iterator[Flutterwave]:
    with provider_servers.at(flutterwave_server):
        yield flutterwave_server


@pytest.fixture
def receiver(api: Client) -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def reconcile(api: Client, conn: Connection) -> Callable[[], dict[str, Any]]:
    """Make all payments and refunds due, and run the job."""

    def run() -> dict[str, Any]:
        provider_servers.due(conn)
        a_minute = SimpleNamespace(**{**vars(context()), "get_remaining_time_in_millis": lambda: 60_000})
        return dict(function("reconcile_payments").handler({}, a_minute))

    return run
