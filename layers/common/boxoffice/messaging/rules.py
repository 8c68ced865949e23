"""When a message is tried, how often, and when it has failed for good.

Three times must fit together, here and in the template; a test checks them. An invocation of a worker lasts 60 s at
most. The worker leases a message for 90 s. The queue hides a record that it delivered for 360 s.

- The lease is longer than an invocation. So it does not end while its worker runs, and no second worker sends too.
- An invocation and a lease together are shorter than the queue's visibility timeout. So when the queue delivers a dead
  worker's messages again, their leases have ended, and the next worker tries them at once. If the lease outlasted the
  timeout, a redelivery would look like a duplicate and be dropped. Only `relay_outbox` would find the message, later.
"""

import json
from datetime import timedelta
from uuid import UUID

from boxoffice.messaging.errors import NotOurMessage

LEASE = timedelta(seconds=90)
MAX_ATTEMPTS = 5
THROTTLED_WAIT = timedelta(minutes=1)

SECONDS_TO_SEND = 8  # the longest time for one message: SES or SNS may take 7 to answer
SECONDS_TO_RELAY = 5  # the time that `relay_outbox` needs for a batch


def message_id_of(body: str) -> UUID:
    """Return the id of the message that a record of the queue names.

    Raises:
        NotOurMessage: it names none.
    """
    try:
        return UUID(json.loads(body)["outbox_id"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotOurMessage("the record names no message of the outbox") from error


def wait_after(attempts: int) -> timedelta | None:
    """Return how long a message waits after its failed attempts: 1, 5, 25, then 125 minutes. None: it has failed."""
    return timedelta(minutes=5 ** (attempts - 1)) if attempts < MAX_ATTEMPTS else None
