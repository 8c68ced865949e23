"""POST /v1/waitlist/confirm"""

from boxoffice import db
from boxoffice.accounts.errors import LinkOver
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.scopes import Scope
from boxoffice.waitlist import joining
from boxoffice.waitlist.errors import CANNOT_BE_AWAITED
from boxoffice.waitlist.models import JoinedWaitlistView, WaitlistConfirmation

__all__ = ["handler"]


@route(
    "POST",
    "/v1/waitlist/confirm",
    who=Who.PUBLIC,
    scope=Scope.ORDERS_WRITE,
    raises=(LinkOver, NotFound, *CANNOT_BE_AWAITED),
)
def confirm_waitlist(confirmation: WaitlistConfirmation) -> JoinedWaitlistView:
    """Confirm that you want to wait, with the token of the link that `join_waitlist` has emailed.

    The place in the line is that of this moment. If you wait already, it changes how many tickets you wait for: more
    of them put you at the end of the line. An offer that you have stays as it is.
    """
    with db.transaction() as conn:
        return joining.confirm(conn, caller(), confirmation.token)
