"""What is held no longer than the platform's settings say. Each function serves a step of the job.

A run goes on where the one before stopped: what is deleted is not found again, and an event remembers how far its
orders have come. Every batch is a short transaction, and none waits for a purchase.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from boxoffice import db, erased, outbox, platform_settings, sql
from boxoffice.accounts import sessions
from boxoffice.payments import erasure as payments
from boxoffice.payments.erasure import OldEvent
from boxoffice.privacy import erasure
from boxoffice.tickets import erasure as tickets
from boxoffice.waitlist import service as waitlist
from boxoffice.webhooks import service as webhooks

SQL = sql.queries("privacy")

_MOST_EVENTS = 50
_ORDERS = 500
_ENTRIES = 5000


def list_old_messages(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of messages that ended longer ago than `message_days`."""
    return outbox.list_old(conn, platform_settings.current(conn).message_days, leave_out)


def list_old_webhooks(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of webhook deliveries that have ended, and were owed longer ago than `message_days`."""
    return webhooks.list_old_deliveries(conn, platform_settings.current(conn).message_days, leave_out)


def list_old_provider_events(conn: db.Connection, leave_out: Collection[str] = ()) -> list[OldEvent]:
    """Return a batch of provider events that are older than `provider_event_days`."""
    return payments.list_old_events(conn, platform_settings.current(conn).provider_event_days, leave_out)


def list_old_sessions(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of sessions with refresh tokens that ended longer ago than `session_days`."""
    return sessions.list_old(conn, platform_settings.current(conn).session_days, leave_out)


def purge_sessions(conn: db.Connection, session_ids: Sequence[UUID]) -> int:
    """Delete refresh tokens that ended longer ago than `session_days`, and sessions that have no other."""
    return sessions.purge(conn, session_ids, platform_settings.current(conn).session_days)


def list_old_events(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of events that ended longer ago than `contact_months`, and whose contacts are not all erased."""
    months = platform_settings.current(conn).contact_months
    if months is None:
        return []
    params = {"months": months, "leave_out": list(leave_out), "batch": _MOST_EVENTS}
    return db.values(conn, SQL.list_events_to_purge, **params)


def erase_contacts(conn: db.Connection, event_id: UUID) -> int:
    """Erase the contacts of an event's next orders. When none is left, erase its waitlist, then finish the event.

    An order that also is for a later event waits for that one. Return 1 at least, so that the run comes back; 0 if an
    admin has decided meanwhile to keep contacts.
    """
    months = platform_settings.current(conn).contact_months
    if months is None:
        return 0
    after = db.value(conn, SQL.lock_contact_purge, event_id=event_id)
    orders = db.many(conn, dict, SQL.list_orders_of_event, event_id=event_id, after=after, months=months, batch=_ORDERS)
    if orders:
        _erase_orders(conn, [order["id"] for order in orders if order["is_over"]])
        db.run(conn, SQL.set_contact_purge, event_id=event_id, last_order_id=orders[-1]["id"])
        return len(orders)
    params = {"event_id": event_id, "at_erased": erased.AT_DOMAIN, "batch": _ENTRIES}
    entries = db.values(conn, SQL.list_entries_of_event, **params)
    if entries:
        return max(1, waitlist.erase_entries(conn, entries))
    return db.run(conn, SQL.finish_contact_purge, event_id=event_id)


def _erase_orders(conn: db.Connection, order_ids: Sequence[UUID]) -> None:
    """Erase the buyers and holders of some orders, and whom their tickets passed through."""
    erasure.erase_orders(conn, order_ids, all_holders=True)
    transfers = db.values(conn, SQL.list_transfers_of_orders, order_ids=list(order_ids))
    tickets.erase_senders(conn, transfers)
    tickets.erase_recipients(conn, transfers)
