"""A worker of the webhook queue: calls `deliver_webhook` for one endpoint after the other, until nothing is due.

`webhooks.py` starts it, with the settings of the functions in its environment.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

from bench.processes import serve
from boxoffice import db
from boxoffice.webhooks import turns
from tests.helpers import factories
from tests.helpers.support import context, function


class Deliverer:
    """Hands the loaded function records that ask for turns."""

    def __init__(self) -> None:
        self._handler = function("deliver_webhook").handler
        self._context = context("deliver_webhook")
        self._context.get_remaining_time_in_millis = lambda: 60_000

    def make_endpoints(self, endpoints: int, url: str) -> list[str]:
        """Make endpoints of one organisation. Return their ids."""
        conn = db.connect()
        organisation = factories.organisation(conn)
        return [str(factories.webhook_endpoint(conn, organisation, url=url)) for _ in range(endpoints)]

    def drain(self, endpoints: Sequence[str]) -> dict[str, Any]:
        """Take the turns of endpoints until nothing is due. Return the processor and clock seconds that it took."""
        start, cpu = time.perf_counter(), time.process_time()
        while turns.list_due_endpoints(db.connect(), asked=set()):
            for endpoint in endpoints:
                record = {"messageId": "1", "body": json.dumps({"endpoint_id": endpoint})}
                if self._handler({"Records": [record]}, self._context)["batchItemFailures"]:
                    raise RuntimeError("not delivered")
        return {"cpu": time.process_time() - cpu, "seconds": time.perf_counter() - start}


if __name__ == "__main__":
    serve(Deliverer)
