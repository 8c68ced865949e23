"""Tokens that work once: the links of emails, and codes that one device hands to another.

A row says what a token is good for. The token itself is derived from the row's id and a key of the ring, when an email
or an answer needs it (decision 15). So nobody who reads the database can use one. The transaction of its effect redeems
a token, and deletes the row: of two who present it at once, the second finds nothing.
"""

import base64
import binascii
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import db, signing, sql
from boxoffice.config import settings
from boxoffice.ids import new_id

SQL = sql.queries()

_BATCH = 5000

LONGEST = timedelta(days=30)
"""No token lives longer, so that the key which proves it can be dropped after that."""


class Purpose(StrEnum):
    """What a token is good for. No token serves another purpose."""

    CHANGE_EMAIL = "change email"
    CHANGE_ORDER_EMAIL = "change order email"
    CONFIRM_EMAIL = "confirm email"
    CONFIRM_ORDER = "confirm order"
    GOOGLE_LOG_IN = "google log-in"
    INVITATION = "invitation"
    JOIN_WAITLIST = "join waitlist"
    PAIR_DOOR_DEVICE = "pair door device"
    PERSONAL_DATA = "personal data"
    RESET_PASSWORD = "reset password"  # noqa: S105
    SECOND_FACTOR = "second factor"
    SIGN_UP = "sign up"
    SUBSCRIBE = "subscribe"
    UNDO_EMAIL_CHANGE = "undo email change"


@dataclass(frozen=True)
class OneTimeToken:
    """A token that is live, as its row describes it."""

    id: UUID
    purpose: str
    account_id: UUID | None
    order_id: UUID | None
    payload: dict[str, Any]
    expires_at: datetime


def issue(
    conn: db.Connection,
    purpose: Purpose,
    lifetime: timedelta,
    *,
    account_id: UUID | None = None,
    order_id: UUID | None = None,
    **payload: Any,
) -> UUID:
    """Write a token's row, and return its id.

    Args:
        account_id: the account that the token belongs to, if there is one; see `revoke`.
        order_id: the order that it belongs to, if there is one; see `revoke_of_orders`.
        payload: what whoever redeems the token needs to know.
    """
    assert lifetime <= LONGEST
    token_id = new_id()
    db.run(
        conn,
        SQL.insert_one_time_token,
        id=token_id,
        purpose=purpose,
        account_id=account_id,
        order_id=order_id,
        payload=Jsonb(payload),
        lifetime=lifetime,
    )
    return token_id


def token_of(purpose: Purpose, token_id: UUID) -> str:
    """Return the text of a token: its id, and the proof that we issued it for this purpose."""
    proof = signing.token(settings().code_keys_secret, _purpose(purpose), token_id.bytes)
    return f"{base64.urlsafe_b64encode(token_id.bytes).decode().rstrip('=')}.{proof}"


def redeem(conn: db.Connection, purpose: Purpose, presented: str) -> dict[str, Any] | None:
    """Use a token up, in the transaction of its effect.

    Returns:
        Its payload, and its ``account_id`` as a UUID or None. None if the token is forged, over or used.
    """
    token_id = _id_in(purpose, presented)
    if token_id is None:
        return None
    row = db.one(conn, dict, SQL.redeem_one_time_token, id=token_id, purpose=purpose)
    return {**row["payload"], "account_id": row["account_id"]} if row else None


def find(conn: db.Connection, presented: str, *purposes: Purpose) -> OneTimeToken | None:
    """Return what a token is good for, without using it up; None if it is good for none of the purposes, or over.

    For what is done before the transaction of the effect, such as hashing a password. Only `redeem` makes sure that the
    token works once.
    """
    for purpose in purposes:
        token_id = _id_in(purpose, presented)
        if token_id is not None:
            return get(conn, purpose, token_id)
    return None


def get(conn: db.Connection, purpose: Purpose, token_id: UUID) -> OneTimeToken | None:
    """Return a token by its id, as whoever writes the email about it needs it; None if it is over or used."""
    return db.one(conn, OneTimeToken, SQL.get_one_time_token, id=token_id, purpose=purpose)


def revoke(conn: db.Connection, purpose: Purpose, account_id: UUID, *, after: UUID | None = None) -> int:
    """End the tokens that an account has for a purpose, and return their number. The caller has locked the account.

    Args:
        after: end only those that were issued after the token with this id.
    """
    params = {"purpose": purpose, "account_id": account_id, "after": after}
    return db.run(conn, SQL.revoke_one_time_tokens, **params)


def revoke_of_orders(conn: db.Connection, purpose: Purpose, order_ids: Sequence[UUID]) -> int:
    """End the tokens of some orders for a purpose, and return their number. The caller has locked the orders."""
    return db.run(conn, SQL.revoke_one_time_tokens_of_orders, purpose=purpose, order_ids=list(order_ids))


def revoke_all(conn: db.Connection, account_id: UUID) -> int:
    """End all tokens of an account, and return their number. The caller has locked the account."""
    return db.run(conn, SQL.revoke_all_one_time_tokens, account_id=account_id)


def list_old(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of tokens that are over.

    Args:
        leave_out: tokens that the run has tried already.
    """
    return db.values(conn, SQL.list_old_one_time_tokens, leave_out=list(leave_out), batch=_BATCH)


def purge(conn: db.Connection, token_ids: Sequence[UUID]) -> int:
    """Delete tokens that are over, with what they were good for. Return their number."""
    return db.run(conn, SQL.delete_old_one_time_tokens, ids=list(token_ids))


def _id_in(purpose: Purpose, presented: str) -> UUID | None:
    """Return the id that a token proves, or None if it proves nothing."""
    name, _, proof = presented.partition(".")
    try:
        token_id = UUID(bytes=base64.urlsafe_b64decode(f"{name}=="))
    except (binascii.Error, ValueError):
        return None
    is_ours = signing.is_token(settings().code_keys_secret, _purpose(purpose), token_id.bytes, proof)
    return token_id if is_ours else None


def _purpose(purpose: Purpose) -> str:
    return f"one time {purpose}"
