"""GET /v1/waitlist/{entry_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.orders import offers
from boxoffice.scopes import Scope
from boxoffice.waitlist.models import MyWaitlistEntryView

__all__ = ["handler"]


@route("GET", "/v1/waitlist/{entry_id}", who=Who.GUEST, scope=Scope.ORDERS_READ)
def get_waitlist_entry(entry_id: PathId) -> MyWaitlistEntryView:
    """Read a waitlist entry: how it stands, who is in front, the offer, until when it holds, and the price.

    Send the token of a link in the emails as `X-Order-Token`. The price is that of now. An order pays what the tickets
    cost when it is placed, and says so in its answer before anything is paid.
    """
    with db.autocommit() as conn:
        return offers.get_entry(conn, caller(), entry_id)
