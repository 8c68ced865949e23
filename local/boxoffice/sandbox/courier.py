"""Sends webhooks, and sends them again after growing waits until the API answers with success."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from local.boxoffice.sandbox.faults import Faults
from local.boxoffice.sandbox.memory import FIRST_WAIT, Memory

WEBHOOK = "/v1/webhooks/sandbox"
BATCH = 50
AT_ONCE = 8
PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Delivery:
    """How the API answered a webhook. The status is 0 if there was no answer."""

    status: int
    body: str

    @property
    def succeeded(self) -> bool:
        """Return True if the API has taken the webhook."""
        return 200 <= self.status < 300


class Courier:
    """Sends the webhooks that are due, for ever. What an earlier run has left is sent too."""

    def __init__(self, memory: Memory, faults: Faults, api: str) -> None:
        self._memory = memory
        self._faults = faults
        self.api, self.first_wait = api, FIRST_WAIT
        self._http = httpx.Client(timeout=30, limits=httpx.Limits(max_connections=None))
        threading.Thread(target=self._run, daemon=True, name="courier").start()

    def deliver(self, webhook_id: str) -> Delivery:
        """Try to send a webhook."""
        body = self._memory.take_webhook(webhook_id, self.first_wait)
        if body is None:
            return Delivery(200, "another attempt is under way, or the API has it")
        if self._faults.take("webhook") is not None:
            self._memory.set_taken(webhook_id)
            return Delivery(0, "lost")
        delivery = self.send(body.encode())
        if delivery.succeeded:
            self._memory.set_taken(webhook_id)
        return delivery

    def send(self, body: bytes) -> Delivery:
        """Send a webhook once, signed at this moment."""
        from boxoffice.errors import Busy
        from boxoffice.payments import sandbox

        try:
            headers = sandbox.sign(body, datetime.now(UTC))
            answer = self._http.post(self.api + WEBHOOK, content=body, headers=headers)
        except (httpx.HTTPError, Busy) as error:
            return Delivery(0, type(error).__name__)
        return Delivery(answer.status_code, answer.text)

    def _run(self) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while True:
                list(pool.map(self.deliver, self._memory.due_webhooks(BATCH)))
                time.sleep(PAUSE_SECONDS)
