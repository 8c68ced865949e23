"""The email queue's worker: sends what the outbox owes."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice import db
from boxoffice.messaging import emails, rules, service, ses
from boxoffice.messaging.errors import OutOfTime
from boxoffice.observability import count, flush, logger

__all__ = ["handler"]

_processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=logger)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Send a batch, each message on its own; the records that failed are reported, for the queue to bring again."""
    try:
        return process_partial_response(event=event, record_handler=send_email, processor=_processor, context=context)
    finally:
        flush()


def send_email(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Send the message that a record names, unless there is nothing to do.

    Wherever this dies, the message is still `sending`, and once its lease has lapsed the queue or the sweep brings it
    again. If SES had taken it by then it is sent twice: between losing an email and repeating one, we repeat.

    Raises:
        NotOurMessage, MessageFailed: the record belongs to the dead letters.
        OutOfTime: another invocation shall do it.
    """
    message_id = rules.message_id_of(record.body)
    if lambda_context.get_remaining_time_in_millis() < rules.SECONDS_TO_SEND * 1000:
        raise OutOfTime
    with db.autocommit() as conn:
        message = service.claim(conn, message_id)
        if message is None:
            return
        try:
            receipt = ses.send(emails.compose(conn, message))
        except Exception as error:  # noqa: BLE001 - whatever it was, the message is to be tried again
            service.mark_failed(conn, message, error)
        else:
            service.mark_sent(conn, message, receipt)
            count("EmailsSent")
