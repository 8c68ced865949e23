"""Managers who write to the buyers and holders of their event, and the job that sends it."""

from typing import Any
from uuid import UUID

import psycopg

from boxoffice import db
from boxoffice.announcements import sending
from tests.helpers.sellers import Shop, outbox_of
from tests.helpers.support import Answer, Client, context, function

MESSAGE = {"subject": "Bring a coat", "body": "The roof is open.\n\nSee you tonight!"}


def send(api: Client, shop: Shop, key: str = "new", **fields: Any) -> Answer:
    """Send a message, as the manager."""
    return api.post(f"/v1/events/{shop.event}/messages", {**MESSAGE, **fields}, account=shop.manager, key=key)


def send_announcements() -> dict[str, int]:
    """Run the job once. Return its counts."""
    return dict(function("send_announcements").handler({}, context()))


def write(conn: db.Connection) -> None:
    """Do what the job does, until nothing is left to write. It leaves out an announcement that another run has."""
    taken: set[UUID] = set()
    while found := sending.list_unfinished(conn, taken):
        for announcement in found:
            with conn.transaction():
                if not sending.write_some(conn, announcement):
                    taken.add(announcement)


def written_to(conn: psycopg.Connection) -> list[str]:
    """Return the addresses that an announcement is owed to."""
    return [recipient for recipient, _ in outbox_of(conn, "announcement")]
