"""People who pay, and the provider that sends events about their payments."""

import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from boxoffice import db
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service as orders
from boxoffice.payments import books, providers, sandbox, sending
from boxoffice.payments.providers import ProviderInfo
from boxoffice.provider_names import PROVIDERS
from tests.helpers.support import Answer, Client

NOBODY_LISTENS = "http://127.0.0.1:9"


def owe_refund(conn: db.Connection, payment: UUID, amount: int) -> UUID:
    """Owe a refund of a payment that has paid its order, and post it to the books, as whoever refunds an order does."""
    with conn.transaction():
        orders.lock_order(conn, db.value(conn, "SELECT order_id FROM payments WHERE id = %(id)s", id=payment))
        refund = sending.owe_refund(conn, payment, amount, "asked for")
        books.post(conn, books.lock(conn, refund))
    return refund


def _account(info: ProviderInfo) -> dict[str, str]:
    """Return the secret of an account, with the fields that the provider declares. localstripe wants keys like sk_…."""
    return {field: f"sk_{info.name}_{field}" for field in info.account_fields} | {"url": NOBODY_LISTENS}


INFOS = [providers.load(name).INFO for name in PROVIDERS]
ACCOUNTS_AT_PROVIDERS = {info.name: _account(info) for info in INFOS if info.account_fields}
"""The deployment's accounts. A test that needs a provider's server starts one and sets the account's url."""


def sign_as_stripe(body: bytes, secret: str | None = None, at: float | None = None) -> dict[str, str]:
    """Return the header by which Stripe signs a body, by default with the secret of the deployment's account."""
    key = ACCOUNTS_AT_PROVIDERS["stripe"]["webhook_secret"] if secret is None else secret
    moment = int(time.time() if at is None else at)
    mac = hmac.new(key.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={mac}"}


SIGNATURES: dict[str, Callable[[bytes], dict[str, str]]] = {
    "stripe": sign_as_stripe,
    "sandbox": lambda body: sandbox.sign(body, datetime.now(UTC)),
}
"""The providers that sign bodies. The others send the secret itself."""


def prove(provider: str, body: bytes) -> dict[str, str]:
    """Return the header by which a provider proves that a webhook is its own."""
    if provider in SIGNATURES:
        return SIGNATURES[provider](body)
    return {providers.load(provider).INFO.webhook_header: ACCOUNTS_AT_PROVIDERS[provider]["webhook_secret"]}


def start(api: Client, order_id: UUID, *, key: str = "new", provider: str = "sandbox") -> Answer:
    """Start a payment as the order's guest."""
    path = f"/v1/orders/{order_id}/payments"
    return api.post(path, {"provider": provider}, order_token=order_token(order_id), key=key)


def started(api: Client, order_id: UUID, provider: str = "sandbox") -> dict[str, Any]:
    """Start a payment as the order's guest. Return the payment."""
    answer = start(api, order_id, provider=provider)
    assert answer.status == 201, answer.body
    return dict(answer.json)


def tell(api: Client, payment: dict[str, Any], kind: str = "payment.succeeded", **overrides: Any) -> Answer:
    """Send the sandbox's webhook with an event about a payment."""
    event = {"amount": payment["amount"], "currency": payment["currency"], **overrides}
    body, headers = sandbox.signed_event(payment["id"], kind, **event)
    return api.post("/v1/webhooks/sandbox", body, headers=headers)


def status_of(conn: psycopg.Connection, payment: dict[str, Any]) -> tuple[str, str]:
    """Return the states of a payment and of its order."""
    row = conn.execute(
        """SELECT payments.status, orders.status
        FROM payments JOIN orders ON orders.id = order_id WHERE payments.id = %s""",
        [payment["id"]],
    ).fetchone()
    assert row is not None
    return row


def refunds(conn: psycopg.Connection) -> list[tuple[str, int, str]]:
    """Return each refund's payment, amount, and currency with reason."""
    rows = conn.execute("SELECT payment_id, amount, currency, reason FROM refunds ORDER BY id").fetchall()
    return [(str(payment), amount, f"{currency}: {reason}") for payment, amount, currency, reason in rows]


def emails(conn: psycopg.Connection) -> list[str]:
    """Return the templates of the emails in the outbox."""
    return [template for (template,) in conn.execute("SELECT template FROM outbox ORDER BY id").fetchall()]
