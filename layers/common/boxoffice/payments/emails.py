"""Emails about payments."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from boxoffice import db, sql
from boxoffice.emails import Content, money_of, seller_of, titles_of, write
from boxoffice.languages import N_, gettext
from boxoffice.orders import emails as orders
from boxoffice.payments.models import METHODS_BY_HAND, RefundStatus

SQL = sql.queries("payments")


@dataclass(frozen=True)
class EmailMoney:
    """What an email says of money that goes back.

    Attributes:
        elsewhere: how much of the amount had gone back without us.
        by_hand: True if a person of the seller sends it.
    """

    order_id: UUID
    amount: int
    elsewhere: int
    currency: str
    status: RefundStatus
    by_hand: bool


def payment_returned(conn: db.Connection, order_id: str, refund_id: str) -> Content:
    """Tell the buyer that their money could not pay the order, and goes back."""
    order, items = orders.get_order(conn, UUID(order_id))
    refund = get_money(conn, UUID(refund_id))
    if refund.order_id != order.id:
        raise LookupError(f"refund {refund_id} of order {order_id}")
    titles = orders.titles(items)
    subject = gettext("Your payment for %(events)s goes back to you", events=titles_of(titles))
    facts = orders.facts_of(order) | {"titles": titles} | money_facts(refund)
    return write("payment_returned", subject, facts, seller=seller_of(order))


def refund_sent(conn: db.Connection, refund_id: str) -> Content:
    """Tell the buyer that the provider has taken a refund which they were told to wait for."""
    return _about_refund(conn, "refund_sent", N_("Your refund for %(events)s is on its way"), UUID(refund_id))


def refund_delayed(conn: db.Connection, refund_id: str) -> Content:
    """Tell the buyer that a refund did not arrive though the provider had taken it."""
    return _about_refund(conn, "refund_delayed", N_("Your refund for %(events)s is delayed"), UUID(refund_id))


def _about_refund(conn: db.Connection, template: str, subject: str, refund_id: UUID) -> Content:
    refund = get_money(conn, refund_id)
    order, items = orders.get_order(conn, refund.order_id)
    facts = orders.facts_of(order) | money_facts(refund)
    subject = gettext(subject, events=titles_of(orders.titles(items)))
    return write(template, subject, facts, seller=seller_of(order))


def payment_processing(conn: db.Connection, order_id: str) -> Content:
    """Tell the buyer that their money is under way for days, and that their order is held until then."""
    return _about_order(conn, order_id, "payment_processing", N_("We are waiting for your payment for %(events)s"))


def payment_failed(conn: db.Connection, order_id: str) -> Content:
    """Tell the buyer that the money that was under way does not come, and that their order ends."""
    return _about_order(conn, order_id, "payment_failed", N_("Your payment for %(events)s has failed"))


def excess_returned(conn: db.Connection, order_id: str, refund_id: str) -> Content:
    """Tell the buyer that they paid more than the order's total, and that the rest goes back."""
    facts = money_facts(get_money(conn, UUID(refund_id)))
    return _about_order(conn, order_id, "excess_returned", N_("You paid more than needed for %(events)s"), **facts)


def _about_order(conn: db.Connection, order_id: str, template: str, subject: str, **facts: Any) -> Content:
    order, items = orders.get_order(conn, UUID(order_id))
    titles = orders.titles(items)
    subject = gettext(subject, events=titles_of(titles))
    return write(template, subject, orders.facts_of(order) | {"titles": titles} | facts, seller=seller_of(order))


EMAILS = (
    payment_returned,
    refund_sent,
    refund_delayed,
    payment_processing,
    payment_failed,
    excess_returned,
)


def get_money(conn: db.Connection, refund_id: UUID) -> EmailMoney:
    """Return what emails say of the money of a refund, as it stands now.

    Raises:
        LookupError: there is no such refund.
    """
    refund = db.one(conn, EmailMoney, SQL.get_refund_for_email, id=refund_id, methods_by_hand=list(METHODS_BY_HAND))
    if refund is None:
        raise LookupError(f"refund {refund_id}")
    return refund


def money_facts(refund: EmailMoney | None) -> dict[str, Any]:
    """Return the values of the templates' part about money: how much goes back, who sends it, and if it is on its way.

    Money is promised only once the provider has taken the refund. Until then the email says that another one follows.
    """
    if refund is None:
        return {"amount": None, "sent": None, "gone": None, "by_hand": False, "is_taken": False}
    shown = {
        "amount": refund.amount,
        "sent": refund.amount - refund.elsewhere,
        "gone": refund.elsewhere,
    }
    texts = {name: money_of(value, refund.currency) if value else None for name, value in shown.items()}
    return texts | {"by_hand": refund.by_hand, "is_taken": refund.status in ("sent", "succeeded")}
