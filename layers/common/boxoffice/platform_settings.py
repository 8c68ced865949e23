"""Settings that admins change while the platform runs. What only a deploy changes is in `boxoffice.config`.

The table holds what differs from the defaults, a row for each setting. An environment reads it at most every ten
seconds, so a change holds everywhere after that. No purchase reads it.
"""

import time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from boxoffice import db, sql
from boxoffice.config import settings

SQL = sql.queries()

_LIFETIME = 10.0  # seconds for which they are cached


class PlatformSettings(BaseModel):
    """The settings by name, each with its type, default and bounds."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    verify_emails: Annotated[
        bool, Field(description="Make an account only when its address is confirmed, and tell nobody who has one")
    ] = Field(default_factory=lambda: settings().verify_emails)


_cached: tuple[float, PlatformSettings] | None = None


def current(conn: db.Connection) -> PlatformSettings:
    """Return the settings, at most ten seconds old."""
    global _cached
    now = time.monotonic()
    if _cached is None or now - _cached[0] > _LIFETIME:
        stored: list[dict[str, Any]] = db.many(conn, dict, SQL.list_platform_settings)
        _cached = (now, PlatformSettings.model_validate({row["name"]: row["value"] for row in stored}))
    return _cached[1]


def forget() -> None:
    """Empty the cache, so that the next use reads the table."""
    global _cached
    _cached = None
