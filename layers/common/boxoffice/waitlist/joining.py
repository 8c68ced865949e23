"""Let people join the waitlist of tickets that are sold out.

Whoever joins names an email address that may be another's. So nothing exists before the link in the email is opened:
no entry, no place in the line, no offer. The place is that of the confirmation. An account has proven its verified
address already.
"""

from datetime import UTC, datetime
from uuid import UUID

from boxoffice import db, one_time, outbox, sql
from boxoffice.accounts.errors import LinkOver
from boxoffice.auth import Caller, reads_address, require_own
from boxoffice.erased import macs_of
from boxoffice.guest_tokens import waitlist_token
from boxoffice.ids import new_id
from boxoffice.mailboxes import mailbox_of
from boxoffice.one_time import Purpose
from boxoffice.stock import service as stock
from boxoffice.waitlist import rules
from boxoffice.waitlist.errors import StillAvailable
from boxoffice.waitlist.models import JoinedWaitlistView, PlacedEntry, WaitlistRequest
from boxoffice.waitlist.rows import WaitlistTerms

SQL = sql.queries("waitlist")


def join(conn: db.Connection, caller: Caller, ticket_type_id: UUID, request: WaitlistRequest) -> None:
    """Put a person in the line for a ticket type, or send the link that does it to the address that they name.

    The answer is the same, whoever is on the waitlist. Who joins again changes their quantity, once that is confirmed.

    Raises:
        NotFound: the public cannot buy such a ticket type.
        CANNOT_BE_AWAITED: nobody can wait for so many of it now.
        StillAvailable: so many are available.
    """
    terms = _get_terms(conn, caller, ticket_type_id, request.quantity)
    if not stock.list_short_pools(conn, rules.plan_draws(terms.pool_ids, request.quantity)):
        raise StillAvailable
    if reads_address(conn, caller, request.email):
        _put_in_line(conn, terms, request, caller.account_id)
        return
    content = request.model_dump() | {"ticket_type_id": str(ticket_type_id)}
    token_id = one_time.issue(conn, Purpose.JOIN_WAITLIST, rules.LINK_LIFETIME, **content)
    outbox.owe_email(conn, "waitlist_confirm", request.email, {"token_id": str(token_id)})


def confirm(conn: db.Connection, caller: Caller, token: str) -> JoinedWaitlistView:
    """Put the person in the line who has opened the link of their email.

    If they are in the line already, their quantity changes. More tickets put them at its end. An open offer stays as it
    is.

    Raises:
        LinkOver: the link was used, is over, or was never ours.
        NotFound, CANNOT_BE_AWAITED: nobody can wait for so many of this ticket type any more, or not this person.
    """
    content = one_time.redeem(conn, Purpose.JOIN_WAITLIST, token)
    if content is None:
        raise LinkOver
    request = WaitlistRequest(
        quantity=content["quantity"], name=content["name"], email=content["email"], locale=content.get("locale")
    )
    terms = _get_terms(conn, caller, UUID(content["ticket_type_id"]), request.quantity)
    entry_id = _put_in_line(conn, terms, request, caller.account_id)
    return JoinedWaitlistView(entry_id=entry_id, access_token=waitlist_token(entry_id))


def _get_terms(conn: db.Connection, caller: Caller, ticket_type_id: UUID, quantity: int) -> WaitlistTerms:
    """Return the terms of a ticket type that somebody can wait for so many of now.

    Raises:
        NotFound: the public cannot buy such a ticket type.
        CANNOT_BE_AWAITED: nobody can wait for so many of it now.
    """
    terms = db.get(conn, WaitlistTerms, SQL.get_terms, id=ticket_type_id)
    require_own(caller, terms.organisation_id)
    rules.check_joinable(terms, quantity, datetime.now(UTC))
    return terms


def _put_in_line(conn: db.Connection, terms: WaitlistTerms, request: WaitlistRequest, account_id: UUID | None) -> UUID:
    """Make the entry of a person, or change it, and return its id. An email has the link to see it, and to leave.

    Raises:
        QuantityOutOfReach: with what they have already, they may never buy so many.
    """
    erased_quantity = _check_limit(conn, terms, request, account_id)
    placed = db.exactly_one(
        conn,
        PlacedEntry,
        SQL.put_in_line,
        id=new_id(),
        organisation_id=terms.organisation_id,
        event_id=terms.event_id,
        ticket_type_id=terms.ticket_type_id,
        account_id=account_id,
        mailbox=mailbox_of(request.email),
        erased_quantity=erased_quantity,
        **request.model_dump(),
    )
    if placed.is_changed:
        outbox.owe_email(conn, "waitlist_joined", request.email, {"entry_id": str(placed.id)})
        data = {"entry_id": placed.id, "event_id": terms.event_id, "ticket_type_id": terms.ticket_type_id}
        webhook = data | {"quantity": request.quantity}
        outbox.owe_webhook(conn, terms.organisation_id, "waitlist.joined", webhook)
    return placed.id


def _check_limit(conn: db.Connection, terms: WaitlistTerms, request: WaitlistRequest, account_id: UUID | None) -> int:
    """Check the limit per buyer. Return how much the person has in orders whose buyer was erased.

    Raises:
        QuantityOutOfReach: with what they have already, they may never buy so many.
    """
    if terms.max_per_buyer is None:
        return 0
    owned = db.exactly_one(
        conn,
        dict,
        SQL.get_owned_quantities,
        ticket_type_id=terms.ticket_type_id,
        organisation_id=terms.organisation_id,
        mailbox=mailbox_of(request.email),
        account_id=account_id,
        address_macs=macs_of(request.email),
    )
    in_all = owned["live"] + owned["erased"]
    rules.check_within_reach(request.quantity, terms.pool_quantity, terms.max_per_buyer, in_all)
    return int(owned["erased"])
