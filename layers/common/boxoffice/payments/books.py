"""Post what becomes of incoming payments to the ledger, in the transaction of what happens to them.

An incoming payment is the source of all its transfers. Its row is the lock of its books. Whoever changes what its books
say of it, of its refunds or of its reversals locks it first, and posts last. `book_rules` decides what should be
posted. What is posted already is not posted again.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from boxoffice import db, sql
from boxoffice.ledger import service as ledger
from boxoffice.payments import book_rules
from boxoffice.payments.models import BookedItem, BookedRefund, BookedReversal, MoneyToBook

SQL = sql.queries("payments")


def post(conn: db.Connection, incoming_id: UUID) -> None:
    """Post what an incoming payment has not posted yet. The caller's transaction has locked or made it."""
    row = db.exactly_one(conn, dict, SQL.get_money_to_book, id=incoming_id)
    paid = _read(row)
    ledger.post_difference(conn, paid.organisation_id, paid.currency, incoming_id, book_rules.transfers_of(paid))


def lock(conn: db.Connection, refund_id: UUID) -> UUID:
    """Lock the incoming payment of a refund, and so its books. Return its id."""
    incoming_id: UUID = db.value(conn, SQL.lock_money_of_refund, refund_id=refund_id)
    return incoming_id


def fee_returned_by(conn: db.Connection, order_id: UUID, amount: int, tickets: Sequence[Sequence[int]]) -> int:
    """Return how much of the platform's fee would go back to the seller with a refund of an order.

    Args:
        amount: what the refund gives back.
        tickets: those that end with it, as in `BookedRefund`.
    """
    incoming_id = db.value(conn, SQL.find_money_of_order, order_id=order_id) if amount else None
    if incoming_id is None:
        return 0
    row = db.exactly_one(conn, dict, SQL.get_money_to_book, id=incoming_id)
    return book_rules.fee_returned_by(_read(row), amount, tickets)


def _read(row: dict[str, Any]) -> MoneyToBook:
    return MoneyToBook(
        **row
        | {
            "items": [BookedItem(**_ids(item)) for item in row["items"]],
            "refunds": [BookedRefund(**refund) for refund in row["refunds"]],
            "reversals": [BookedReversal(**reversal) for reversal in row["reversals"]],
        }
    )


def _ids(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item with its ids, which are texts in JSON."""
    return item | {name: UUID(item[name]) for name in ("event_id", "ticket_type_id")}
