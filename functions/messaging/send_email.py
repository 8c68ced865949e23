"""The email queue's worker: sends what the outbox owes."""

from boxoffice import db
from boxoffice.jobs import worker
from boxoffice.messaging import emails, rules, service, ses


@worker(seconds_to_stop=rules.SECONDS_TO_SEND, done="EmailsSent", failed="EmailsNotSent")
def handler(conn: db.Connection, record: str) -> int:
    """Send the message that a record names, unless there is nothing to do; answers how many were sent.

    Wherever this dies, the message is still `sending`, and once its lease has lapsed the queue or the sweep brings it
    again. If SES had taken it by then it is sent twice: between losing an email and repeating one, we repeat.

    Raises:
        NotOurMessage, MessageFailed: the record belongs to the dead letters.
    """
    message = service.claim(conn, rules.message_id_of(record))
    if message is None:
        return 0
    try:
        receipt = ses.send(emails.compose(conn, message))
    except Exception as error:  # noqa: BLE001 - whatever it was, the message is to be tried again
        service.mark_failed(conn, message, error)
        return 0
    service.mark_sent(conn, message, receipt)
    return 1
