"""POST /v1/orders/{order_id}/payments"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.payments import service
from boxoffice.payments.errors import NOT_PAYABLE, NOT_TAKEN
from boxoffice.payments.models import PaymentRequest, StartedPayment
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/orders/{order_id}/payments",
    who=Who.GUEST,
    scope=Scope.ORDERS_WRITE,
    status=201,
    raises=(*NOT_PAYABLE, *NOT_TAKEN),
)
def start_payment(order_id: PathId, payment: PaymentRequest, key: IdempotencyKey) -> StartedPayment:
    """Start a payment of an order, or get the one that is open.

    Send the buyer to `url`. If there is none, give `client_secret` and `publishable_key` to the provider's script on
    your page. When the provider has told us so, the order is paid: see `GET /v1/payments/{payment_id}`.

    An order has one open payment at each provider, and another request gets it again, with the same `id`. The buyer
    may try again with it, such as with another card. An order takes ten payments in all. If the provider does not
    answer (503), repeat the request with the same Idempotency-Key.
    """
    with db.autocommit() as conn:
        return service.start_payment(conn, caller(), order_id, payment, key)
