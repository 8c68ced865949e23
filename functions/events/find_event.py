"""GET /v1/organisations/{organisation_slug}/events/{event_slug}"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from boxoffice import db
from boxoffice.api import caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.events import service
from boxoffice.events.models import EventView
from boxoffice.scopes import Scope
from boxoffice.slugs import MOST, PATTERN

__all__ = ["handler"]

PathSlug = Annotated[str, Path(max_length=MOST, pattern=PATTERN)]


@route(
    "GET",
    "/v1/organisations/{organisation_slug}/events/{event_slug}",
    who=Who.PUBLIC,
    scope=Scope.EVENTS_READ,
    conditional=True,
    cache_control="public, max-age=5, stale-while-revalidate=30",
    moves=True,
    raises=(NotFound,),
)
def find_event(organisation_slug: PathSlug, event_slug: PathSlug) -> EventView:
    """Return an event by its organisation's slug and its own, as `get_event` does.

    A former slug of the event leads to the address with the present one. That of an organisation does not.
    """
    with db.autocommit() as conn:
        event = service.find_event(conn, caller(), organisation_slug, event_slug)
    etag(event.version)
    return event
