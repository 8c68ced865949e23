"""A client process: calls `create_order` as Lambda does, one call at a time, and reports how long each call took.

`handler.py` starts it, with the settings of the functions in its environment.
"""

import json
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from bench import processes
from boxoffice.api import IdempotencyKey, route
from boxoffice.auth import Who
from boxoffice.orders.models import OrderRequest, PlacedOrder
from tests.helpers.support import context, event_for, function

_VALIDATION = "/v1/orders/validation"
_ORDERS = "/v1/orders"
_WARM_UP = 100  # calls; psycopg prepares a statement after five, PostgreSQL keeps one plan after five more
_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip",
    "content-type": "application/json",
    "host": "api.example.com",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}


@dataclass
class Timings:
    """How many orders one client placed, and how long its calls took."""

    orders: int = 0
    latencies: list[float] = field(default_factory=list)  # seconds a call
    cpu: list[float] = field(default_factory=list)  # seconds of this process's time a call
    cpu_of_validation: list[float] = field(default_factory=list)
    cpu_with_answers: list[float] = field(default_factory=list)


class Client:
    """Buys a hot ticket type through the loaded function, and one whose event asks its buyers."""

    def __init__(self, ticket_type_id: str, asking_ticket_type_id: str) -> None:
        self._handler: Callable[..., dict[str, Any]] = function("create_order").handler
        self._context = context("create_order")
        self._asks_nothing = {"items": [{"ticket_type_id": ticket_type_id, "quantity": 2}]}
        self._with_answers = {
            "items": [{"ticket_type_id": asking_ticket_type_id, "quantity": 2}],
            "holders": [
                {"name": name, "email": "holder@example.com", "answers": {"diet": "vegan", "size": "M", "terms": True}}
                for name in ("Ada Buyer", "Bola Guest")
            ],
        }
        self._answer: dict[str, Any] = {}
        self._number, self._buyers = uuid.uuid4().bytes[0], 0
        self._add_validation()
        for _ in range(_WARM_UP):
            self._answer = json.loads(self.call(_ORDERS)[2]["body"])
        for _ in range(_WARM_UP):
            self.call(_VALIDATION)

    def _add_validation(self) -> None:
        """Add an endpoint with the request and the response of `create_order`, which does nothing in between."""

        @route("POST", _VALIDATION, who=Who.PUBLIC, status=201)
        def validate_order(order: OrderRequest, key: IdempotencyKey) -> PlacedOrder:  # noqa: ARG001
            return PlacedOrder(**self._answer)

    def _address(self) -> str:
        """Return the address of the next buyer. At home, each has their own."""
        self._buyers += 1
        return f"10.{self._number}.{self._buyers >> 8 & 255}.{self._buyers & 255}"

    def call(self, path: str, order: dict[str, Any] | None = None) -> tuple[float, float, dict[str, Any]]:
        """Send one order. Return the seconds of the call, its processor seconds, and the response.

        Args:
            order: without its buyer. By default it is for the ticket type whose event asks nothing.
        """
        buyer = {"name": "Ada Buyer", "email": f"{uuid.uuid4().hex[:12]}@example.com"}
        body = {**(order or self._asks_nothing), "buyer": buyer}
        headers = {**_HEADERS, "idempotency-key": str(uuid.uuid4())}
        event = event_for("POST", path, body, {}, headers, self._address())
        time_before, cpu_before = time.perf_counter(), time.process_time()
        answer = self._handler(event, self._context)
        cpu, seconds = time.process_time() - cpu_before, time.perf_counter() - time_before
        if answer["statusCode"] != 201:
            raise RuntimeError(answer["body"])
        return seconds, cpu, answer

    def buy(self, start: float, seconds: float) -> dict[str, Any]:
        """Place orders, one after the other, from the moment `start` on and for so many seconds."""
        timings = Timings()
        time.sleep(max(0.0, start - time.time()))
        while time.time() < start + seconds:
            latency, _, _ = self.call(_ORDERS)
            timings.latencies.append(latency)
        timings.orders = len(timings.latencies)
        return asdict(timings)

    def compare(self, calls: int) -> dict[str, Any]:
        """Call the function and its validation alone in turn, then the function with answers."""
        timings = Timings()
        for _ in range(calls):
            timings.cpu.append(self.call(_ORDERS)[1])
            timings.cpu_of_validation.append(self.call(_VALIDATION)[1])
        for _ in range(_WARM_UP):
            self.call(_ORDERS, self._with_answers)
        timings.cpu_with_answers = [self.call(_ORDERS, self._with_answers)[1] for _ in range(calls)]
        return asdict(timings)


if __name__ == "__main__":
    processes.serve(lambda: Client(*sys.argv[1:]))
