"""Servers of providers, started once, and the job that asks them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg import Connection

from boxoffice import config
from tests.helpers import provider_servers
from tests.helpers.provider_servers import Receiver
from tests.helpers.support import Client, function


@pytest.fixture
def receiver(api: Client) -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def refund_queue(api: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make a refund queue for the test. Yield its URL."""
    with provider_servers.refund_queue() as url:
        monkeypatch.setenv("REFUND_QUEUE_URL", url)
        config.settings.cache_clear()
        yield url


@pytest.fixture
def reconcile(refund_queue: str, conn: Connection) -> Callable[[], dict[str, Any]]:
    """Make all payments and refunds due. Run the job, and the workers that it calls. Return what all have done."""

    def run() -> dict[str, Any]:
        provider_servers.make_all_due(conn)
        a_minute = provider_servers.context_of_a_minute()
        report = dict(function("reconcile_payments").handler({}, a_minute))
        report["refunds_tried"] = 0
        for record in provider_servers.take_records(refund_queue):
            done = function("send_refunds").handler({"Records": [record]}, a_minute)
            report["refunds_tried"] += done["refunds_tried"]
            report["units_failed"] += done["units_failed"]
        return report

    return run
