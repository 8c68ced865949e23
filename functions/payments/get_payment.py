"""GET /v1/payments/{payment_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.payments import service
from boxoffice.payments.models import PaymentView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/payments/{payment_id}", who=Who.GUEST, scope=Scope.ORDERS_READ)
def get_payment(payment_id: PathId) -> PaymentView:
    """Read a payment.

    While the status is `processing`, money is under way, and the provider takes days to say if it arrives. A payment
    that has `failed` may still succeed, if the buyer tries again. The status `refunded` also means that money came too
    late or twice, and was returned.
    """
    with db.autocommit() as conn:
        return service.get_payment(conn, caller(), payment_id)
