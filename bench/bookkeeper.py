"""A client process that places orders and pays them by a webhook, with and without the books.

`books.py` starts it, with the settings of the functions in its environment.
"""

import json
import sys
import time

from bench import processes
from bench.client import Client
from boxoffice import db
from boxoffice.payments import books, service
from boxoffice.payments.models import ProviderEvent

_POST = books.post


class Bookkeeper(Client):
    """Buys as a client does, and lets the money come."""

    def sell(self, start: float, seconds: float, posts: int) -> int:
        """Sell from the moment `start` on, for so many seconds. Return how many orders were paid.

        Args:
            posts: 0 to leave the books out.
        """
        books.post = _POST if posts else lambda *_: None
        time.sleep(max(0.0, start - time.time()))
        paid = 0
        while time.time() < start + seconds:
            order = json.loads(self.call("/v1/orders")[2]["body"])
            event = ProviderEvent("PAID", "succeeded", None, 0, "", {}, order_reference=order["id"])
            with db.autocommit() as conn:
                paid += service.receive_event(conn, "generic", event).effect == "paid"
        return paid


if __name__ == "__main__":
    processes.serve(lambda: Bookkeeper(*sys.argv[1:]))
