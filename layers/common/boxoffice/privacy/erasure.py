"""Erasures: the job erases what is held about a person, a batch in each transaction.

Whoever asks gets an answer at once: the account is closed, and an erasure is written down. The job does the rest. It
goes on until it finds nothing more, and ends no sooner than an hour after it was asked. By then no request of the
account is running that could still write, such as a purchase from just before. What is under way is left until it has
ended: a pending order, an open payment, an email that is not sent.
"""

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from boxoffice import audit, db, outbox, sql
from boxoffice.ids import new_id
from boxoffice.newsletter import subscriptions
from boxoffice.observability import logger
from boxoffice.orders import erasure as orders
from boxoffice.orders.models import ErasedBuyer
from boxoffice.organisations import members
from boxoffice.payments import erasure as payments
from boxoffice.privacy.models import ErasureRow, Person
from boxoffice.slots import service as slots
from boxoffice.tickets import erasure as tickets
from boxoffice.waitlist import service as waitlist

SQL = sql.queries("privacy")

LONGEST_REQUEST = timedelta(hours=1)
"""No request, nor what it has started, still writes after that."""
_WAIT = timedelta(hours=1)  # until something under way is looked at again
_BATCH = 200  # rows of one kind that a transaction erases
_MOST_ERASURES = 50


def begin(conn: db.Connection, person: Person) -> ErasureRow:
    """Write down that a person is to be erased, in the transaction that grants it."""
    return db.exactly_one(conn, ErasureRow, SQL.insert_erasure, id=new_id(), **vars(person))


def list_due(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of erasures that have something to do, the oldest first.

    Args:
        leave_out: erasures that the run has tried in vain.
    """
    return db.values(conn, SQL.list_due_erasures, leave_out=list(leave_out), batch=_MOST_ERASURES)


def go_on(conn: db.Connection, erasure_id: UUID) -> int:
    """Erase one batch of one kind for an erasure. If nothing is left, finish it, or look again later.

    Returns:
        How much was done; 0 if another run works on it.
    """
    erasure = db.one(conn, ErasureRow, SQL.take_erasure, id=erasure_id)
    if erasure is None:
        return 0
    for erase_batch in _PARTS:
        if done := erase_batch(conn, erasure):
            return done
    is_left = bool(db.value(conn, SQL.has_something_left, **erasure.params))
    if db.run(conn, SQL.set_erasure_due, id=erasure.id, is_left=is_left, wait=_WAIT, until=LONGEST_REQUEST):
        return 1
    db.run(conn, SQL.finish_erasure, id=erasure.id)
    # The log outlives the database: after a restore, it says whose data must be erased again.
    logger.info("erased", extra={"erasure": str(erasure.id), "account": str(erasure.account_id)})
    return 1


def erase_orders(
    conn: db.Connection, order_ids: Collection[UUID], *, all_holders: bool, also_known_as: Collection[str] = ()
) -> list[ErasedBuyer]:
    """Erase the buyers of some orders with their tickets and payments. Return those that were erased.

    Args:
        all_holders: erase those whom a ticket has passed to, too.
        also_known_as: addresses of the buyer beside those in the orders.
    """
    ids = sorted(order_ids)
    payments.erase(conn, ids)
    erased = orders.erase_buyers(conn, ids, also_known_as)
    tickets.erase_buyers_tickets(conn, [buyer.order_id for buyer in erased], all_holders=all_holders)
    return erased


def _erase_orders(conn: db.Connection, person: Person) -> int:
    ids = _found(conn, person, SQL.list_orders_to_erase)
    erased = erase_orders(conn, ids, all_holders=False, also_known_as=[person.email] if person.email else [])
    outbox.erase_buyers(conn, {buyer.email for buyer in erased})  # an account may have named another than its own
    return len(erased)


def _erase_tickets(conn: db.Connection, person: Person) -> int:
    ids = _found(conn, person, SQL.list_tickets_to_erase)
    return tickets.erase_holder(conn, ids, person.account_id)


def _erase_named_holder(conn: db.Connection, person: Person) -> int:
    email = person.params["proven_email"]
    return tickets.erase_named_holder(conn, _found(conn, person, SQL.list_named_tickets_to_erase), email)


def _erase_senders(conn: db.Connection, person: Person) -> int:
    return tickets.erase_senders(conn, _found(conn, person, SQL.list_transfers_sent_to_erase))


def _erase_recipients(conn: db.Connection, person: Person) -> int:
    ids = _found(conn, person, SQL.list_transfers_received_to_erase)
    return tickets.erase_recipients(conn, ids, person.account_id, person.params["proven_email"])


def _end_waitlist_entries(conn: db.Connection, person: Person) -> int:
    """Take the person off one waitlist. Its stock goes to others, who are locked, so a transaction ends one entry."""
    for entry_id in _found(conn, person, SQL.list_open_entries, batch=1):
        waitlist.end_entry(conn, entry_id)
        return 1
    return 0


def _erase_waitlist_entries(conn: db.Connection, person: Person) -> int:
    return waitlist.erase_entries(conn, _found(conn, person, SQL.list_entries_to_erase))


def _erase_customers(conn: db.Connection, person: Person) -> int:
    return slots.erase_customers(conn, _found(conn, person, SQL.list_customers_to_erase))


def _erase_messages(conn: db.Connection, person: Person) -> int:
    return outbox.erase(conn, _found(conn, person, SQL.list_messages_to_erase))


def _forget_suppression(conn: db.Connection, person: Person) -> int:
    """Forget that nobody writes to the address any more. If that still holds, the next email comes back, too."""
    return outbox.forget_suppression(conn, person.email) if person.email and person.is_proven else 0


def _unsubscribe(conn: db.Connection, person: Person) -> int:
    """End the person's subscriptions. Their MACs stay, so that nobody writes to the address again."""
    return subscriptions.erase(conn, _found(conn, person, SQL.list_subscriptions_to_erase))


def _withdraw_invitations(conn: db.Connection, person: Person) -> int:
    return members.withdraw_invitations_to(conn, person.email) if person.email and person.is_proven else 0


def _end_memberships(conn: db.Connection, person: Person) -> int:
    """End memberships that began while the account was being closed."""
    return members.leave_all(conn, None, person.account_id) if person.account_id else 0


def _erase_audit_values(conn: db.Connection, person: Person) -> int:
    values = [value for value in (person.params["proven_email"], person.phone) if value]
    return audit.erase(conn, person.account_id, values)


_PARTS: tuple[Callable[[db.Connection, Person], int], ...] = (
    _erase_orders,
    _erase_tickets,
    _erase_named_holder,
    _erase_senders,
    _erase_recipients,
    _end_waitlist_entries,
    _erase_waitlist_entries,
    _erase_customers,
    _erase_messages,
    _forget_suppression,
    _unsubscribe,
    _withdraw_invitations,
    _end_memberships,
    _erase_audit_values,
)


def _found(conn: db.Connection, person: Person, query: LiteralString, batch: int = _BATCH) -> list[UUID]:
    """Return the ids of a batch of rows about a person."""
    return db.values(conn, query, **person.params, batch=batch)
