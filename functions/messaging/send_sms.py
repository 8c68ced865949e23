"""Worker of the SMS queue: sends the text messages that the outbox owes."""

from boxoffice import db
from boxoffice.emails import NotNeeded, TooLate
from boxoffice.jobs import worker
from boxoffice.messaging import rules, service, sms, sns
from boxoffice.observability import count


@worker(seconds_to_stop=rules.SECONDS_TO_SEND, done="SmsSent", failed="SmsNotSent")
def handler(conn: db.Connection, record: str) -> int:
    """Send the message that a record names, and return 1 if it was sent, else 0.

    If the worker dies, the message stays `sending` until its lease ends. Then the queue or `relay_outbox` brings it
    again. If SNS had taken it, it is sent twice: rather that than never.

    A message that nobody needs any more is dropped.

    Raises:
        NotOurMessage, MessageFailed: the record belongs to the dead letters.
    """
    message = service.take_message(conn, rules.message_id_of(record), "sms")
    if message is None:
        return 0
    try:
        aws_message_id = sns.send(sms.compose(conn, message))
    except NotNeeded as reason:
        count("SmsLate", int(isinstance(reason, TooLate)))
        service.mark_dropped(conn, message, str(reason))
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it was, the message must be tried again
        service.mark_failed(conn, message, error)
        return 0
    service.mark_sent(conn, message, aws_message_id)
    return 1
