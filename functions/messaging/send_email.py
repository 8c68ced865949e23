"""Worker of the email queue: sends the emails that the outbox owes."""

from boxoffice import db
from boxoffice.jobs import worker
from boxoffice.messaging import emails, rules, ses
from boxoffice.messaging.delivery import deliver


@worker(seconds_to_stop=rules.SECONDS_TO_SEND, done="EmailsSent", failed="EmailsNotSent")
def handler(conn: db.Connection, record: str) -> int:
    """Send the email that a record names."""
    return deliver(conn, record, "email", lambda message: ses.send(emails.compose(conn, message)))
