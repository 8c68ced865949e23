"""Every minute: what is left of cancelled events is given back, order by order."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice import db, outbox
from boxoffice.observability import count, flush, logger
from boxoffice.payments import sending
from boxoffice.refunds import service
from boxoffice.refunds.models import CancelledEvent

_TIME_TO_STOP = 5_000  # milliseconds before the function's time is over


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Give back what can be in the time there is; the next minute goes on with what is left."""
    done = {"orders": 0, "failed": 0}
    with db.autocommit() as conn:
        for cancelled in service.list_cancelled(conn):
            settle(conn, cancelled, context, done)
            service.settle_event(conn, cancelled, datetime.now(UTC))
    count("OrdersGivenBack", done["orders"])
    count("OrdersNotGivenBack", done["failed"])
    logger.info("cancelled events", extra=done)
    flush()
    return done


def settle(conn: db.Connection, cancelled: CancelledEvent, context: LambdaContext, done: dict[str, int]) -> None:
    """Go through what is left of an event once, each order a transaction."""
    batch = service.list_unsettled(conn, cancelled, UUID(int=0))
    while batch:
        for order_id in batch:
            if context.get_remaining_time_in_millis() < _TIME_TO_STOP:
                return
            give_back(conn, cancelled, order_id, done)
        outbox.nudge()
        sending.forget()  # reconcile_payments sends them, many at once
        batch = service.list_unsettled(conn, cancelled, batch[-1])


def give_back(conn: db.Connection, cancelled: CancelledEvent, order_id: UUID, done: dict[str, int]) -> None:
    """Give back one order. That it fails shall not keep the others waiting; it is tried again each minute."""
    try:
        with conn.transaction():
            done["orders"] += service.settle_order(conn, cancelled, order_id)
    except Exception:
        if conn.closed:
            raise
        done["failed"] += 1
        logger.exception("order not given back", extra={"event_id": str(cancelled.id), "order_id": str(order_id)})
