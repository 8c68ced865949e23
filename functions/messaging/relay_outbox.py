"""Every minute: put messages on the queue whose nudge was lost."""

from boxoffice.jobs import Step, job
from boxoffice.messaging import service
from boxoffice.messaging.rules import SECONDS_TO_RELAY

GAUGES = {"waiting": "OutboxWaiting", "oldest_seconds": "OutboxOldestAge", "failed": "OutboxFailed"}


@job(seconds_to_stop=SECONDS_TO_RELAY, backlog=service.get_backlog, gauges=GAUGES)
def handler() -> list[Step]:
    """Put messages on the queue and mark them, many at once."""
    return [
        Step(
            "relayed",
            find=service.enqueue_due,
            do=service.mark_relayed,
            done="MessagesRelayed",
            failed="MessagesNotRelayed",
            at_once=200,
        ),
    ]
