"""Every minute: give back the orders of cancelled events, one by one. Then finish the events."""

from boxoffice.jobs import Step, job
from boxoffice.refunds import service

GIVE_BACK_ORDERS = Step(
    "orders",
    find=service.list_orders_to_give_back,
    do=service.give_back_order,
    done="OrdersGivenBack",
    failed="OrdersNotGivenBack",
)
FINISH_EVENTS = Step(
    "events",
    find=service.list_cancelled_events,
    do=service.finish_cancelled_event,
    done="CancellationsFinished",
    failed="CancellationsNotFinished",
)


@job()
def handler() -> list[Step]:
    """Give back each order in a transaction of its own. Workers send the refunds that are owed: `send_refunds`."""
    return [GIVE_BACK_ORDERS, FINISH_EVENTS]
