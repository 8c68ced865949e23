"""POST /v1/admin/payout-files"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, caller, handler, route
from boxoffice.auth import Who
from boxoffice.payouts import files
from boxoffice.payouts.errors import NoPayoutsToSend, SenderUnknown
from boxoffice.payouts.models import PayoutFileRequest, PayoutFileView

__all__ = ["handler"]


@route("POST", "/v1/admin/payout-files", who=Who.ADMIN, status=201, raises=(NoPayoutsToSend, SenderUnknown))
def create_payout_file(request: PayoutFileRequest, key: IdempotencyKey) -> PayoutFileView:
    """Make a file for the bank of the approved payouts that stand in none yet, up to 1,000. Then download it.

    A payout stands in one file, so that nobody is paid twice. To send it again, download the same file again.
    """
    with db.autocommit() as conn:
        return files.create_file(conn, caller(), request, key)
