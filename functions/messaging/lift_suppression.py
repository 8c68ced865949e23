"""DELETE /v1/admin/suppressed-addresses/{suppression_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.messaging import administration

__all__ = ["handler"]


@route("DELETE", "/v1/admin/suppressed-addresses/{suppression_id}", who=Who.ADMIN, status=204, raises=(NotFound,))
def lift_suppression(suppression_id: PathId) -> None:
    """Write to an address again, once its reader has asked for that or its mailbox exists again.

    Emails that were dropped meanwhile are not sent. `resend_order_email` sends an order's tickets again.
    """
    with db.transaction() as conn:
        administration.lift_suppression(conn, caller(), suppression_id)
