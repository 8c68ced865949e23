"""The sandbox provider's side of a payment: the page where a buyer pays or declines, and the webhooks that follow."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import class_row

WEBHOOK = "/v1/webhooks/sandbox"
MOST_REPEATS = 100
PAYMENT = """
    SELECT payments.id, payments.status, payments.amount, payments.currency, orders.number, orders.buyer_name,
        (SELECT coalesce(sum(refunds.amount), 0)::bigint FROM refunds WHERE payment_id = payments.id) AS refunded
    FROM payments JOIN orders ON orders.id = payments.order_id
    WHERE payments.id = %s AND payments.provider = 'sandbox'
"""


@dataclass(frozen=True)
class Payment:
    """What the page shows of a payment."""

    id: UUID
    status: str
    amount: int
    currency: str
    number: str
    buyer_name: str
    refunded: int

    @property
    def price(self) -> str:
        """The amount as people write it."""
        from boxoffice.money import show

        return show(self.amount, self.currency)

    @property
    def sent_back(self) -> str:
        """What of it went back."""
        from boxoffice.money import show

        return show(self.refunded, self.currency)


@dataclass(frozen=True)
class Delivery:
    """How the API answered a webhook."""

    status: int
    body: str


class Sandbox:
    """The provider: finds payments in the database, and tells the API what became of them."""

    def __init__(self, api: str, owner_conninfo: str) -> None:
        self._api = api
        self._conninfo = owner_conninfo

    def payment(self, payment_id: UUID) -> Payment | None:
        """A payment that was started with this provider."""
        with psycopg.connect(self._conninfo, row_factory=class_row(Payment)) as connection:
            return connection.execute(PAYMENT, [payment_id]).fetchone()

    def settle(self, payment: Payment, *, paid: bool, repeats: int = 1) -> list[Delivery]:
        """Sends the signed webhook to the API, the same one several times where `repeats` asks for it."""
        from boxoffice.payments import sandbox

        kind: sandbox.EventType = "payment.succeeded" if paid else "payment.failed"
        body, headers = sandbox.signed_event(str(payment.id), kind, payment.amount, payment.currency)
        with httpx.Client(base_url=self._api, timeout=30) as api:
            answers = [api.post(WEBHOOK, content=body, headers=headers) for _ in range(min(repeats, MOST_REPEATS))]
        return [Delivery(answer.status_code, answer.text) for answer in answers]
