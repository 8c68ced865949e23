"""Worker of the refund queue: sends the refunds of an account that are due, as fast as its provider allows."""

from functools import partial

from boxoffice.jobs import Step, queue_job
from boxoffice.payments import sending

SECONDS_TO_STOP = 40  # a batch waits for the provider's pace, and for calls that are not answered


@queue_job(seconds_to_stop=SECONDS_TO_STOP)
def handler(record: str) -> list[Step]:
    """Send batch after batch of the account that the record names. Several workers may send for one account at once.

    A refund is leased while a worker sends it. So nothing is sent twice if a record comes twice, or if a worker dies.
    """
    send = partial(sending.try_refunds, account=sending.account_in(record), unresponsive=set())
    return [
        Step("refunds_tried", find=send, do=sending.record_outcome, done="RefundsTried", failed="RefundsNotRecorded")
    ]
