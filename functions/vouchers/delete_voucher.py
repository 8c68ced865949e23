"""DELETE /v1/vouchers/{voucher_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.vouchers import service

__all__ = ["handler"]


@route("DELETE", "/v1/vouchers/{voucher_id}", who=Who.MANAGER, scope=Scope.EVENTS_WRITE, status=204)
def delete_voucher(voucher_id: PathId, if_match: IfMatch = None) -> None:
    """Delete a voucher.

    Nobody can redeem it any more, and another voucher can have its code. Orders that have redeemed it keep their
    discount.
    """
    with db.transaction() as conn:
        service.delete_voucher(conn, caller(), voucher_id, expected_version(if_match))
