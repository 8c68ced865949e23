"""Every minute: put on the queue what the outbox owes and no nudge has brought there."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice import db, outbox
from boxoffice.messaging import service
from boxoffice.messaging.models import Backlog
from boxoffice.messaging.rules import SECONDS_TO_RELAY
from boxoffice.observability import flush, logger, metrics

__all__ = ["handler"]


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Relay what is due and tell how much is owed, whatever the event says."""
    with db.autocommit() as conn:
        try:
            relayed = relay_outbox(conn, context)
        finally:
            backlog = service.get_backlog(conn)
            report(backlog)
    return {"relayed": relayed, **vars(backlog)}


def relay_outbox(conn: db.Connection, context: LambdaContext) -> int:
    """Put batch after batch on the queue, until nothing is due or time runs out; answers how many messages.

    Raises:
        ConnectionError, botocore.exceptions.BotoCoreError: the queue takes none; a later sweep tries again.
    """
    relayed = 0
    while context.get_remaining_time_in_millis() > SECONDS_TO_RELAY * 1000 and (batch := service.take_due(conn)):
        # To die before they are on the queue costs two minutes: the lease lapses and a later sweep takes them again.
        # To die after it costs a second copy on the queue, which the worker drops. At no step is a message lost.
        outbox.enqueue([message.id for message in batch])
        service.mark_relayed(conn, batch)
        relayed += len(batch)
        logger.info("relayed", extra={"messages": relayed})
    return relayed


def report(backlog: Backlog) -> None:
    """Log what is owed, and give it to CloudWatch for the alarms."""
    logger.info("outbox", extra=vars(backlog))
    metrics.add_metric(name="OutboxWaiting", unit=MetricUnit.Count, value=backlog.waiting)
    metrics.add_metric(name="OutboxOldestAge", unit=MetricUnit.Seconds, value=backlog.oldest_seconds)
    metrics.add_metric(name="OutboxFailed", unit=MetricUnit.Count, value=backlog.failed)
    flush()
