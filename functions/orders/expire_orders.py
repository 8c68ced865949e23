"""Every minute: holds that have lapsed end, and their stock is for sale again."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice import db, outbox
from boxoffice.observability import count, flush, logger
from boxoffice.orders import service

_TIME_TO_STOP = 5_000  # milliseconds before the function's time is over


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """End lapsed holds, a batch a transaction; what is left when the time runs out waits for the next minute."""
    total = 0
    while context.get_remaining_time_in_millis() > _TIME_TO_STOP:
        with db.transaction() as conn:
            expired = service.expire_orders(conn, datetime.now(UTC))
        total += expired
        if not expired:
            break
    with db.transaction() as conn:
        service.purge_idempotency_keys(conn)
    outbox.nudge()
    count("OrdersExpired", total)
    logger.info("holds ended", extra={"orders": total})
    flush()
    return {"expired": total}
