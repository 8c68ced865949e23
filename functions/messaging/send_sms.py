"""Worker of the SMS queue: sends the text messages that the outbox owes."""

from boxoffice import db
from boxoffice.emails import NotNeeded, TooLate
from boxoffice.jobs import worker
from boxoffice.messaging import rules, sms, sns
from boxoffice.messaging.delivery import deliver
from boxoffice.messaging.models import Message
from boxoffice.observability import count


@worker(seconds_to_stop=rules.SECONDS_TO_SEND, done="SmsSent", failed="SmsNotSent")
def handler(conn: db.Connection, record: str) -> int:
    """Send the text message that a record names."""

    def send(message: Message) -> str:
        try:
            return sns.send(sms.compose(conn, message))
        except NotNeeded as reason:
            count("SmsLate", int(isinstance(reason, TooLate)))
            raise

    return deliver(conn, record, "sms", send)
