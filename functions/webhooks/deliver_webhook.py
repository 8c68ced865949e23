"""Worker of the webhook queue: takes the turn of an endpoint, and sends what is due to it."""

from boxoffice import db
from boxoffice.jobs import worker
from boxoffice.webhooks import rules, turns

__all__ = ["handler"]


@worker(
    seconds_to_stop=rules.TURN.total_seconds() + rules.SECONDS_TO_SEND,
    done="WebhooksDelivered",
    failed="WebhookTurnsFailed",
)
def handler(conn: db.Connection, record: str) -> int:
    """Take the turn of the endpoint that a record names."""
    return turns.take_turn(conn, rules.endpoint_in(record))
