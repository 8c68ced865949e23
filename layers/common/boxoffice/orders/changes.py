"""Changes of an order after it was placed: who bought it, who each ticket is for, and what they answer.

Whoever reads the buyer's address has the order: the link in our emails shows its QRs. So a new address gets the order,
with all tickets that are still the buyer's. The links and QRs before end.

- As long as nothing about an order was written to its address, nobody there has a link. Then a change holds at once,
  and the links go on.
- Later, the new address confirms by a link, and the old one is told before and after. A manager's change holds at once.
- The old address cannot undo a change: it may be a stranger's, by a slip of the pen. A manager can give the order back.
- Whoever has an account's order by its link alone cannot give it away.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from boxoffice import audit, db, one_time, outbox, sql
from boxoffice.auth import Caller, Who
from boxoffice.erased import is_erased
from boxoffice.guest_tokens import order_token
from boxoffice.one_time import Purpose
from boxoffice.orders import details, links, rules, service
from boxoffice.orders.errors import OrderOfAccount
from boxoffice.orders.models import (
    ChangedOrder,
    ConfirmedOrderEmail,
    OrderEmailConfirmation,
    OrderPatch,
    OrderRow,
)
from boxoffice.tickets import holders, transfers
from boxoffice.versions import check_version

SQL = sql.queries("orders")

LINK_LIFETIME = timedelta(hours=24)


def update_order(
    conn: db.Connection, caller: Caller, order_id: UUID, patch: OrderPatch, expected_version: int | None
) -> ChangedOrder:
    """Change the buyer's name, phone and address, holders and answers. What is the same already changes nothing.

    A manager may leave out what buyers must answer.

    Raises:
        NotFound: there is no such order, or the caller may not see it.
        Invalid: the holders or answers do not fit what the events ask.
        StaleVersion: somebody else has changed it since.
        OrderEnded, BuyerErased: the order cannot be changed any more.
        OrderOfAccount: a new address takes the account that the order belongs to.
        BuyerLimitReached: the new address has so many tickets that these would be too many.
        one of NOT_NAMEABLE: the holder of a ticket stays.
    """
    order = db.get(conn, OrderRow, SQL.lock_order, id=order_id)
    acts_as = service.require_order(conn, caller, order)
    check_version(order.version, expected_version)
    rules.check_changeable(order)
    buyer = patch.buyer.changes() if patch.buyer else {}
    email = buyer.pop("email", None)
    if email not in (None, order.buyer_email):
        _check_email(conn, caller, acts_as, order, email)
    changed = _set_buyer(conn, order, buyer)
    changed += details.change(conn, order, patch, complete=acts_as is not Who.MANAGER)
    asked = False
    if email == order.buyer_email:  # whoever names the present address ends a change that waits
        one_time.revoke_of_orders(conn, Purpose.CHANGE_ORDER_EMAIL, [order.id])
    elif email is not None and acts_as is not Who.MANAGER and _is_told(conn, order):
        _ask(conn, caller, order, email)
        asked = True
    elif email is not None:
        _give_to(conn, order, email, caller.actor)
        changed.append("email address")
    if changed:
        _note(conn, order, f"changed by {acts_as}: {', '.join(changed)}", caller.actor)
    view = service.get_order(conn, caller, str(order_id))
    if changed:
        _record(conn, caller, order, tickets=[each.ticket_id for each in patch.holders or () if each.ticket_id])
    return ChangedOrder(view, acts_as, asked=asked)


def confirm_email(conn: db.Connection, caller: Caller, request: OrderEmailConfirmation) -> ConfirmedOrderEmail:
    """Give an order to the address that has confirmed it, with links and QRs of its own.

    Raises:
        LinkOver: the link was used, is too old, or was replaced by a later change. Or the buyer's data was erased.
        OrderEnded: the order cannot be changed any more.
        BuyerLimitReached: the address has too many tickets since, without what others ordered in its name.
    """
    order, change = links.redeem(conn, Purpose.CHANGE_ORDER_EMAIL, request.token)
    rules.check_changeable(order)
    email, asked_by = change["email"], change["asked_by"]
    service.check_limits(conn, replace(order, buyer_email=email), is_proven=True)
    _give_to(conn, order, email, asked_by)
    _note(conn, order, rules.NEW_ADDRESS, asked_by)
    token = order_token(order.id, order.email_changes + 1)
    view = service.get_order(conn, replace(caller, guest_token=token), str(order.id))
    _record(conn, caller, order)
    return ConfirmedOrderEmail(order=view, access_token=token)


def _check_email(conn: db.Connection, caller: Caller, acts_as: Who, order: OrderRow, email: str) -> None:
    """Check that the caller may give an order to an address, which may have so many tickets."""
    if acts_as is Who.GUEST and order.account_id not in (None, caller.account_id):
        raise OrderOfAccount
    service.check_limits(conn, replace(order, buyer_email=email))


def _set_buyer(conn: db.Connection, order: OrderRow, buyer: dict[str, Any]) -> list[str]:
    """Set the buyer's name and phone. Return what has changed, in words. Tickets in the buyer's name follow."""
    name, phone = buyer.get("name", order.buyer_name), buyer.get("phone", order.buyer_phone)
    new = {"name": name != order.buyer_name, "phone": phone != order.buyer_phone}
    if any(new.values()):
        db.run(conn, SQL.set_buyer, id=order.id, name=name, phone=phone)
    if new["name"]:
        holders.rename_buyer(conn, order.id, order.buyer_name, name)
    return [what for what, is_new in new.items() if is_new]


def _is_told(conn: db.Connection, order: OrderRow) -> bool:
    """Return True if anything about an order was written to its buyer's address.

    Messages are deleted in the end. An order that is pending for so long has money under way.
    """
    if order.status != "pending" or service.find_processing_payment(conn, order.id):
        return True
    return bool(db.value(conn, SQL.is_buyer_told, order_id=order.id, email=order.buyer_email))


def _ask(conn: db.Connection, caller: Caller, order: OrderRow, email: str) -> None:
    """Owe the new address a link that gives it the order, and tell the present one. A change that waits ends."""
    one_time.revoke_of_orders(conn, Purpose.CHANGE_ORDER_EMAIL, [order.id])
    asked_by = str(caller.actor) if caller.actor else None
    token_id = one_time.issue(
        conn, Purpose.CHANGE_ORDER_EMAIL, LINK_LIFETIME, order_id=order.id, email=email, asked_by=asked_by
    )
    outbox.owe_email(conn, "confirm_order_email", email, {"token_id": str(token_id)})
    outbox.owe_email(conn, "order_email_change_started", order.buyer_email, {"token_id": str(token_id)})


def _give_to(conn: db.Connection, order: OrderRow, email: str, actor: UUID | str | None) -> None:
    """Give an order to another address. If the one before was told of it, its links and QRs end, and it is told."""
    one_time.revoke_of_orders(conn, Purpose.CHANGE_ORDER_EMAIL, [order.id])
    is_told = _is_told(conn, order)
    db.run(conn, SQL.set_email, id=order.id, email=email, ended=int(is_told))
    if not is_told:
        return
    transfers.move_with_order(conn, order.id, order.buyer_email, email, actor)
    about_order = {"order_id": str(order.id)}
    if one_time.revoke_of_orders(conn, Purpose.CONFIRM_ORDER, [order.id]):
        service.ask_for_confirmation(conn, replace(order, buyer_email=email))
    elif order.status == "pending":
        outbox.owe_email(conn, "order_received", email, about_order)
    else:
        outbox.owe_email(conn, "order_confirmation", email, about_order | {"renewed": "address"})
    if not is_erased(order.buyer_email):
        outbox.owe_email(conn, "order_email_changed", order.buyer_email, {"former_order_id": str(order.id)})


def _note(conn: db.Connection, order: OrderRow, reason: str, actor: UUID | str | None) -> None:
    """Increment the version of an order, add a history row, and owe a webhook, none of them with personal data."""
    db.run(conn, SQL.increment_version, id=order.id)
    service.note(conn, order, "order.updated", reason=reason, actor=actor)


def _record(conn: db.Connection, caller: Caller, order: OrderRow, tickets: Sequence[UUID] = ()) -> None:
    """Write what has changed of an order into the audit log."""
    after = service.get_order_row(conn, order.id)
    changes = audit.changes(order, after, only=("buyer_name", "buyer_email", "buyer_phone"))
    facts = changes | ({"tickets": list(tickets)} if tickets else {})
    service.record(conn, caller, caller.operation, order, **facts)
