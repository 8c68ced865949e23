"""A crowd of buyers who start to pay in the same moment, each in a process of their own, as in Lambda.

`pace.py` starts it, with the settings of the functions in its environment.
"""

import time
from typing import Any
from uuid import UUID

import psycopg

from bench.processes import serve
from boxoffice.auth import Caller, Who
from boxoffice.config import settings
from boxoffice.guest_tokens import order_token
from boxoffice.payments import providers, service
from boxoffice.payments.errors import ProviderBusy
from boxoffice.payments.merchants import credentials
from boxoffice.payments.models import PLATFORM_MERCHANT, PaymentRequest
from tests.helpers.racing import race_in_processes
from tests.helpers.support import Database

_MOST_RETURNS = 20


class Payer:
    """Starts payments. Who is refused comes back when the answer says so, with the same Idempotency-Key."""

    def pay(self, order_ids: list[str]) -> list[dict[str, Any]]:
        """Start a payment of each order at once. Return when each was told to come back, and how long it took."""
        order_token(UUID(order_ids[0]))  # reads the secrets once, not in each process
        credentials(PLATFORM_MERCHANT, "sandbox")
        providers.load("sandbox")
        url = settings().database_url
        return race_in_processes(Database(url, url), len(order_ids), lambda conn, number: _pay(conn, order_ids[number]))


def _pay(conn: psycopg.Connection[Any], order_id: str) -> dict[str, Any]:
    guest = Caller(Who.GUEST, guest_token=order_token(UUID(order_id)))
    request, began = PaymentRequest(provider="sandbox"), time.monotonic()
    returns: list[int] = []
    for _ in range(_MOST_RETURNS):
        try:
            service.start_payment(conn, guest, UUID(order_id), request, f"bench-{order_id}")  # type: ignore[arg-type]
            break
        except ProviderBusy as busy:
            returns.append(busy.retry_after)
            time.sleep(busy.retry_after)
    return {"returns": returns, "seconds": time.monotonic() - began}


if __name__ == "__main__":
    serve(Payer)
