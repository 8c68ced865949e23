"""Every minute: what is left of cancelled events is given back, order by order; then their books are closed."""

from boxoffice.jobs import Step, job
from boxoffice.refunds import service


@job()
def handler() -> list[Step]:
    """Give back orders, each in a transaction. What is owed to buyers, reconcile_payments sends, many at once."""
    return [
        Step(
            "orders",
            find=service.list_orders_to_give_back,
            do=service.give_back_order,
            done="OrdersGivenBack",
            failed="OrdersNotGivenBack",
        ),
        Step(
            "events", find=service.list_cancelled_events, do=service.finish_cancellation, done="CancellationsFinished", failed="CancellationsNotFinished"
        ),
    ]
