"""A function that gives back the orders of a cancelled event, or sends refunds, until its time is over.

`pace.py` starts it, with the settings of the functions in its environment.
"""

import time
from types import SimpleNamespace

from bench.processes import serve
from boxoffice.payments import sending
from tests.helpers.provider_servers import due_at
from tests.helpers.support import context, function


class Refunder:
    """Calls the functions as Lambda does."""

    def give_back(self, seconds: float) -> int:
        """Give back orders for so many seconds. Return how many."""
        sending.queues.put = lambda *_: []  # type: ignore[attr-defined]
        job = function("finish_cancellations")
        return int(job.handler({}, _until(seconds + 5))["orders"])

    def send(self, seconds: float) -> int:
        """Send refunds for so many seconds. Return how many were tried."""
        worker = function("send_refunds")
        return int(worker.handler(due_at("sandbox"), _until(seconds + worker.SECONDS_TO_STOP))["refunds_tried"])


def _until(seconds: float) -> SimpleNamespace:
    """Return a context whose time is over after so many seconds."""
    end = time.monotonic() + seconds
    return SimpleNamespace(
        **{**vars(context()), "get_remaining_time_in_millis": lambda: int((end - time.monotonic()) * 1000)}
    )


if __name__ == "__main__":
    serve(Refunder)
