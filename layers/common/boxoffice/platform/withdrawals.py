"""A key has leaked: its ring goes on without the keys that were in it.

An operator starts a withdrawal. Another key signs within seconds: it is added first, and signs a moment later, so that
every environment finds it. What the former keys have signed then decides:

- access tokens, one-time tokens and codes: the keys go at once. Clients refresh their sessions, and people ask for a
  new code.
- links: the keys go at once, too. The job `reissue_tickets` then emails new links to whoever has a ticket for an event
  to come, or an offer of the waitlist.
- tickets: the job first reissues the tickets for events to come, the next event first, and emails them. Then the keys
  go. Until then, both QRs of a ticket admit.

A process may die anywhere. What is done is in the ring, in the withdrawal's row, and in the list of orders to renew.
"""

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid4

from boxoffice import audit, db, outbox, sql
from boxoffice.config import settings
from boxoffice.erased import is_erased
from boxoffice.ids import new_id
from boxoffice.platform import rules, vault
from boxoffice.platform.errors import NotWithdrawable, RingChanging
from boxoffice.platform.models import (
    Holder,
    ListedUpTo,
    ListedWithdrawal,
    Recipient,
    Renewal,
    Withdrawal,
    WithdrawalBacklog,
)
from boxoffice.tickets import reissues
from boxoffice.tickets.models import ReissuedTicket

SQL = sql.queries("platform")

_WAIT = 15.0  # seconds. An environment reads a ring again at the earliest ten seconds after the last time.
_MOST_TRIES = 5
_BATCH = 500
_ALL_KEYS = 32767
_LABEL = "WITHDRAWAL"


def withdraw(ring: str) -> dict[str, Any]:
    """Withdraw all keys that are in a ring now, or go on with the withdrawal that is under way.

    Args:
        ring: ``token``, ``ticket``, ``link`` or ``code``.

    Returns:
        The state of the withdrawal, without secrets.

    Raises:
        NotWithdrawable: there is no such ring, or what its keys encrypt could not be read any more.
    """
    secret_id = _secret_of(ring)
    with db.autocommit() as conn:
        withdrawal = _open_withdrawal(conn, ring, secret_id)
    _change(secret_id, lambda keys: rules.add_key(keys, withdrawal.up_to, vault.new_key()))
    if withdrawal.signs_at is None:
        time.sleep(_WAIT)
    _change(secret_id, lambda keys: rules.sign_beyond(keys, withdrawal.up_to, vault.new_key()))
    if ring != "ticket":
        _change(secret_id, lambda keys: rules.withdraw_keys(keys, withdrawal.up_to))
    with db.transaction() as conn:
        db.run(conn, SQL.set_signing, id=withdrawal.id)
        if ring != "ticket" and withdrawal.withdrawn_at is None:
            db.run(conn, SQL.set_withdrawn, id=withdrawal.id, is_over=ring != "link" or not settings().public_url)
            audit.record(conn, None, "withdraw_key", f"ring {ring}", up_to=withdrawal.up_to)
    return {"ring": ring, "withdrawn_up_to": withdrawal.up_to, "is_over": ring not in {"ticket", "link"}}


def _open_withdrawal(conn: db.Connection, ring: str, secret_id: str) -> Withdrawal:
    """Return the ring's withdrawal that is under way, or start one."""
    found = db.one(conn, Withdrawal, SQL.get_open_withdrawal, ring=ring)
    if found is None:
        up_to = max(rules.ids_of(vault.current(secret_id).fields))
        db.run(conn, SQL.insert_withdrawal, id=new_id(), ring=ring, up_to=up_to)
        found = db.exactly_one(conn, Withdrawal, SQL.get_open_withdrawal, ring=ring)
    return found


def _secret_of(ring: str) -> str:
    config_of = settings()
    secrets = {
        "token": config_of.token_keys_secret,
        "ticket": config_of.ticket_keys_secret,
        "link": config_of.link_keys_secret,
        "code": config_of.code_keys_secret,
    }
    if ring not in secrets:
        raise NotWithdrawable(f"{ring!r} is none of {', '.join(secrets)}")
    return secrets[ring]


def _change(secret_id: str, change: Callable[[rules.Ring], rules.Ring]) -> None:
    """Change a ring, whatever a rotation does to it at the same time.

    Raises:
        RingChanging: others have changed it each time.
    """
    for _ in range(_MOST_TRIES):
        current = vault.current(secret_id)
        changed = change(current.fields)
        if changed == current.fields:
            return
        version_id = str(uuid4())
        vault.put(secret_id, version_id, changed, _LABEL)
        try:
            vault.make_current(secret_id, version_id, replaced=current.id)
        except vault.ChangedMeanwhile:
            continue
        return
    raise RingChanging(secret_id)


# --------------------------------------------------------------------------------------------------- the job's steps


def find_unlisted(conn: db.Connection, leave_out: Collection[UUID]) -> list[UUID]:
    """Return the withdrawals with orders that nobody has looked at."""
    return db.values(conn, SQL.list_withdrawals_to_list, leave_out=list(leave_out))


