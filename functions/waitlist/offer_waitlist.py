"""Every minute: offers that have lapsed end, as does waiting in vain, and what is free is offered to those who wait."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice import db, outbox
from boxoffice.observability import count, flush, logger
from boxoffice.waitlist import service

_TIME_TO_STOP = 5_000  # milliseconds before the function's time is over


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """End and make offers, one a transaction; what is left when the time runs out waits for the next minute."""
    done = {"closed": close(context), "lapsed": lapse(context), "offered": offer(context)}
    outbox.nudge()
    count("OffersLapsed", done["lapsed"])
    count("OffersMade", done["offered"])
    logger.info("waitlist", extra=done)
    flush()
    return done


def close(context: LambdaContext) -> int:
    """End the waiting for what will not be sold any more; how many waited."""
    closed = 0
    while context.get_remaining_time_in_millis() > _TIME_TO_STOP:
        with db.autocommit() as conn:
            batch = service.close_over(conn, datetime.now(UTC))
        if not batch:
            break
        closed += batch
    return closed


def lapse(context: LambdaContext) -> int:
    """End the offers that have lapsed; how many."""
    lapsed = 0
    while context.get_remaining_time_in_millis() > _TIME_TO_STOP:
        with db.transaction() as conn:
            if not service.lapse_next(conn, datetime.now(UTC)):
                break
        lapsed += 1
    return lapsed


def offer(context: LambdaContext) -> int:
    """Offer what is free of each ticket type that is waited for; how many offers were made."""
    with db.autocommit() as conn:
        awaited = service.list_awaited(conn)
    offered = 0
    while awaited and context.get_remaining_time_in_millis() > _TIME_TO_STOP:
        with db.autocommit() as conn:
            made = service.offer_next(conn, awaited[-1])
        offered += made
        if not made:
            awaited.pop()
    return offered
