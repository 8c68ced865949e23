"""A worker of the email queue: receives ten messages at a time, calls `send_email` with them, and deletes them.

`emails.py` starts it, with the settings of the functions in its environment.
"""

import sys
import time
from typing import Any

from bench.processes import serve
from local.stack import aws
from tests.helpers.mailbox import batch
from tests.helpers.support import context, function

_BATCH = 10  # as in template.yaml


class Mailer:
    """Takes messages from a queue and hands them to the loaded function."""

    def __init__(self, url: str) -> None:
        self._sqs = aws.client("sqs", url)
        self._queue = f"{url}/emails"
        self._handler = function("send_email").handler

    def drain(self, most: int) -> dict[str, Any]:
        """Send so many messages, or all there are. Return how many, and the processor and clock seconds they took."""
        done, cpu = 0, 0.0
        start = time.perf_counter()
        while done < most and (messages := self._receive()):
            before = time.process_time()
            answer = self._handler(batch(*(message["Body"] for message in messages)), context("send_email"))
            cpu += time.process_time() - before
            if answer["batchItemFailures"]:
                raise RuntimeError("not sent")
            self._delete(messages)
            done += len(messages)
        return {"messages": done, "cpu": cpu, "seconds": time.perf_counter() - start}

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=_BATCH)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)
        ]
        self._sqs.delete_message_batch(QueueUrl=self._queue, Entries=entries)


if __name__ == "__main__":
    serve(lambda: Mailer(*sys.argv[1:]))
