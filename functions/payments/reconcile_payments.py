"""Every minute: providers are asked about payments that stay open, and what is owed to buyers is sent back."""

from functools import partial

from boxoffice.jobs import Step, job
from boxoffice.payments import reconciliation, sending

GAUGES = {
    "payments_open": "PaymentsOpen",
    "refunds_owed": "RefundsOwed",
    "refunds_failed": "RefundsFailed",
    "oldest_refund_seconds": "RefundsOldestAge",
}


@job(seconds_to_stop=30, backlog=sending.get_backlog, gauges=GAUGES)  # providers that do not answer take that long
def handler() -> list[Step]:
    """Ask and send, several at once. Accounts that do not answer are left alone for the rest of the run."""
    unresponsive: set[str] = set()
    ask = partial(reconciliation.ask_providers, unresponsive=unresponsive)
    send = partial(sending.try_refunds, unresponsive=unresponsive)
    return [
        Step("asked", find=ask, do=reconciliation.apply_answer, done="PaymentsAsked", failed="AnswersNotApplied"),
        Step("refunds_tried", find=send, do=sending.record_outcome, done="RefundsTried", failed="RefundsNotRecorded"),
    ]
