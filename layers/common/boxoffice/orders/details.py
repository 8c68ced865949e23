"""The answers of an order, and the holders that it names: given with the purchase, and changed until the doors open.

An order has them in its `details`. Holders with their answers pass to the tickets when these are issued.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import db, sql
from boxoffice.errors import Invalid
from boxoffice.orders.models import AskedRow, Cart, HolderPatch, OrderPatch, OrderRequest, OrderRow
from boxoffice.questions import rules
from boxoffice.questions.models import AskedItem, Form
from boxoffice.tickets import holders as holders_of_tickets
from boxoffice.tickets.errors import DoorsOpen

SQL = sql.queries("orders")


def of_purchase(request: OrderRequest, cart: Cart) -> dict[str, Any] | None:
    """Return the answers and holders of a request to buy, as the order stores them. None if there are none.

    Raises:
        Invalid: they do not fit what the events ask.
    """
    items = [
        AskedItem(
            item.terms.event_id,
            item.terms.ticket_type_id,
            1 if item.is_group else item.quantity,
            Form.of(item.terms.form),
        )
        for item in cart.items
    ]
    holders = None if request.holders is None else [holder.model_dump() for holder in request.holders]
    return rules.details_of(items, request.answers, holders)


@dataclass(frozen=True)
class _Named:
    """Whom a ticket is for, or will be, as the order stores it, and what is asked of the ticket."""

    form: Form
    ticket_type_id: UUID
    holder: Mapping[str, Any]


def change(conn: db.Connection, order: OrderRow, patch: OrderPatch, *, complete: bool) -> list[str]:
    """Change the answers and holders of an order that the transaction has locked. Return what has changed, in words.

    Args:
        complete: True if what is required must be answered.

    Raises:
        Invalid: they do not fit what the events ask.
        one of NOT_NAMEABLE: the doors are open, or the holder of a ticket stays.
    """
    if patch.answers is None and patch.holders is None:
        return []
    items = db.many(conn, AskedRow, SQL.list_asked_items, id=order.id)
    before = db.value(conn, SQL.get_details, id=order.id) or {}
    problems = rules.Problems()
    answers = _changed_answers(items, before.get("answers", {}), patch.answers or {}, problems, complete=complete)
    patches = patch.holders or []
    named = _named(conn, order, items, before.get("holders"), patches)
    holders = [
        rules.changed_holder(
            each.form, each.ticket_type_id, each.holder, wanted.changes(), number, problems, complete=complete
        )
        for number, (each, wanted) in enumerate(zip(named, patches, strict=True))
    ]
    problems.check()
    is_pending = order.status == "pending"
    given = rules.stored_details(answers, holders if is_pending and holders else before.get("holders", [])) or {}
    details = {part: value for part, value in before.items() if part not in ("answers", "holders")} | given
    if details != before:
        db.run(conn, SQL.set_details, id=order.id, details=Jsonb(details) if details else None)
    if not is_pending:
        holders_of_tickets.save(conn, order.id, [wanted.ticket_id for wanted in patches], holders)
    answers_differ = before.get("answers", {}) != answers
    return rules.changes_in_words([each.holder for each in named], holders, answers_differ=answers_differ)


def _changed_answers(
    rows: Sequence[AskedRow],
    before: Mapping[str, Sequence[rules.Answer]],
    given: Mapping[UUID, Mapping[str, Any]],
    problems: rules.Problems,
    *,
    complete: bool,
) -> dict[str, Sequence[rules.Answer]]:
    """Return the answers of the order, by event. Those to the events that are named are given anew."""
    _check_doors(rows, given.keys())
    new = rules.order_answers([row.asked for row in rows], given, problems, complete=complete, only=given.keys())
    forms = {str(row.event_id): row.asked.form for row in rows}
    kept = {event_id: rules.with_former(forms[event_id], each, before.get(event_id)) for event_id, each in new.items()}
    return {event_id: each for event_id, each in {**before, **kept}.items() if each}


def _named(
    conn: db.Connection,
    order: OrderRow,
    rows: Sequence[AskedRow],
    stored: Sequence[Mapping[str, Any]] | None,
    patches: Sequence[HolderPatch],
) -> list[_Named]:
    """Return whom the tickets are for that a request names: those of its ids, or all that are yet to be issued."""
    if not patches:
        return []
    if order.status != "pending":
        return _named_tickets(conn, order, rows, patches)
    for number, patch in enumerate(patches):
        if patch.ticket_id is not None:
            because = "must be left out, since the order has no tickets yet"
            raise Invalid.at("body", "holders", number, "ticket_id", because=because)
    tickets = rules.tickets_of([row.asked for row in rows])
    rules.check_number_of_holders(patches, tickets)
    _check_doors(rows, {item.event_id for item, wanted in zip(tickets, patches, strict=True) if wanted.changes()})
    before = stored or [{} for _ in tickets]
    return [_Named(item.form, item.ticket_type_id, holder) for item, holder in zip(tickets, before, strict=True)]


def _named_tickets(
    conn: db.Connection, order: OrderRow, rows: Sequence[AskedRow], patches: Sequence[HolderPatch]
) -> list[_Named]:
    seen: set[UUID] = set()
    for number, patch in enumerate(patches):
        if patch.ticket_id is None or patch.ticket_id in seen:
            because = "is missing" if patch.ticket_id is None else "must not be there twice"
            raise Invalid.at("body", "holders", number, "ticket_id", because=because)
        seen.add(patch.ticket_id)
    tickets = holders_of_tickets.lock(conn, order.id, seen)
    forms = {row.event_id: row.asked.form for row in rows}
    wanted = [tickets[patch.ticket_id] for patch in patches]
    return [_Named(forms[ticket.event_id], ticket.ticket_type_id, ticket.holder) for ticket in wanted]


def _check_doors(rows: Sequence[AskedRow], event_ids: AbstractSet[UUID]) -> None:
    """Check that no doors are open of some events of an order.

    Raises:
        DoorsOpen: some are.
    """
    if late := {row.event_id for row in rows if row.doors_are_open} & event_ids:
        raise DoorsOpen(ticket_ids=[], event_ids=sorted(late))
