"""SQS event sources, which `sam local` leaves out: hands the messages of a queue to its function."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from itertools import batched
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.stack import aws
from local.stack.account import REGION, queue_arn
from local.stack.environments import PER_FUNCTION, Outcome
from local.stack.sam import QueueTrigger, Template

POLL_SECONDS = 20
RETRY_SECONDS = 0.5
LARGEST_RECEIVE = 10  # SQS's own limit; several receives fill a larger batch


def start(template: Template, endpoint: str, invoke: Callable[[str, str], Outcome]) -> None:
    """Start threads that consume the template's queues: one for each batch that may be in hand at once."""
    for trigger in template.queue_triggers:
        consumer = Consumer(trigger, endpoint, invoke)
        for _ in range(min(trigger.concurrency, PER_FUNCTION)):
            threading.Thread(target=consumer.run, daemon=True, name=trigger.queue).start()


class Consumer:
    """An event source mapping: hands batches of messages to a function, and deletes those that the function handled.

    A message that is not deleted becomes visible again after the queue's visibility timeout. The queue itself moves it
    to the dead-letter queue once it was received too often.
    """

    def __init__(self, trigger: QueueTrigger, endpoint: str, invoke: Callable[[str, str], Outcome]) -> None:
        self._trigger = trigger
        self._sqs = aws.client("sqs", endpoint)
        self._url = aws.queue_url(endpoint, trigger.queue)
        self._invoke = invoke

    def run(self) -> None:
        """Consume for ever. Wait a little when the queue cannot be reached."""
        while True:
            try:
                messages = self._receive()
                if messages:
                    self._delete(self._handle(messages))
            except (BotoCoreError, ClientError):
                time.sleep(RETRY_SECONDS)

    def _receive(self) -> list[dict[str, Any]]:
        """Return one batch: wait for the first message, then take what else is there."""
        messages: list[dict[str, Any]] = []
        wait_seconds = POLL_SECONDS
        while len(messages) < self._trigger.batch_size:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(LARGEST_RECEIVE, self._trigger.batch_size - len(messages)),
                WaitTimeSeconds=wait_seconds,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            received = answer.get("Messages", [])
            messages += received
            if len(received) < LARGEST_RECEIVE:
                break
            wait_seconds = 0
        return messages

    def _handle(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Call the function, and return the messages that it has handled."""
        records = [self._record(message) for message in messages]
        outcome = self._invoke(self._trigger.function, json.dumps({"Records": records}))
        if outcome.failed:
            return []
        failed = reported_failures(outcome.document) if self._trigger.reports_failures else set()
        received = {message["MessageId"] for message in messages}
        if not failed <= received:  # Lambda takes an unknown id for the failure of the whole batch
            return []
        return [message for message in messages if message["MessageId"] not in failed]

    def _record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": message.get("MessageAttributes", {}),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn(self._trigger.queue),
            "awsRegion": REGION,
        }

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        for batch in batched(messages, LARGEST_RECEIVE, strict=False):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(batch)
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)


def reported_failures(document: str) -> set[str]:
    """Return the ids in a function's answer `{"batchItemFailures": [{"itemIdentifier": …}]}`."""
    answer = json.loads(document)
    reported = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    return {item.get("itemIdentifier", "") for item in reported or []}
