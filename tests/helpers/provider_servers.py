"""Runs payment providers as processes, and receives their webhooks."""

import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import psycopg

from boxoffice import config
from boxoffice.payments.models import PLATFORM_MERCHANT
from local.boxoffice.sandbox.faults import Kind, Operation
from local.boxoffice.sandbox.server import PATH
from tests.helpers import wsgi
from tests.helpers.payers import ACCOUNTS_AT_PROVIDERS, NOBODY_LISTENS, prove
from tests.helpers.support import ROOT, Answer, Client, context, free_port


class ProviderServer:
    """A provider's server, in a process of its own."""

    def __init__(self, provider: str, *arguments: str) -> None:
        self.provider = provider
        self.url = f"http://127.0.0.1:{free_port()}"
        self._arguments = arguments
        self.connect()
        self.start()

    @property
    def account(self) -> dict[str, str]:
        """The fields of an account's secret that lead to this server."""
        return {"url": self.url}

    def connect(self) -> None:
        """Make a client. A process that was forked needs one of its own."""
        self._http = httpx.Client(base_url=self.url, timeout=10)

    def start(self) -> None:
        """Start the process, and wait for it."""
        module, port = f"tests.helpers.{self.provider}_server", self.url.rpartition(":")[2]
        self._process = subprocess.Popen([sys.executable, "-m", module, port, *self._arguments], cwd=ROOT)
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
            mode: ``works``; ``hangs``; or what it answers: ``error``, ``html``, ``nonsense`` or ``busy`` (429). If it
                ``loses-answers``, it does what it is asked, and then closes the connection.
        """
        self._http.post(f"/_config/mode/{mode}").raise_for_status()

    def take_requests(self) -> list[Any]:
        """Return the requests since the last such call."""
        answer = self._http.get("/_config/requests").json()
        return answer if isinstance(answer, list) else list(answer["requests"])

    def reset(self) -> None:
        """Work as a healthy provider again, and forget the requests."""
        self.set_mode("works")
        self.take_requests()

    def stop(self) -> None:
        """End the process."""
        self._http.close()
        self.kill()

    def kill(self) -> None:
        """Kill the process. `start` starts it again."""
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

    def read(self, payment: dict[str, Any]) -> dict[str, Any]:
        """Return a payment's PaymentIntent."""
        return dict(self._http.get(f"/v1/payment_intents/{self.intent(payment)}").json())

    def status(self, payment: dict[str, Any]) -> str:
        """Return the state of a payment's PaymentIntent."""
        return str(self.read(payment)["status"])

    def intents(self) -> int:
        """Return how many PaymentIntents were made in the requests that `take_requests` has not returned yet."""
        return sum(request[:2] == ["POST", "/v1/payment_intents"] for request in self.take_requests())

    def refunds(self, payment: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a payment's refunds. Those of the same second are in no order."""
        return list(self._http.get(f"/v1/refunds?limit=100&payment_intent={self.intent(payment)}").json()["data"])

    def refund_elsewhere(self, payment: dict[str, Any], amount: int) -> dict[str, Any]:
        """Refund a part of a payment in the dashboard. Return the refund."""
        return dict(self.post("/v1/refunds", json={"payment_intent": self.intent(payment), "amount": amount}))

    def dispute(self, payment: dict[str, Any], amount: int, status: str = "needs_response", **facts: Any) -> Any:
        """Let the payer dispute a payment, or change a dispute. Return the dispute."""
        dispute = {"payment_intent": self.intent(payment), "amount": amount, "status": status}
        return self.post("/_config/disputes", json=dispute | facts)

    def enter(self, category: str, amount: int, **facts: Any) -> str:
        """Enter a balance transaction. Return its id."""
        body = {"reporting_category": category, "type": category, "amount": amount, **facts}
        return str(self.post("/_config/transactions", json=body)["id"])

    def change_entries(self, source: object, **changes: Any) -> None:
        """Change the balance transactions about an object, or about the charge of a PaymentIntent."""
        self._http.post(f"/_config/transactions/{source}", json=changes).raise_for_status()

    def set_refunds(self, **state: str) -> Any:
        """Set the state of a refund by its id, or without an id that of refunds to come."""
        return self.post("/_config/refunds", json=state)

    def refuse_refunds(self, code: str = "", message: str = "") -> None:
        """Refuse all refunds with a code and a message, or none without them."""
        self.post("/_config/refusal", json={"code": code, "message": message} if message else {})

    def reset(self) -> None:
        """Work as a healthy provider again, and forget the requests."""
        super().reset()
        self.refuse_refunds()
        self.set_refunds(status="succeeded")
        self._http.delete("/_config/transactions").raise_for_status()

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
        return list(self._http.get(f"/refunds?id={transaction['id']}", headers=self._key()).json()["data"])

    def refund_elsewhere(self, transaction: dict[str, Any], amount: float) -> dict[str, Any]:
        """Refund a part of a transaction in the dashboard. Return the refund."""
        path, body = f"/transactions/{transaction['id']}/refund", {"amount": amount, "comments": "by Ada"}
        return dict(self.post(path, json=body, headers=self._key())["data"])

    def reset(self) -> None:
        """Work as a healthy provider again, and forget the requests and settlements."""
        super().reset()
        self.post("/_config/forget")

    def settle(self, *transactions: dict[str, Any], **facts: Any) -> dict[str, Any]:
        """Settle transactions. Return the settlement."""
        body = {"transactions": [each["id"] for each in transactions], **facts}
        return dict(self.post("/_config/settlement", json=body)["data"])

    def charge_back(self, transaction: dict[str, Any], amount: float, status: str) -> dict[str, Any]:
        """Let the payer claim the money back, or change how that stands. Return the chargeback."""
        body = {"transaction": transaction["id"], "amount": amount, "status": status}
        return dict(self.post("/_config/chargeback", json=body)["data"])

    def _key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {ACCOUNTS_AT_PROVIDERS['flutterwave']['secret_key']}"}


class Sandbox(ProviderServer):
    """The sandbox with its memory, and buyers who pay on its page. Its webhooks go to nobody at first."""

    def __init__(self, folder: Path) -> None:
        super().__init__("sandbox", str(folder))

    @property
    def account(self) -> dict[str, str]:
        return {"url": self.url + PATH}

    def reset(self) -> None:
        """Work as a healthy provider again, and forget calls and webhooks. Payments are kept, as a provider does."""
        self.control("forget")
        self.send_webhooks_to(None)

    def control(self, what: str, **body: Any) -> Any:
        """Order something of the sandbox, or do what a provider's dashboard can."""
        return self.post(f"{PATH}/control/{what}", json=body)

    def order(self, operation: Operation, kind: Kind, times: int = 1, seconds: float = 1) -> None:
        """Order trouble for the next calls of an operation."""
        self.control("faults", operation=operation, kind=kind, times=times, seconds=seconds)

    def set_pace(self, calls_per_second: float) -> None:
        """Allow so many calls a second of each operation, and let the account's secret say so."""
        self.control("pace", calls_per_second=calls_per_second)
        pace = {"account_pace": str(4 * calls_per_second), "endpoint_pace": str(calls_per_second)}
        put_account(self.provider, {**read_account(self.provider), **pace})

    def send_webhooks_to(self, url: str | None, first_wait: float = 0.1) -> None:
        """Send webhooks to a URL, or to nobody if it is None."""
        self.control("webhooks", url=url or NOBODY_LISTENS, first_wait=first_wait)

    def reverse(self, payment: dict[str, Any], kind: str, amount: int) -> Any:
        """Refund a payment on the dashboard, or let its payer dispute it. Return the API's answer to the webhook."""
        reference = f"{kind.partition('.')[0]}_{payment['id']}"
        return self.control(f"payments/{payment['id']}/reversals", type=kind, amount=amount, reference=reference)

    def balance(self) -> dict[str, int]:
        """Return what the sandbox holds in each currency, of all payments that it knows."""
        return dict(self._http.get(f"{PATH}/balance").json())

    def take_answers(self) -> list[dict[str, Any]]:
        """Return when each call of the API since the last such request was made, and how it was answered."""
        return list(self._http.get(f"{PATH}/control/answers").json())

    def show(self, payment: dict[str, Any]) -> dict[str, Any]:
        """Return what the sandbox knows of a payment."""
        return dict(self._http.get(payment["url"]).json())

    def payment(self, payment_id: object) -> dict[str, Any]:
        """Return all that the sandbox knows of a payment, with what went back. Without an amount, it knows none."""
        return dict(self._http.get(f"{PATH}/control/payments/{payment_id}").json())

    def decide(self, payment: dict[str, Any], outcome: str = "pay") -> list[int]:
        """Pay or decline on the page. Return the statuses with which the API answered the webhook."""
        return [each["status"] for each in self.post(payment["url"], json={"outcome": outcome})["deliveries"]]


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


def read_account(secret_id: str) -> dict[str, str]:
    """Read the secret of an account at a provider."""
    import boto3

    return dict(json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)["SecretString"]))


@contextmanager
def account_at(server: ProviderServer) -> Iterator[ProviderServer]:
    """Let the deployment's account at the provider name this server."""
    account = read_account(server.provider)
    put_account(server.provider, {**account, **server.account})
    server.reset()
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


@contextmanager
def refund_queue() -> Iterator[str]:
    """Make a refund queue. Yield its URL."""
    import boto3

    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"refunds-{uuid4()}")["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def take_records(queue_url: str) -> list[dict[str, str]]:
    """Take what is on a queue, as records that Lambda hands to a worker."""
    import boto3

    answer = boto3.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    return [{"messageId": each["MessageId"], "body": each["Body"]} for each in answer.get("Messages", [])]


def due_at(provider: str) -> dict[str, Any]:
    """Return the event by which the refund queue calls a worker for the deployment's account at a provider."""
    body = json.dumps({"provider": provider, "merchant_id": str(PLATFORM_MERCHANT)})
    return {"Records": [{"messageId": "1", "body": body}]}
