"""POST /v1/organisations/{organisation_id}/payouts"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.payouts import service
from boxoffice.payouts.errors import NOT_PAYABLE
from boxoffice.payouts.models import PayoutRequest, PayoutView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/payouts",
    who=Who.OWNER,
    status=201,
    raises=(*NOT_PAYABLE, TooManyRequests),
)
def request_payout(organisation_id: PathId, payout: PayoutRequest, key: IdempotencyKey) -> PayoutView:
    """Ask for a payout of the balance in the method's currency: an amount, or all that can be paid out.

    The amount leaves the balance at once. An admin approves the payout and sends it, or rejects it. Then the amount is
    in the balance again. Emails tell the owners of each step.
    """
    with db.autocommit() as conn:
        return service.request_payout(conn, caller(), organisation_id, payout, key)
