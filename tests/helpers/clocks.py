"""Venues where it is noon now, and time that passes for events and their tickets."""

from datetime import UTC, datetime, timedelta

import psycopg


def noon() -> tuple[str, datetime]:
    """Return the time zone of a venue where it is noon now, and when today began there."""
    now = datetime.now(UTC)
    offset = 12 - now.hour
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=offset)
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT", midnight


def let_pass(conn: psycopg.Connection, time: timedelta) -> None:
    """Let time pass: all events come nearer, and all tickets get older."""
    conn.execute(
        """UPDATE events SET starts_at = starts_at - %(time)s, ends_at = ends_at - %(time)s,
            doors_open_at = doors_open_at - %(time)s""",
        {"time": time},
    )
    conn.execute("UPDATE tickets SET created_at = created_at - %s", [time])
