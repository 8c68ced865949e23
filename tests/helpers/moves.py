"""Managers who move an event, and the job that tells its holders."""

from uuid import UUID

from boxoffice import db
from boxoffice.auth import Caller, Who
from boxoffice.events import service as events
from boxoffice.events.models import EventPatch
from boxoffice.orders import moved_events
from tests.helpers.sellers import Shop


def move(shop: Shop, conn: db.Connection, name: str) -> None:
    """Move the event to a venue of this name, as the manager."""
    caller, patch = Caller(Who.MANAGER, shop.manager), EventPatch.model_validate({"venue": {"name": name}})
    with conn.transaction():
        events.update_event(conn, caller, shop.event, patch, None)


def tell(conn: db.Connection) -> None:
    """Do what the job does, until nothing is left to tell. It leaves out a move that another run has."""
    taken: set[UUID] = set()
    while moves := moved_events.list_to_tell(conn, taken):
        for move_id in moves:
            with conn.transaction():
                if not moved_events.tell(conn, move_id):
                    taken.add(move_id)
