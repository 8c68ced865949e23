"""Every minute: providers are asked about payments that stay open, and what is owed to buyers is sent back."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice import db, outbox
from boxoffice.observability import flush, logger, metrics
from boxoffice.orders import service as orders
from boxoffice.payments import reconciliation, sending
from boxoffice.payments.models import Backlog

_TIME_TO_STOP = 30_000  # milliseconds before the function's time is over; a batch of silent providers takes that long


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ask and send, a batch at a time; what is left when the time runs out waits for the next minute."""
    with db.autocommit() as conn:
        try:
            asked, sent = reconcile_payments(conn, context)
        finally:
            outbox.nudge()
            backlog = sending.get_backlog(conn)
            report(backlog)
    return {"asked": asked, "refunds_tried": sent, **vars(backlog)}


def reconcile_payments(conn: db.Connection, context: LambdaContext) -> tuple[int, int]:
    """How many payments were asked about, and how many refunds were tried."""
    asked = sent = 0
    silent: set[str] = set()
    while context.get_remaining_time_in_millis() > _TIME_TO_STOP:
        paid = reconciliation.ask_providers(conn, datetime.now(UTC), silent)
        returned = sending.send_refunds(conn, datetime.now(UTC), silent=silent)
        asked, sent = asked + paid, sent + returned
        if not paid and not returned:
            break
    if asked:  # what will not be paid any more gives its stock back now, not in a minute
        with conn.transaction():
            orders.expire_orders(conn, datetime.now(UTC))
    return asked, sent


def report(backlog: Backlog) -> None:
    """Log what is open, and give it to CloudWatch for the alarms."""
    logger.info("payments", extra=vars(backlog))
    metrics.add_metric(name="PaymentsOpen", unit=MetricUnit.Count, value=backlog.payments_open)
    metrics.add_metric(name="RefundsOwed", unit=MetricUnit.Count, value=backlog.refunds_owed)
    metrics.add_metric(name="RefundsFailed", unit=MetricUnit.Count, value=backlog.refunds_failed)
    metrics.add_metric(name="RefundsOldestAge", unit=MetricUnit.Seconds, value=backlog.oldest_refund_seconds)
    flush()
