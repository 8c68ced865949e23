"""POST /v1/organisations/{organisation_id}/exports"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.exports import service
from boxoffice.exports.models import ExportRequest, ExportView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/exports",
    who=Who.MANAGER,
    scope=Scope.ORDERS_READ,
    status=202,
    raises=(TooManyRequests,),
)
def create_export(organisation_id: PathId, export: ExportRequest, key: IdempotencyKey) -> ExportView:
    """Ask for a file of attendees, orders, scans, revenue, subscriptions or the books, as CSV or XLSX.

    A worker writes it. Ask for its progress with `get_export`, which also has the link. Revenue and the books are for
    owners, and for API keys that may read money. Who has subscribed to the newsletter is for owners, and for no key. An
    organisation may ask for 30 files in an hour, and a file has a million rows at the most.

    `ledger` has each entry of the books. `accounting` has the same for an accountant's program: each booking debits one
    account and credits another one with the same amount, under one `reference`.

    Times are on the clock of the venue, and amounts in the major unit. In CSV, a text that begins with one of `=+-@`
    has an apostrophe before it, so that no program takes it for a formula.
    """
    with db.autocommit() as conn:
        return service.create_export(conn, caller(), organisation_id, export, key)
