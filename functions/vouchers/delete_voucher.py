"""DELETE /v1/vouchers/{voucher_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.vouchers import service

__all__ = ["handler"]


@route("DELETE", "/v1/vouchers/{voucher_id}", who=Who.MANAGER, status=204)
def delete_voucher(voucher_id: PathId) -> None:
    """Take a voucher away.

    Nobody redeems it from then on, and its code is free for another. Orders that have redeemed it keep the discount.
    """
    with db.transaction() as conn:
        service.delete_voucher(conn, caller(), voucher_id)
