"""A crowd of buyers who start to pay in the same moment, each on a connection of their own, as in Lambda.

`pace.py` starts it, with the settings of the functions in its environment.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from bench.processes import serve
from boxoffice import db
from boxoffice.auth import Caller, Who, order_token
from boxoffice.config import settings
from boxoffice.payments import service
from boxoffice.payments.errors import ProviderBusy
from boxoffice.payments.merchants import credentials
from boxoffice.payments.models import PLATFORM_MERCHANT, PaymentRequest


class Payer:
    """Starts payments. Who is refused comes back when the answer says so, with the same Idempotency-Key."""

    def pay(self, order_ids: list[str], start: float) -> list[dict[str, Any]]:
        """Start a payment of each order at a moment. Return when each was told to come back, and how long it took."""
        order_token(UUID(order_ids[0]))  # reads the secrets once, not in each thread
        credentials(PLATFORM_MERCHANT, "sandbox")
        with ThreadPoolExecutor(len(order_ids)) as pool:
            return list(pool.map(lambda order_id: self._pay(UUID(order_id), start), order_ids))

    def _pay(self, order_id: UUID, start: float) -> dict[str, Any]:
        guest = Caller(Who.GUEST, guest_token=order_token(order_id))
        request, returns = PaymentRequest(provider="sandbox"), []
        with db.Connection.connect(settings().database_url, autocommit=True) as conn:
            time.sleep(max(0.0, start - time.time()))
            for _ in range(20):
                try:
                    service.start_payment(conn, guest, order_id, request, f"bench-{order_id}")
                    break
                except ProviderBusy as busy:
                    returns.append(busy.retry_after)
                    time.sleep(busy.retry_after)
        return {"returns": returns, "seconds": time.time() - start}


if __name__ == "__main__":
    serve(Payer)
