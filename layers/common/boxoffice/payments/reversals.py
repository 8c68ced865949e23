"""Book money that went back without us: refunds that somebody made at a provider, and disputes of payers.

A reversal is booked against the money that came (`incoming_payments.refunded_elsewhere`). So all that went back is
counted once, and never more than came. If a refund of ours is owed that no longer fits beside it, the refund shrinks.

What is booked may end the order: a dispute that is lost, or a refund of all that was left. The order is marked, and
`refunds` ends it.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from boxoffice import db, outbox, sql
from boxoffice.ids import new_id
from boxoffice.money import show
from boxoffice.observability import count
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRow
from boxoffice.payments import books, matters, rules
from boxoffice.payments.models import DueRefund, IncomingPayment, NewMatter, PaymentRow, Reversal, StoredReversal
from boxoffice.payments.reading import text_of
from boxoffice.tickets import service as tickets

SQL = sql.queries("payments")


def receive(
    conn: db.Connection, reversal: Reversal, provider: str, merchant_id: UUID, *, refused: DueRefund | None = None
) -> bool:
    """Store what a provider says of a reversal, and book it, in the caller's transaction. A repeat changes nothing.

    Args:
        refused: the refund whose refusal made the provider say it. It shrinks first if too little is left.

    Returns:
        True if the reversal concerns a payment of ours.
    """
    account = {"provider": provider, "merchant_id": merchant_id}
    money = {"money_reference": reversal.money_reference, "payment_id": reversal.payment_id}
    payment_id = db.value(conn, SQL.find_reversed_payment, **account, **money)
    if payment_id is None:
        return False
    payment = db.exactly_one(conn, PaymentRow, SQL.lock_payment, id=payment_id, **account)
    order = orders.lock_order(conn, payment.order_id)
    incoming = _lock_money(conn, payment.id, reversal)
    amount = _unexplained(conn, reversal, incoming) if reversal.is_total and incoming else reversal.amount
    if amount == 0:
        return True
    facts = {name: value for name, value in vars(reversal).items() if name not in ("amount", "payment_id")}
    facts["reason"] = text_of(reversal.reason)
    stored = db.exactly_one(
        conn, StoredReversal, SQL.upsert_reversal, id=new_id(), payment_id=payment.id, amount=amount, **account, **facts
    )
    if incoming is not None:
        _book(conn, order, incoming, stored, account, refused)
    return True


def receive_waiting(conn: db.Connection, payment: PaymentRow, order: OrderRow, account: dict[str, Any]) -> None:
    """Book the reversals that came before the money of a payment, which the transaction has just recorded."""
    for reversal in db.many(conn, StoredReversal, SQL.list_waiting_reversals, payment_id=payment.id):
        incoming = _lock_money(conn, payment.id, reversal)
        if incoming is not None:
            amount = _unexplained(conn, reversal, incoming) if reversal.is_total else reversal.amount
            _book(conn, order, incoming, replace(reversal, amount=amount), account, None)


def _lock_money(conn: db.Connection, payment_id: UUID, reversal: Reversal | StoredReversal) -> IncomingPayment | None:
    names = {"kind": reversal.kind, "reference": reversal.reference, "money_reference": reversal.money_reference}
    return db.one(conn, IncomingPayment, SQL.lock_incoming_payment, payment_id=payment_id, **names)


def _unexplained(conn: db.Connection, reversal: Reversal | StoredReversal, incoming: IncomingPayment) -> int:
    """Return how much a sum of refunds adds to what is booked of it, since nothing else explains it. Else return 0.

    Our refunds count in full, though some may not be made yet: rather too little is booked than too much. The events
    of the single refunds tell the rest.
    """
    new = reversal.amount - incoming.refunded - incoming.refunded_elsewhere
    if new <= 0:
        return 0
    names = {"kind": reversal.kind, "reference": reversal.reference}
    return new + int(db.value(conn, SQL.get_booked, incoming_payment_id=incoming.id, **names) or 0)


def _book(
    conn: db.Connection,
    order: OrderRow,
    incoming: IncomingPayment,
    reversal: StoredReversal,
    account: dict[str, Any],
    refused: DueRefund | None,
) -> None:
    """Book a reversal against its money, and tell people what has changed. The transaction has locked the order."""
    due = reversal.due if reversal.currency == incoming.currency else 0
    more = due - reversal.booked
    taken_over, from_sums = _take_over(conn, incoming, reversal, more)
    booked = taken_over + _book_more(conn, order, incoming, more - taken_over, refused)
    booked += _book_less(conn, incoming, -more)
    db.run(conn, SQL.set_booked, id=reversal.id, amount=booked, incoming_payment_id=incoming.id)
    books.post(conn, incoming.id)
    if booked == 0 and not reversal.has_changed:
        return
    matter = _matter_of(order, incoming, reversal, account)
    if reversal.has_changed:
        _tell(conn, order, reversal, matter, was_told=0 < reversal.amount == from_sums)
    missing = more - booked
    if missing < 0 or (missing and not db.value(conn, SQL.has_unsent_refund, incoming_payment_id=incoming.id)):
        matters.open_new(conn, matters.difference(matter, missing))
    if incoming.pays_order:
        _mark_order(conn, order, incoming, reversal)


def _take_over(
    conn: db.Connection, incoming: IncomingPayment, reversal: StoredReversal, amount: int
) -> tuple[int, int]:
    """Book an amount that went back in place of what other reversals had booked. A sum is told of under its own name.

    Returns:
        How much could be booked, and how much of that from sums.
    """
    left, from_sums = max(amount, 0), 0
    if not left or reversal.is_total:
        return 0, 0
    others = {"id": reversal.id, "incoming_payment_id": incoming.id}
    for other in db.many(conn, StoredReversal, SQL.list_replaceable_reversals, **others):
        replaced = min(left, other.booked)
        db.run(conn, SQL.set_booked, id=other.id, amount=-replaced, incoming_payment_id=incoming.id)
        left -= replaced
        if other.is_total:
            from_sums += replaced
            if replaced == other.booked:
                matters.close(conn, "refunded_elsewhere", other.id, "named")
    return max(amount, 0) - left, from_sums


def _book_more(
    conn: db.Connection, order: OrderRow, incoming: IncomingPayment, amount: int, refused: DueRefund | None
) -> int:
    """Book an amount that went back of the rest of the money. If that is too little, refunds that nobody sends shrink.

    Returns:
        How much could be booked.
    """
    left = max(amount, 0)
    from_rest = min(left, incoming.left)
    left -= from_rest
    from_refunds = _reduce_refunds(conn, order, incoming, left, refused) if left else 0
    if from_rest or from_refunds:
        elsewhere = from_rest + from_refunds
        db.run(conn, SQL.book_elsewhere, id=incoming.id, elsewhere=elsewhere, from_refunds=from_refunds)
    return max(amount, 0) - left + from_refunds


def _reduce_refunds(
    conn: db.Connection, order: OrderRow, incoming: IncomingPayment, amount: int, refused: DueRefund | None
) -> int:
    """Let refunds of ours send less, by an amount in all. Return by how much they could be reduced.

    If nothing is left to send of one, the buyer who waits for it is told. Whoever was refused one tells of that one.
    """
    left = amount
    refused_id, attempts = (refused.id, refused.attempts) if refused else (None, None)
    names = {"incoming_payment_id": incoming.id, "refused": refused_id, "attempts": attempts}
    refunds = db.many(conn, dict, SQL.lock_reducible_refunds, **names)
    for refund in sorted(refunds, key=lambda refund: refund["id"] != refused_id):
        taken = min(left, refund["amount"])
        if taken:
            status = db.value(conn, SQL.reduce_refund, id=refund["id"], amount=taken)
            if status == "succeeded":
                matters.close(conn, "refund_failed", refund["id"], "gone_elsewhere")
                matters.close(conn, "refund_by_hand", refund["id"], "gone_elsewhere")
                if refund["id"] != refused_id:
                    outbox.owe_email(conn, "refund_sent", order.buyer_email, {"refund_id": str(refund["id"])})
            left -= taken
    return amount - left


def _book_less(conn: db.Connection, incoming: IncomingPayment, amount: int) -> int:
    """Book less, since money did not go back in the end. What refunds count as theirs stays booked.

    Returns:
        The change of what is booked: 0 or less.
    """
    if amount <= 0:
        return 0
    less = min(amount, incoming.refunded_elsewhere - incoming.covered)
    db.run(conn, SQL.book_elsewhere, id=incoming.id, elsewhere=-less, from_refunds=0)
    return -less


def _mark_order(conn: db.Connection, order: OrderRow, incoming: IncomingPayment, reversal: StoredReversal) -> None:
    """Mark an order that is to be ended, and its tickets if the payment is disputed.

    Args:
        incoming: the money before the reversal was booked.
    """
    now = _lock_money(conn, incoming.payment_id, reversal)
    assert now is not None
    if order.status != "refunded" and (reversal.status == "lost" or rules.took_all_that_was_left(incoming, now)):
        db.run(conn, SQL.set_ends_order, id=incoming.id)
    elif now.left > incoming.left:
        db.run(conn, SQL.keep_order, id=incoming.id)
    if reversal.kind == "dispute":
        disputed = db.value(conn, SQL.has_open_dispute, incoming_payment_id=incoming.id)
        tickets.set_disputed(conn, order.id, disputed=disputed)


def _matter_of(
    order: OrderRow, incoming: IncomingPayment, reversal: StoredReversal, account: dict[str, Any]
) -> NewMatter:
    return NewMatter(
        organisation_id=order.organisation_id,
        kind="refunded_elsewhere" if reversal.kind == "refund" else "dispute",
        subject=str(reversal.id),
        order_id=order.id,
        payment_id=incoming.payment_id,
        reference=reversal.reference,
        amount=reversal.amount,
        currency=reversal.currency,
        details={"status": reversal.status, "reason": reversal.reason},
        **account,
    )


def _tell(conn: db.Connection, order: OrderRow, reversal: StoredReversal, matter: NewMatter, *, was_told: bool) -> None:
    """Write down what has happened: as a matter, in the order's history, as a webhook and as a metric.

    Args:
        was_told: True if a sum of refunds has told of it. Then only the matter is new, in place of the sum's.
    """
    matters.open_new(conn, matter)
    if reversal.status not in ("open", "made"):
        matters.close(conn, matter.kind, matter.subject, reversal.status)
    if was_told:
        return
    provider, amount = matter.provider, show(reversal.amount, reversal.currency)
    facts: dict[str, Any] = {"payment_id": matter.payment_id, "provider": provider, "reference": reversal.reference}
    facts |= {"amount": reversal.amount, "provider_reason": reversal.reason}
    if reversal.kind == "refund":
        what = "was refunded" if reversal.status == "made" else "was not refunded in the end"
        reason = f"{amount} {what} at {provider} ({reversal.reference})"
        orders.note(conn, order, "payment.refunded_elsewhere", reason=reason, refund_status=reversal.status, **facts)
        count("RefundsElsewhere" if reversal.status == "made" else "RefundsElsewhereFailed")
    else:
        reason = f"the payer's dispute of {amount} is {reversal.status} ({reversal.reference})"
        orders.note(conn, order, "payment.disputed", reason=reason, dispute_status=reversal.status, **facts)
        count({"open": "DisputesOpened", "won": "DisputesWon"}.get(reversal.status, "DisputesLost"))
