"""Providers as processes on loopback, and the receiver of their webhooks."""

import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import psycopg

from boxoffice import config
from tests.helpers import wsgi
from tests.helpers.payers import ACCOUNTS_AT_PROVIDERS, NOBODY_LISTENS, prove
from tests.helpers.support import ROOT, Answer, Client, free_port


class Server:
    """A provider's server."""

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
        answer = self._http.post(path, **options)
        return answer.json() if answer.content else None

    def be(self, mode: str) -> None:
        """Answer in another way from now on."""
        self._http.post(f"/_config/mode/{mode}").raise_for_status()

    def asked(self) -> list[Any]:
        """What it was asked since the last time."""
        found = self._http.get("/_config/requests").json()
        return found if isinstance(found, list) else list(found["requests"])

    def stop(self) -> None:
        self._http.close()
        self._process.kill()
        self._process.wait()


class Stripe(Server):
    """localstripe, and people who pay with cards there."""

    GOOD, DECLINED = "4242424242424242", "4000000000000341"

    def __init__(self) -> None:
        super().__init__("stripe")
        self._http.headers["Authorization"] = f"Bearer {ACCOUNTS_AT_PROVIDERS['stripe']['secret_key']}"

    def tell(self, url: str | None) -> None:
        """Send webhooks there; nowhere, if not said."""
        data = {"url": url or NOBODY_LISTENS, "secret": ACCOUNTS_AT_PROVIDERS["stripe"]["webhook_secret"]}
        self._http.post("/_config/webhooks/ours", json=data).raise_for_status()

    def intent(self, payment: dict[str, Any]) -> str:
        """The PaymentIntent of a payment that was started."""
        return str(payment["client_secret"]).partition("_secret_")[0]

    def pay(self, payment: dict[str, Any], card: str = GOOD) -> dict[str, Any]:
        """Pay, as Stripe.js does for a buyer; answers the PaymentIntent, or the error."""
        details = {"number": card, "exp_month": "12", "exp_year": "2030", "cvc": "123"}
        method = self.post("/v1/payment_methods", json={"type": "card", "card": details})
        path = f"/v1/payment_intents/{self.intent(payment)}"
        self.post(path, json={"payment_method": method["id"]})
        return dict(self.post(f"{path}/confirm"))

    def refunds(self, payment: dict[str, Any]) -> list[dict[str, Any]]:
        """What was sent back of a payment, in no order: those of one second have none."""
        return list(self._http.get(f"/v1/refunds?limit=100&payment_intent={self.intent(payment)}").json()["data"])

    def event_of(self, payment: dict[str, Any]) -> dict[str, Any]:
        """The event it has sent, or tried to send, of a payment."""
        events = self._http.get("/v1/events?limit=100").json()["data"]
        (found,) = [event for event in events if event["data"]["object"]["id"] == self.intent(payment)]
        return dict(found)


class Flutterwave(Server):
    """What stands for Flutterwave, and people who pay on its page."""

    def __init__(self) -> None:
        super().__init__("flutterwave")

    def pay(self, payment: dict[str, Any], **overrides: Any) -> dict[str, Any]:
        """Pay on the page; answers the transaction."""
        return dict(self.post("/_config/pay", json={"tx_ref": payment["id"], **overrides})["data"])

    def refunds(self, transaction: dict[str, Any]) -> list[dict[str, Any]]:
        """What was sent back of a transaction."""
        headers = {"Authorization": f"Bearer {ACCOUNTS_AT_PROVIDERS['flutterwave']['secret_key']}"}
        return list(self._http.get(f"/refunds?id={transaction['id']}", headers=headers).json()["data"])


def deliver(api: Client, provider: str, event: dict[str, Any], **query: Any) -> Answer:
    """Bring an event to our receiver, as its provider does."""
    body = json.dumps(event).encode()
    return api.post(f"/v1/webhooks/{provider}", body, headers=prove(provider, body), query=query)


def charge_completed(transaction: dict[str, Any]) -> dict[str, Any]:
    """Flutterwave's event about a transaction."""
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
def at(server: Server) -> Iterator[Server]:
    """Let the deployment's account be at a server."""
    account = ACCOUNTS_AT_PROVIDERS[server.provider]
    put_account(server.provider, {**account, "url": server.url})
    server.be("works")
    server.asked()
    yield server
    put_account(server.provider, account)


class Receiver:
    """The functions behind HTTP, for webhooks that come from other processes."""

    def __enter__(self) -> "Receiver":
        self._answered: list[tuple[str, str]] = []  # what was brought, and how it was answered
        answered = self._answered

        def app(environ: dict[str, Any], start_response: Any) -> Any:
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))

            def note(status: str, headers: Any) -> Any:
                answered.append((body.decode(), status))
                return start_response(status, headers)

            return wsgi.app({**environ, "wsgi.input": io.BytesIO(body)}, note)

        class Quiet(WSGIRequestHandler):
            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def answer_about(self, reference: str) -> str:
        """How the one webhook about something was answered, once it was. What other tests left may come between."""
        deadline = time.monotonic() + 10
        while not (answers := self._answers_about(reference)) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.05)  # the answer's last lines
        (answer,) = answers
        return answer

    def _answers_about(self, reference: str) -> list[str]:
        return [answer for body, answer in self._answered if reference in body]

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def due(conn: psycopg.Connection) -> None:
    """Let time pass until every provider is to be asked and every refund to be sent."""
    conn.execute("UPDATE payments SET ask_at = now() WHERE ask_at IS NOT NULL")
    conn.execute("UPDATE refunds SET due_at = now() WHERE due_at IS NOT NULL")
