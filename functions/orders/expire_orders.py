"""Every minute: holds that have lapsed end, and their stock is for sale again."""

from boxoffice.jobs import Step, job
from boxoffice.orders import service


@job()
def handler() -> list[Step]:
    """End lapsed holds, many in a transaction."""
    return [
        Step(
            "expired",
            find=service.list_lapsed,
            do=service.expire_orders,
            done="OrdersExpired",
            failed="OrdersNotExpired",
            at_once=200,
        ),
    ]
