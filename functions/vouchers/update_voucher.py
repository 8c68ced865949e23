"""PATCH /v1/vouchers/{voucher_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.stock.errors import QuantityTooLow
from boxoffice.ticket_types.errors import EventCancelled
from boxoffice.vouchers import service
from boxoffice.vouchers.errors import INVALID_VOUCHER
from boxoffice.vouchers.models import VoucherPatch, VoucherView

__all__ = ["handler"]


@route(
    "PATCH",
    "/v1/vouchers/{voucher_id}",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    raises=(*INVALID_VOUCHER, QuantityTooLow, EventCancelled),
)
def update_voucher(voucher_id: PathId, patch: VoucherPatch, if_match: IfMatch = None) -> VoucherView:
    """Change some of a voucher's fields.

    Fields that you leave out do not change. `max_redemptions` cannot be less than the redemptions that there are.
    Orders that have redeemed the voucher keep their discount. A discount that becomes free is for one ticket of an
    order, unless the voucher has another `max_tickets_per_redemption` or gets one.
    """
    with db.transaction() as conn:
        voucher = service.update_voucher(conn, caller(), voucher_id, patch, expected_version(if_match))
    etag(voucher.version)
    return voucher
