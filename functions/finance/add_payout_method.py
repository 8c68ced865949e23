"""POST /v1/organisations/{organisation_id}/payout-methods"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.payouts import methods
from boxoffice.payouts.errors import TooManyPayoutMethods
from boxoffice.payouts.models import PayoutMethodRequest, PayoutMethodView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/payout-methods",
    who=Who.OWNER,
    status=201,
    raises=(TooManyPayoutMethods, TooManyRequests),
)
def add_payout_method(organisation_id: PathId, method: PayoutMethodRequest) -> PayoutMethodView:
    """Add a bank account or mobile money that an organisation can be paid out to.

    Check digits are checked, where a country has some. A new method can be used after 48 hours. An email tells every
    owner, so that one who does not know it removes it. To add the same again changes nothing.
    """
    with db.transaction() as conn:
        return methods.add_method(conn, caller(), organisation_id, method)
