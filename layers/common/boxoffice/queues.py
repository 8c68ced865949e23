"""Put records on queues (SQS). What they say is in the database too, so a lost record delays its work, and no more."""

from collections.abc import Sequence
from functools import cache
from typing import Any

_BATCH = 10  # as many records as SQS takes at once


def put(queue_url: str, bodies: Sequence[str]) -> list[int]:
    """Put records on a queue.

    Returns:
        The positions of the records that the queue refused.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: the queue does not answer, or is not there. Some records may be
            on it already.
    """
    refused: list[int] = []
    for start in range(0, len(bodies), _BATCH):
        entries: list[Any] = [
            {"Id": str(number), "MessageBody": body}
            for number, body in enumerate(bodies[start : start + _BATCH], start)
        ]
        answer = _sqs().send_message_batch(QueueUrl=queue_url, Entries=entries)
        refused += [int(failure["Id"]) for failure in answer.get("Failed", [])]
    return refused


@cache
def _sqs() -> Any:
    """Return the client of this environment. Its time-outs are short, since a buyer may be waiting."""
    import boto3
    from botocore.config import Config

    retries: Any = {"total_max_attempts": 2, "mode": "standard"}
    return boto3.client("sqs", config=Config(connect_timeout=1, read_timeout=3, retries=retries))
