"""Settings that admins change while the platform runs. What only a deploy changes is in `boxoffice.config`.

The table holds what differs from the defaults, a row for each setting. An environment reads it at most every ten
seconds, so a change holds everywhere after that. No purchase reads it.
"""

import time
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from boxoffice import db, sql
from boxoffice.config import settings

SQL = sql.queries()

_LIFETIME = 10.0  # seconds for which they are cached


def _sms_country(code: str) -> str:
    from boxoffice import phones

    if not phones.is_country(code):
        raise ValueError("must be a country of ISO 3166 that has phone numbers, like NG")
    return code


SmsCountry = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), AfterValidator(_sms_country)]


class PlatformSettings(BaseModel):
    """The settings by name, each with its type, default and bounds."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    verify_emails: Annotated[
        bool, Field(description="Make an account only when its address is confirmed, and tell nobody who has one")
    ] = Field(default_factory=lambda: settings().verify_emails)
    sms_countries: Annotated[
        frozenset[SmsCountry],
        Field(
            max_length=250,
            description="Countries (ISO 3166-1 alpha-2) whose mobile phones get codes; without any, nobody logs in by "
            "phone",
        ),
    ] = frozenset()
    sms_per_day: Annotated[
        int, Field(ge=0, le=1_000_000, description="Text messages that are sent a day in all; each costs money")
    ] = 500
    sms_to_country_per_day: Annotated[
        int, Field(ge=0, le=1_000_000, description="Text messages that are sent a day to the phones of one country")
    ] = 300


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
