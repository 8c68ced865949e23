"""Decide which days an export covers, what it is called, and who may have it."""

from datetime import UTC, date, datetime, time, timedelta

from boxoffice.exports.models import Export
from boxoffice.times import zone_of

DAYS_KEPT = 7  # as long as the bucket keeps a file
LEASE = timedelta(minutes=2)
MOST_ATTEMPTS = 3
LINK_SECONDS = 600

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)


def period_of(export: Export) -> tuple[datetime, datetime]:
    """Return from when on and before when an export covers what happened, in days of its time zone."""
    begin = _start_of(export.since, export.time_zone) if export.since else _FIRST
    end = _start_of(export.until + timedelta(days=1), export.time_zone) if export.until else _LAST
    return begin, end


def _start_of(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone_of(time_zone)).astimezone(UTC)


def filename_of(export: Export) -> str:
    """Return the name under which people save an export: ``Jazz in June - attendees 2026-06-27.csv``."""
    title = " ".join(export.title.replace("/", "-").replace("\\", "-").split())[:80].strip()
    return f"{title} - {export.kind} {export.created_at:%Y-%m-%d}.{export.format}"


def expires_at(export: Export) -> datetime | None:
    """Return when the file of an export is deleted; None if there is none."""
    return export.created_at + timedelta(days=DAYS_KEPT) if export.status == "ready" else None
