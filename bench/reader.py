"""A client that reads lists: calls the functions as Lambda does, one call at a time, and reports how long each took.

`listings.py` starts it, with the settings of the functions in its environment.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from bench import processes
from boxoffice.access_tokens import issue_access_token
from tests.helpers.support import context, event_for, function

_WARM_UP = 20  # calls; psycopg prepares a statement after five, PostgreSQL keeps one plan after five more
_FIRST_ORDER = datetime(2025, 1, 1, tzinfo=UTC)  # see sold.sql; from then on an order each tenth of a second


@dataclass(frozen=True)
class Listing:
    """A request for a list: the function, its path and query, and who calls."""

    function: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    who: str = "manager"


_ORDERS = "/v1/organisations/{organisation_id}/orders"
LISTINGS = {
    "an organisation's orders": Listing("list_orders", _ORDERS),
    "from the middle on": Listing("list_orders", _ORDERS, {"to": "{middle}"}),
    "of a status": Listing("list_orders", _ORDERS, {"status": "paid"}),
    "of a rare status": Listing("list_orders", _ORDERS, {"status": "refunded"}),
    "of a buyer": Listing("list_orders", _ORDERS, {"email": "ada@example.com"}),
    "of an event": Listing("list_orders", _ORDERS, {"event_id": "{event_id}"}),
    "an order by its number": Listing("get_order", "/v1/orders/S0000100"),
    "my orders": Listing("list_my_orders", "/v1/me/orders", who="buyer"),
    "my tickets": Listing("list_my_tickets", "/v1/me/tickets", who="buyer"),
}


class Reader:
    """Calls the loaded functions with the ids of one database."""

    def __init__(self, organisation_id: str, event_id: str, manager: str, buyer: str, orders: str) -> None:
        middle = _FIRST_ORDER + timedelta(seconds=int(orders) / 20)
        self._ids = {"organisation_id": organisation_id, "event_id": event_id, "middle": middle.isoformat()}
        accounts = {"manager": manager, "buyer": buyer}
        self._tokens = {who: issue_access_token(UUID(account), UUID(account)) for who, account in accounts.items()}
        for name in LISTINGS:
            self.read(name, _WARM_UP)

    def read(self, name: str, calls: int) -> list[float]:
        """Call so many times. Return the seconds of each call."""
        return [self._read(LISTINGS[name]) for _ in range(calls)]

    def _read(self, listing: Listing) -> float:
        query = {key: value.format(**self._ids) for key, value in listing.query.items()}
        headers = {"authorization": f"Bearer {self._tokens[listing.who]}"}
        event = event_for("GET", listing.path.format(**self._ids), None, query, headers, "203.0.113.7")
        handler = function(listing.function).handler
        start = time.perf_counter()
        answer = handler(event, context(listing.function))
        seconds = time.perf_counter() - start
        if answer["statusCode"] != 200:
            raise RuntimeError(answer["body"])
        return seconds


if __name__ == "__main__":
    processes.serve(lambda: Reader(*sys.argv[1:]))
