"""Queues of a test's own, and the workers that take what lies there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from boxoffice import config
from tests.helpers.support import context, function

WORKERS = {
    "EMAIL_QUEUE_URL": "send_email",
    "EXPORT_QUEUE_URL": "write_export",
    "WEBHOOK_QUEUE_URL": "deliver_webhook",
}


@dataclass(frozen=True)
class Queues:
    """Queues, each with the worker that takes its records."""

    workers: dict[str, str]

    def work(self) -> None:
        """Hand all records to their workers, as Lambda does, until none is left.

        Raises:
            AssertionError: a worker gives a record back, or there is no end.
        """
        for _ in range(20):
            handed = [self._hand_over(url, worker) for url, worker in self.workers.items()]
            if not any(handed):
                return
        raise AssertionError("the workers come to no end")

    def _hand_over(self, url: str, worker: str) -> int:
        """Hand a batch to a worker. Return how many records it took."""
        sqs = _sqs()
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if messages:
            patient = context(worker)
            patient.get_remaining_time_in_millis = lambda: 600_000
            records = [{"messageId": each["MessageId"], "body": each["Body"]} for each in messages]
            assert function(worker).handler({"Records": records}, patient)["batchItemFailures"] == []
        for each in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return len(messages)


@contextmanager
def own_queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queues]:
    """Let the functions put their records on new queues."""
    urls = {name: _sqs().create_queue(QueueName=f"own-{uuid4()}")["QueueUrl"] for name in WORKERS}
    for name, url in urls.items():
        monkeypatch.setenv(name, url)
    config.settings.cache_clear()
    yield Queues({urls[name]: worker for name, worker in WORKERS.items()})
    for url in urls.values():
        _sqs().delete_queue(QueueUrl=url)


def _sqs() -> Any:
    import boto3

    return boto3.client("sqs")
