"""What an API key may do. Each route that keys may call names one scope."""

from collections.abc import Collection
from enum import StrEnum


class Scope(StrEnum):
    """A part of the API. A scope to write includes the one to read the same."""

    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    MONEY_READ = "money:read"
    MONEY_WRITE = "money:write"
    SCAN = "scan"
    SLOTS = "slots"
    BUYERS_ADDRESS = "buyers:address"  # no route needs it, but a header does


def allows(scopes: Collection[str], needed: Scope) -> bool:
    """Return True if a key with these scopes may do what needs this one."""
    return needed in scopes or needed.replace(":read", ":write") in scopes
