"""DELETE /v1/organisations/{organisation_id}/payout-methods/{method_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.payouts import methods
from boxoffice.payouts.errors import PayoutMethodInUse

__all__ = ["handler"]


@route(
    "DELETE",
    "/v1/organisations/{organisation_id}/payout-methods/{method_id}",
    who=Who.OWNER,
    status=204,
    raises=(PayoutMethodInUse,),
)
def remove_payout_method(organisation_id: PathId, method_id: PathId) -> None:
    """Remove a payout method. The number of its account is erased.

    Payouts to it that no admin has approved are rejected, and the money is in the balance again.
    """
    with db.transaction() as conn:
        methods.remove_method(conn, caller(), organisation_id, method_id)
