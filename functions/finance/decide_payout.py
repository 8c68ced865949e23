"""POST /v1/admin/payouts/{payout_id}/decision"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.payouts import service
from boxoffice.payouts.errors import NOT_DECIDABLE
from boxoffice.payouts.models import PayoutDecisionRequest, RequestedPayoutView

__all__ = ["handler"]


@route("POST", "/v1/admin/payouts/{payout_id}/decision", who=Who.ADMIN, raises=(NotFound, *NOT_DECIDABLE))
def decide_payout(payout_id: PathId, decision: PayoutDecisionRequest, if_match: IfMatch = None) -> RequestedPayoutView:
    """Approve or reject a payout, or note what the bank has done with it. The owners are written to.

    One that is requested is approved or rejected. An approved one is marked as sent, or rejected if the bank does not
    send it. One that was sent can come back. Nobody approves a payout that they have asked for, or one of their own
    organisation, if another admin can. To repeat a decision changes nothing.
    """
    with db.transaction() as conn:
        payout = service.decide_payout(conn, caller(), payout_id, decision, expected_version(if_match))
    etag(payout.version)
    return payout
