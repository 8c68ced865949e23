"""The email about an API key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from boxoffice import db, sql
from boxoffice.emails import Content, write
from boxoffice.languages import gettext
from boxoffice.row_security import show_rows_of
from boxoffice.times import in_utc

SQL = sql.queries("api_keys")


@dataclass(frozen=True)
class EmailKey:
    """What an email says of an API key."""

    name: str
    scopes: list[str]
    ending: str
    expires_at: datetime
    organisation_name: str
    created_by_name: str


def api_key_created(conn: db.Connection, organisation_id: str, key_id: str) -> Content:
    """Tell an owner that somebody has made an API key, which they may not know."""
    ids: dict[str, Any] = {"organisation_id": UUID(organisation_id), "id": UUID(key_id)}
    with conn.transaction():
        show_rows_of(conn, ids["organisation_id"])
        key = db.one(conn, EmailKey, SQL.get_key_for_email, **ids)
    if key is None:
        raise LookupError(f"API key {key_id}")
    return write(
        "api_key_created",
        gettext("Your organisation has a new API key"),
        {"key": key, "expires": in_utc(key.expires_at)},
    )


EMAILS = (api_key_created,)