def list_orders(conn: db.Connection, withdrawal_id: UUID) -> int:
    """Look at some orders of events to come, and list those that the withdrawal must renew."""
    withdrawal = db.one(conn, ListedWithdrawal, SQL.lock_withdrawal, id=withdrawal_id)
    if withdrawal is None:  # another run has looked at the last order
        return 1
    up_to = withdrawal.up_to if withdrawal.ring == "ticket" else _ALL_KEYS
    last = db.one(
        conn,
        ListedUpTo,
        SQL.list_renewals,
        id=withdrawal.id,
        up_to=up_to,
        after_starts_at=withdrawal.listed_starts_at,
        after_event_id=withdrawal.listed_event_id,
        after_order_id=withdrawal.listed_order_id,
    )
    if last is not None:
        db.run(conn, SQL.move_on, id=withdrawal.id, **vars(last))
        return 1
    db.run(conn, SQL.end_pass, id=withdrawal.id)
    if withdrawal.ring == "link":
        _owe(conn, "waitlist_offer", "entry_id", db.many(conn, Recipient, SQL.list_offers), "links")
    return 1


def find_renewals(conn: db.Connection, leave_out: Collection[UUID]) -> list[Renewal]:
    """Return a batch of orders to renew, those of the next event first."""
    return db.many(conn, Renewal, SQL.list_next_renewals, leave_out=list(leave_out), batch=_BATCH)


def renew(conn: db.Connection, renewals: Sequence[Renewal]) -> int:
    """Reissue the tickets of some orders, or make new links, and email them. Return the number of orders."""
    done = 0
    for (withdrawal_id, ring, up_to), group in groupby(renewals, attrgetter("withdrawal_id", "ring", "up_to")):
        listed = [each.id for each in group]
        taken = db.many(conn, dict, SQL.take_renewals, withdrawal_id=withdrawal_id, order_ids=listed)
        order_ids = [row["order_id"] for row in taken]
        if ring == "ticket":
            _email_qrs(conn, reissues.reissue(conn, order_ids, up_to))
        else:
            _email_links(conn, order_ids)
        done += len(order_ids)
    return done


def _email_qrs(conn: db.Connection, tickets: Sequence[ReissuedTicket]) -> None:
    """Owe an email to each buyer and holder of reissued tickets."""
    bought = list({ticket.order_id for ticket in tickets if not ticket.transferred})
    sent_on = {ticket.id: ticket.order_id for ticket in tickets if ticket.transferred}
    _owe(conn, "order_confirmation", "order_id", db.many(conn, Recipient, SQL.list_buyers, order_ids=bought), "qrs")
    holders = db.many(conn, Holder, SQL.list_holders, order_ids=list({*sent_on.values()}))
    present = [holder for holder in holders if holder.is_accepted and holder.ticket_id in sent_on]
    _owe(conn, "transfer_accepted", "transfer_id", present, "qrs")


def _email_links(conn: db.Connection, order_ids: Sequence[UUID]) -> None:
    """Owe an email with new links to each buyer and holder, and to whoever can accept a ticket."""
    buyers = db.many(conn, Recipient, SQL.list_buyers, order_ids=order_ids)
    holders = db.many(conn, Holder, SQL.list_holders, order_ids=order_ids)
    _owe(conn, "order_confirmation", "order_id", buyers, "links")
    _owe(conn, "transfer_accepted", "transfer_id", [each for each in holders if each.is_accepted], "links")
    _owe(conn, "transfer_started", "transfer_id", [each for each in holders if not each.is_accepted], "links")


def _owe(conn: db.Connection, template: str, subject: str, recipients: Sequence[Recipient], renewed: str) -> None:
    emails = [
        (each.email, {subject: str(each.id), "renewed": renewed}) for each in recipients if not is_erased(each.email)
    ]
    if emails:
        outbox.owe_emails(conn, template, emails)


def withdraw_renewed(conn: db.Connection, leave_out: Collection[UUID]) -> list[Withdrawal]:
    """Take keys out of their rings for which nothing is left to renew. `mark_finished` must follow for each.

    If the process dies in between, a later run finds the ring without them.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: Secrets Manager does not answer. A later run tries again.
    """
    renewed = db.many(conn, Withdrawal, SQL.list_withdrawals_to_end, leave_out=list(leave_out))
    for each in renewed:
        _change(_secret_of(each.ring), partial(rules.withdraw_keys, up_to=each.up_to))
    return renewed


def mark_finished(conn: db.Connection, withdrawal: Withdrawal) -> int:
    """Note that a withdrawal is over."""
    if db.run(conn, SQL.set_withdrawn, id=withdrawal.id, is_over=True) and withdrawal.ring == "ticket":
        audit.record(conn, None, "withdraw_key", "ring ticket", up_to=withdrawal.up_to)
    return 1


def get_backlog(conn: db.Connection) -> WithdrawalBacklog:
    """Return how many orders are left to renew, and for how long the oldest withdrawal has been under way."""
    return db.exactly_one(conn, WithdrawalBacklog, SQL.get_withdrawal_backlog)
