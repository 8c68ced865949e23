"""Worker of the feedback queue: records what SES tells of emails, such as that one came back."""

from boxoffice import db
from boxoffice.jobs import worker
from boxoffice.messaging import feedback


@worker(seconds_to_stop=5, done="FeedbackReceived", failed="FeedbackNotRead")
def handler(conn: db.Connection, record: str) -> int:
    """Record what an event of SES tells of an email."""
    return feedback.receive(conn, record)
