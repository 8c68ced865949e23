"""Every minute: put messages and exports on their queues whose nudge was lost."""

from functools import partial

from boxoffice.exports import writing
from boxoffice.jobs import Step, job
from boxoffice.messaging import service
from boxoffice.messaging.rules import SECONDS_TO_RELAY

GAUGES = {"waiting": "OutboxWaiting", "oldest_seconds": "OutboxOldestAge", "failed": "OutboxFailed"}


RELAY_MESSAGES = Step(
    "relayed",
    find=service.enqueue_due,
    do=service.mark_relayed,
    done="MessagesRelayed",
    failed="MessagesNotRelayed",
    at_once=200,
)


@job(seconds_to_stop=SECONDS_TO_RELAY, backlog=service.get_backlog, gauges=GAUGES)
def handler() -> list[Step]:
    """Put messages on the queue and mark them, many at once. Call a worker for each export."""
    find = partial(writing.find_forgotten, called=set())
    return [RELAY_MESSAGES, Step("exports", find, writing.call_worker, "ExportsRelayed", "ExportsNotRelayed")]
