"""People who pay, and the provider that tells of it."""

import hashlib
import hmac
import time
from typing import Any
from uuid import UUID

import psycopg

from boxoffice.auth import order_token
from boxoffice.payments import sandbox
from tests.helpers.support import Answer, Client

ACCOUNTS_AT_PROVIDERS = {
    "stripe": {
        "secret_key": "sk_test_of_the_tests",
        "publishable_key": "pk_test_of_the_tests",
        "webhook_secret": "whsec_of_the_tests",
        "url": "http://127.0.0.1:9",
    },
    "flutterwave": {
        "secret_key": "FLWSECK_TEST-of-the-tests",
        "webhook_hash": "hash of the tests",
        "url": "http://127.0.0.1:9",
    },
    "generic": {"webhook_secret": "secret of the tests"},
}
"""The deployment's accounts. Nobody listens at port 9: tests that need a provider's server start one."""


def sign_as_stripe(body: bytes, secret: str = "whsec_of_the_tests", at: float | None = None) -> dict[str, str]:
    """The header by which Stripe proves that a body is its own."""
    moment = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={mac}"}


def start(api: Client, order_id: UUID, *, key: str = "new", provider: str = "sandbox") -> Answer:
    """Start a payment as the order's guest."""
    path = f"/v1/orders/{order_id}/payments"
    return api.post(path, {"provider": provider}, order_token=order_token(order_id), key=key)


def started(api: Client, order_id: UUID, provider: str = "sandbox") -> dict[str, Any]:
    """A payment that has been started."""
    answer = start(api, order_id, provider=provider)
    assert answer.status == 201, answer.body
    return dict(answer.json)


def tell(api: Client, payment: dict[str, Any], kind: str = "payment.succeeded", **overrides: Any) -> Answer:
    """Deliver an event about a payment."""
    event = {"amount": payment["amount"], "currency": payment["currency"], **overrides}
    body, headers = sandbox.signed_event(payment["id"], kind, **event)
    return api.post("/v1/webhooks/sandbox", body, headers=headers)


def status_of(conn: psycopg.Connection, payment: dict[str, Any]) -> tuple[str, str]:
    """How a payment and its order stand."""
    row = conn.execute(
        """SELECT payments.status, orders.status
        FROM payments JOIN orders ON orders.id = order_id WHERE payments.id = %s""",
        [payment["id"]],
    ).fetchone()
    assert row is not None
    return row


def refunds(conn: psycopg.Connection) -> list[tuple[str, int, str]]:
    """What was returned: of which payment, how much, why."""
    rows = conn.execute("SELECT payment_id, amount, currency, reason FROM refunds ORDER BY id").fetchall()
    return [(str(payment), amount, f"{currency}: {reason}") for payment, amount, currency, reason in rows]


def emails(conn: psycopg.Connection) -> list[str]:
    """The templates of the emails that are owed."""
    return [template for (template,) in conn.execute("SELECT template FROM outbox ORDER BY id").fetchall()]
