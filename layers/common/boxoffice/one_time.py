"""Tokens that work once: the links of emails, and codes that one device hands to another.

A row says what a token is good for. The token itself is derived from the row's id and a key of the ring, when an email
or an answer needs it (decision 15). So nobody who reads the database can use one. The transaction of its effect redeems
a token, and deletes the row: of two who present it at once, the second finds nothing.
"""

import base64
import binascii
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import db, signing, sql
from boxoffice.config import settings
from boxoffice.ids import new_id

SQL = sql.queries()


LONGEST = timedelta(days=30)
"""No token lives longer, so that the key which proves it can be dropped after that."""


class Purpose(StrEnum):
    """What a token is good for. No token serves another purpose."""

    CONFIRM_EMAIL = "confirm email"
    INVITATION = "invitation"


def issue(
    conn: db.Connection, purpose: Purpose, lifetime: timedelta, *, account_id: UUID | None = None, **payload: Any
) -> UUID:
    """Write a token's row, and return its id.

    Args:
        account_id: the account that the token belongs to, if there is one; see `revoke`.
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


def revoke(conn: db.Connection, purpose: Purpose, account_id: UUID) -> int:
    """End all tokens that an account has for a purpose, and return their number. The caller has locked the account."""
    return db.run(conn, SQL.revoke_one_time_tokens, purpose=purpose, account_id=account_id)


def _id_in(purpose: Purpose, presented: str) -> UUID | None:
    """Return the id that a token proves, or None if it proves nothing."""
    name, _, proof = presented.strip().partition(".")
    try:
        token_id = UUID(bytes=base64.urlsafe_b64decode(f"{name}=="))
    except (binascii.Error, ValueError):
        return None
    is_ours = signing.is_token(settings().code_keys_secret, _purpose(purpose), token_id.bytes, proof)
    return token_id if is_ours else None


def _purpose(purpose: Purpose) -> str:
    return f"one time {purpose}"
