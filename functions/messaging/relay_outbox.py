"""Every minute: put on the queues what is due and not there: messages, exports, and turns of webhook endpoints."""

from collections.abc import Callable
from functools import partial
from typing import Any

from boxoffice.exports import writing
from boxoffice.jobs import Step, job
from boxoffice.messaging import service
from boxoffice.messaging.rules import SECONDS_TO_RELAY
from boxoffice.webhooks import turns

GAUGES = {"waiting": "OutboxWaiting", "oldest_seconds": "OutboxOldestAge", "failed": "OutboxFailed"}


@job(seconds_to_stop=SECONDS_TO_RELAY, backlog=service.get_backlog, gauges=GAUGES)
def handler() -> list[Step]:
    """Put messages on the queue and mark them, many at once. Call a worker for each export. Ask for turns."""
    ask_once = partial(turns.list_due_endpoints, asked=set())
    forgotten = partial(writing.find_forgotten, called=set())
    return [
        _step("relayed", service.enqueue_due, service.mark_relayed, "Messages", "Relayed"),
        Step("exports", forgotten, writing.call_worker, "ExportsRelayed", "ExportsNotRelayed"),
        _step("webhook_turns", ask_once, turns.ask_for_turns, "WebhookTurns", "Asked"),
        _step("stranded_webhooks", turns.list_stranded, turns.fail_stranded, "Webhooks", "Stranded"),
    ]


def _step(name: str, find: Callable[..., Any], do: Callable[..., int], what: str, done: str) -> Step:
    """Return a step that does many units in a transaction."""
    return Step(name, find, do, f"{what}{done}", f"{what}Not{done}", at_once=200)
