"""POST /v1/organisations/{organisation_id}/money-matters/{matter_id}"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.payments import settling
from boxoffice.payments.errors import NOT_SETTLED
from boxoffice.payments.models import MatterView, SettleMatterRequest
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/organisations/{organisation_id}/money-matters/{matter_id}",
    who=Who.OWNER,
    scope=Scope.MONEY_WRITE,
    raises=NOT_SETTLED,
)
def settle_money_matter(
    organisation_id: PathId, matter_id: PathId, settlement: SettleMatterRequest, key: IdempotencyKey
) -> MatterView:
    """Settle a money matter by one of its `actions`.

    `retry` sends a refund again. `done` says that people have done what is to do, such as sending money by hand. A
    refund has then succeeded, and the buyer is told. `assign` gives money to an order, which it pays. If it cannot, the
    money goes back.
    """
    with db.autocommit() as conn:
        return settling.settle_matter(conn, caller(), organisation_id, matter_id, settlement, key)
