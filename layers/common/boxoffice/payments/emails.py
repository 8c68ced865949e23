"""Emails about payments."""

from dataclasses import dataclass
from uuid import UUID

from boxoffice import db, money, sql
from boxoffice.emails import Content, titles_of, write
from boxoffice.orders import emails as orders

SQL = sql.queries("payments")


@dataclass(frozen=True)
class ReturnedMoney:
    """What an email says of money that is returned."""

    amount: int
    currency: str


def payment_returned(conn: db.Connection, order_id: str, payment_id: str) -> Content:
    """Tell the buyer that their money could not pay the order, and is on its way back."""
    order, items = orders.get_order(conn, UUID(order_id))
    returned = db.one(conn, ReturnedMoney, SQL.get_returned_for_email, id=UUID(payment_id), order_id=order.id)
    if returned is None:
        raise LookupError(f"payment {payment_id} of order {order_id}")
    titles = orders.titles(items)
    subject = f"Your payment for {titles_of(titles)} is on its way back"
    amount = money.show(returned.amount, returned.currency)
    return write("payment_returned", subject, orders.facts_of(order) | {"titles": titles, "amount": amount})


EMAILS = (payment_returned,)
