"""POST /v1/events/{event_id}/vouchers"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.ticket_types.errors import EventCancelled
from boxoffice.vouchers import service
from boxoffice.vouchers.errors import INVALID_VOUCHER
from boxoffice.vouchers.models import VoucherRequest, VoucherView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/events/{event_id}/vouchers",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    status=201,
    raises=(*INVALID_VOUCHER, EventCancelled),
)
def create_voucher(event_id: PathId, voucher: VoucherRequest) -> VoucherView:
    """Create a voucher of an event.

    A free voucher is for one ticket of an order, unless `max_tickets_per_redemption` says otherwise.

    An order redeems it by its code as soon as the order holds its stock. If the order expires, is cancelled or is
    refunded as a whole, the voucher can be redeemed again.
    """
    with db.transaction() as conn:
        created = service.create_voucher(conn, caller(), event_id, voucher)
    etag(created.version)
    return created
