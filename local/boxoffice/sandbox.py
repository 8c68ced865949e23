"""The sandbox provider's side of a payment: what its page shows, and the webhook that follows the buyer's choice."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import class_row

from local.boxoffice import SQL

WEBHOOK = "/v1/webhooks/sandbox"
MOST_REPEATS = 100


@dataclass(frozen=True)
class Payment:
    """A payment as the provider's page shows it."""

    id: UUID
    status: str
    amount: int
    currency: str
    number: str
    buyer_name: str
    refunded: int

    def formatted(self, amount: int) -> str:
        """Return an amount in minor units as people write it."""
        from boxoffice import money

        return money.show(amount, self.currency)


@dataclass(frozen=True)
class Delivery:
    """How the API answered a webhook."""

    status: int
    body: str


class Sandbox:
    """The provider: reads payments in the database, and sends the API what buyers decided."""

    def __init__(self, api: str, owner_url: str) -> None:
        self._api = api
        self._owner_url = owner_url

    def payment(self, payment_id: UUID) -> Payment | None:
        """Return a payment at this provider, or None."""
        with psycopg.connect(self._owner_url, row_factory=class_row(Payment)) as connection:
            return connection.execute(SQL.get_sandbox_payment, {"payment_id": payment_id}).fetchone()

    def decide(self, payment: Payment, *, paid: bool, repeats: int = 1) -> list[Delivery]:
        """Send the API the signed webhook `repeats` times. Return its answers."""
        from boxoffice.payments import sandbox

        kind: sandbox.EventType = "payment.succeeded" if paid else "payment.failed"
        body, headers = sandbox.signed_event(str(payment.id), kind, payment.amount, payment.currency)
        with httpx.Client(base_url=self._api, timeout=30) as api:
            answers = [api.post(WEBHOOK, content=body, headers=headers) for _ in range(min(repeats, MOST_REPEATS))]
        return [Delivery(answer.status_code, answer.text) for answer in answers]
