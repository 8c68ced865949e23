"""When a message is tried, how often, and what happens to one that fails.

Three times have to fit, here and in the template (a test holds them together): an invocation of the worker lives for
60 s at most, a claimed message is leased for 90 s, and the queue hides what it delivered for 360 s.

- The lease is longer than an invocation, so it cannot lapse while its worker lives: no second one starts to send.
- An invocation and a lease together are shorter than the queue's time-out. So when a worker dies and the queue delivers
  its messages again, their leases have lapsed, and they are tried at once. Were the lease the longer one, the record
  would pass for a duplicate and be dropped, and only the sweep would find the message, later.
"""

import json
from datetime import timedelta
from uuid import UUID

from boxoffice.messaging.errors import NotOurMessage

LEASE = timedelta(seconds=90)
MAX_ATTEMPTS = 5
THROTTLED_WAIT = timedelta(minutes=1)

SECONDS_TO_SEND = 8  # what one message takes at the worst: SES lets us wait for 7
SECONDS_TO_RELAY = 5  # what the sweep needs for a batch


def message_id_of(body: str) -> UUID:
    """The message that a record of the queue is about.

    Raises:
        NotOurMessage: it is about none.
    """
    try:
        return UUID(json.loads(body)["outbox_id"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotOurMessage("the record names no message of the outbox") from error


def wait_after(attempts: int) -> timedelta | None:
    """How long a message waits after so many failed attempts: 1, 5, 25 and 125 minutes; None when it is given up."""
    return timedelta(minutes=5 ** (attempts - 1)) if attempts < MAX_ATTEMPTS else None


def ascii_address(address: str) -> str:
    """An address as mail servers have it: ``ada@bücher.example`` is ``ada@xn--bcher-kva.example``.

    Raises:
        ValueError: the domain is none, or the part before it is not ASCII, which SES does not deliver to.
    """
    if address.isascii():
        return address
    import idna

    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise ValueError("the address has other than ASCII characters before the @")
    return f"{local}@{idna.encode(domain, uts46=True).decode()}"
