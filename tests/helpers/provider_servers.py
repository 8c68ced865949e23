"""Runs payment providers as processes, and receives their webhooks."""

import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import psycopg

from boxoffice import config
from tests.helpers import wsgi
from tests.helpers.payers import ACCOUNTS_AT_PROVIDERS, NOBODY_LISTENS, prove
from tests.helpers.support import ROOT, Answer, Client, context, free_port


class ProviderServer:
    """A provider's server, in a process of its own."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.url = f"http://127.0.0.1:{free_port()}"
        module = f"tests.helpers.{provider}_server"
        self._process = subprocess.Popen([sys.executable, "-m", module, self.url.rpartition(":")[2]], cwd=ROOT)
        self._http = httpx.Client(base_url=self.url, timeout=10)
        self._wait()

    def _wait(self) -> None:
        for _ in range(200):
            try:
                self._http.get("/_config/requests")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"the server of {self.provider} did not start")

    def post(self, path: str, **options: Any) -> Any:
        """Send a request to the server. Return its JSON."""
        answer = self._http.post(path, **options)
        return answer.json() if answer.content else None

    def set_mode(self, mode: str) -> None:
        """Set how the server answers from now on.

        Args:
            mode: ``works``; ``hangs``; ``error``, ``html`` or ``nonsense`` as the answer; or ``loses-answers``, which
                means that it does what it is asked, and then closes the connection.
        """
        self._http.post(f"/_config/mode/{mode}").raise_for_status()

    def take_requests(self) -> list[Any]:
        """Return the requests since the last such call."""
        answer = self._http.get("/_config/requests").json()
        return answer if isinstance(answer, list) else list(answer["requests"])

    def stop(self) -> None:
        """End the process."""
        self._http.close()
        self._process.kill()
        self._process.wait()


class Stripe(ProviderServer):
    """A stub of Stripe, and buyers who pay with cards there."""

    GOOD, DECLINED = "4242424242424242", "4000000000000341"

    def __init__(self) -> None:
        super().__init__("stripe")
        self._http.headers["Authorization"] = f"Bearer {ACCOUNTS_AT_PROVIDERS['stripe']['secret_key']}"

    def send_webhooks_to(self, url: str | None) -> None:
        """Send webhooks to a URL, or to nobody if it is None."""
        data = {"url": url or NOBODY_LISTENS, "secret": ACCOUNTS_AT_PROVIDERS["stripe"]["webhook_secret"]}
        self._http.post("/_config/webhooks/ours", json=data).raise_for_status()

    def intent(self, payment: dict[str, Any]) -> str:
        """Return the id of a payment's PaymentIntent."""
        return str(payment["client_secret"]).partition("_secret_")[0]

    def pay(self, payment: dict[str, Any], card: str = GOOD) -> dict[str, Any]:
        """Pay, as Stripe.js does for a buyer. Return the PaymentIntent, or the error."""
        details = {"number": card, "exp_month": "12", "exp_year": "2030", "cvc": "123"}
        return self._confirm(payment, {"type": "card", "card": details})

    def _confirm(self, payment: dict[str, Any], details: dict[str, Any]) -> dict[str, Any]:
        method = self.post("/v1/payment_methods", json=details)
        path = f"/v1/payment_intents/{self.intent(payment)}"
        self.post(path, json={"payment_method": method["id"]})
        return dict(self.post(f"{path}/confirm"))

    def debit(self, payment: dict[str, Any]) -> dict[str, Any]:
        """Pay by bank debit, which is under way until `settle`. Return the PaymentIntent, or the error."""
        details = {"type": "sepa_debit", "sepa_debit": {"iban": "DE89370400440532013000"}}
        details["billing_details"] = {"name": "Ada Buyer", "email": "ada@example.com"}
        return self._confirm(payment, details)

    def settle(self, payment: dict[str, Any], outcome: str = "succeed") -> None:
        """Let a bank debit succeed, or fail."""
        self.post(f"/_config/settle/{self.intent(payment)}/{outcome}")

    def show_voucher(self, payment: dict[str, Any]) -> None:
        """Choose to pay by a voucher, which the buyer takes to a shop."""
        details = {"number": self.GOOD, "exp_month": "12", "exp_year": "2030", "cvc": "123"}
        method = self.post("/v1/payment_methods", json={"type": "card", "card": details})
        self.post(f"/_config/voucher/{self.intent(payment)}", json={"payment_method": method["id"]})

    def status(self, payment: dict[str, Any]) -> str:
        """Return the state of a payment's PaymentIntent."""
        return str(self._http.get(f"/v1/payment_intents/{self.intent(payment)}").json()["status"])

    def intents(self) -> int:
        """Return how many PaymentIntents were made in the requests that `take_requests` has not returned yet."""
        return sum(request[:2] == ["POST", "/v1/payment_intents"] for request in self.take_requests())

    def refunds(self, payment: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a payment's refunds. Those of the same second are in no order."""
        return list(self._http.get(f"/v1/refunds?limit=100&payment_intent={self.intent(payment)}").json()["data"])

    def event_of(self, payment: dict[str, Any], kind: str = "payment_intent.") -> dict[str, Any]:
        """Return the one event about a payment, of this kind, that the server sent, or tried to send."""
        events = self._http.get("/v1/events?limit=100").json()["data"]
        about = [event for event in events if event["data"]["object"]["id"] == self.intent(payment)]
        (event,) = [event for event in about if event["type"].startswith(kind)]
        return dict(event)


class Flutterwave(ProviderServer):
    """A stub of Flutterwave, and buyers who pay on its page."""

    def __init__(self) -> None:
        super().__init__("flutterwave")

    def pay(self, payment: dict[str, Any], **overrides: Any) -> dict[str, Any]:
        """Pay on the page. Return the transaction."""
        return dict(self.post("/_config/pay", json={"tx_ref": payment["id"], **overrides})["data"])

    def link(self, payment: dict[str, Any]) -> dict[str, Any]:
        """Return what we asked for when we prepared a payment."""
        return dict(self._http.get(f"/_config/link/{payment['id']}").json())

    def refunds(self, transaction: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a transaction's refunds."""
        headers = {"Authorization": f"Bearer {ACCOUNTS_AT_PROVIDERS['flutterwave']['secret_key']}"}
        return list(self._http.get(f"/refunds?id={transaction['id']}", headers=headers).json()["data"])


def send_webhook(api: Client, provider: str, event: dict[str, Any], **query: Any) -> Answer:
    """Send a webhook, as the provider does."""
    body = json.dumps(event).encode()
    return api.post(f"/v1/webhooks/{provider}", body, headers=prove(provider, body), query=query)


def charge_completed(transaction: dict[str, Any]) -> dict[str, Any]:
    """Return Flutterwave's event about a transaction."""
    return {"event": "charge.completed", "data": transaction}


def put_account(secret_id: str, account: dict[str, str]) -> None:
    """Write the secret of an account at a provider."""
    import boto3

    secrets = boto3.client("secretsmanager")
    try:
        secrets.put_secret_value(SecretId=secret_id, SecretString=json.dumps(account))
    except secrets.exceptions.ResourceNotFoundException:
        secrets.create_secret(Name=secret_id, SecretString=json.dumps(account))
    config.forget_secrets()


@contextmanager
def account_at(server: ProviderServer) -> Iterator[ProviderServer]:
    """Let the deployment's account at the provider name this server."""
    account = ACCOUNTS_AT_PROVIDERS[server.provider]
    put_account(server.provider, {**account, "url": server.url})
    server.set_mode("works")
    server.take_requests()
    yield server
    put_account(server.provider, account)


class Receiver:
    """The functions behind HTTP, for webhooks that come from other processes."""

    def __enter__(self) -> "Receiver":
        self._answered: list[tuple[str, str]] = []  # the bodies of webhooks, and the statuses of the answers
        answered = self._answered

        def app(environ: dict[str, Any], start_response: Any) -> Any:
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))

            def note(status: str, headers: Any) -> Any:
                answered.append((body.decode(), status))
                return start_response(status, headers)

            return wsgi.app({**environ, "wsgi.input": io.BytesIO(body)}, note)

        class Quiet(WSGIRequestHandler):
            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self._server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def answer_about(self, reference: str) -> str:
        """Wait for the one webhook that names a reference. Return the status that it was answered with."""
        deadline = time.monotonic() + 10
        while not (answers := self._answers_about(reference)) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.05)  # until the answer is sent
        (answer,) = answers
        return answer

    def _answers_about(self, reference: str) -> list[str]:
        return [answer for body, answer in self._answered if reference in body]

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def context_of_a_minute() -> Any:
    """Return the context of a job that has a minute, which is enough to begin to call providers."""
    return SimpleNamespace(**{**vars(context()), "get_remaining_time_in_millis": lambda: 60_000})


def make_all_due(conn: psycopg.Connection) -> None:
    """Make every question to a provider and every refund due now."""
    conn.execute("UPDATE payments SET ask_at = now() WHERE ask_at IS NOT NULL")
    conn.execute("UPDATE refunds SET due_at = now() WHERE due_at IS NOT NULL")
