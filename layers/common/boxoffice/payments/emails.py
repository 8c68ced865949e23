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


def payment_processing(conn: db.Connection, order_id: str) -> Content:
    """Tell the buyer that their money is under way for days, and that their order is held until then."""
    return _about_order(conn, order_id, "payment_processing", "We are waiting for your payment for {titles}")


def payment_failed(conn: db.Connection, order_id: str) -> Content:
    """Tell the buyer that the money that was under way does not come, and that their order ends."""
    return _about_order(conn, order_id, "payment_failed", "Your payment for {titles} has failed")


def excess_returned(conn: db.Connection, order_id: str, refund_id: str) -> Content:
    """Tell the buyer that they paid more than the order's total, and that the rest goes back."""
    excess = db.exactly_one(conn, ReturnedMoney, SQL.get_excess_for_email, id=UUID(refund_id))
    amount = money.show(excess.amount, excess.currency)
    return _about_order(conn, order_id, "excess_returned", "You paid more than needed for {titles}", amount=amount)


def _about_order(conn: db.Connection, order_id: str, template: str, subject: str, **facts: str) -> Content:
    order, items = orders.get_order(conn, UUID(order_id))
    titles = orders.titles(items)
    subject = subject.format(titles=titles_of(titles))
    return write(template, subject, orders.facts_of(order) | {"titles": titles} | facts)


EMAILS = (payment_returned, payment_processing, payment_failed, excess_returned)
