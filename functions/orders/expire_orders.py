"""Every minute: expire orders whose hold has lapsed. Their stock is on sale again. Guests' holds end with it."""

from boxoffice.jobs import Step, job
from boxoffice.orders import guests, service


@job()
def handler() -> list[Step]:
    """Expire many orders in one transaction, but only as many as it can offer the stock of to those who wait."""
    return [
        Step(
            "expired",
            find=service.list_lapsed,
            do=service.expire_lapsed,
            done="OrdersExpired",
            failed="OrdersNotExpired",
            at_once=200,
        ),
        Step("forgotten", guests.list_over, guests.delete_over, "GuestHoldsForgotten", "GuestHoldsNotForgotten", 1000),
    ]
