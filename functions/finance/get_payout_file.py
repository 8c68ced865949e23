"""GET /v1/admin/payout-files/{file_id}"""

from aws_lambda_powertools.event_handler import Response

from boxoffice import db
from boxoffice.answer import set_header
from boxoffice.api import PathId, binary, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.payouts import files
from boxoffice.payouts.errors import AccountUnreadable, PayoutFileOver, SenderUnknown

__all__ = ["handler"]


@route(
    "GET",
    "/v1/admin/payout-files/{file_id}",
    who=Who.ADMIN,
    raises=(NotFound, PayoutFileOver, SenderUnknown, AccountUnreadable),
    produces=("application/xml", "text/csv"),
)
def get_payout_file(file_id: PathId) -> Response[str]:
    """Download a file for the bank, with full account numbers. The audit log has each download.

    It has the payouts that are not sent or rejected yet. Each time it has the same name, by which the bank refuses it a
    second time.
    """
    with db.transaction() as conn:
        file = files.get_file(conn, caller(), file_id)
    set_header("Content-Disposition", f'attachment; filename="{file.name}"')
    return binary(file.content, file.media_type)
