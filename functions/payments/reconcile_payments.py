"""Every minute: ask providers about open payments, call workers that send owed refunds, and end orders."""

from functools import partial

from boxoffice.jobs import Step, job
from boxoffice.payments import reconciliation, sending
from boxoffice.refunds import ending

GAUGES = {
    "payments_open": "PaymentsOpen",
    "refunds_owed": "RefundsOwed",
    "refunds_failed": "RefundsFailed",
    "oldest_refund_seconds": "RefundsOldestAge",
    "matters_open": "MattersOpen",
    "unknown_payments": "UnknownPaymentsOpen",
    "books_differ": "BooksDifferOpen",
    "oldest_matter_seconds": "MattersOldestAge",
}
SECONDS_TO_STOP = 30  # calls to providers that do not answer take that long


@job(seconds_to_stop=SECONDS_TO_STOP, backlog=sending.get_payments_backlog, gauges=GAUGES)
def handler() -> list[Step]:
    """Ask concurrently. Accounts that do not answer are left out for the rest of the run.

    The orders that end are those whose money went back without us.
    """
    ask = partial(reconciliation.ask_providers, unresponsive=set())
    find = partial(sending.find_accounts, called=set())
    return [
        Step("asked", find=ask, do=reconciliation.apply_answer, done="PaymentsAsked", failed="AnswersNotApplied"),
        Step("accounts_to_send", find=find, do=sending.call_workers, done="AccountsToSend", failed="AccountsNotCalled"),
        Step(
            "orders_ended",
            find=ending.list_marked_orders,
            do=ending.end_order,
            done="OrdersEnded",
            failed="OrdersNotEnded",
        ),
    ]
