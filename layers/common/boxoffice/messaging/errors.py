"""Why a message is not sent, or not sent again. No request meets the exceptions: the workers and the job do."""

from boxoffice.emails import NotNeeded
from boxoffice.errors import DomainError


class NotOurMessage(Exception):
    """A record of the queue names no message of the outbox."""


class MessageFailed(Exception):
    """The message has failed for good. Each delivery raises this, until the record is a dead letter."""


class UnknownTemplate(Exception):
    """No email or text message has a template of this name."""


class QueueRefused(Exception):
    """The queue did not take a message of a batch. Its lease ends in two minutes, then the job tries it again."""


class Throttled(Exception):
    """SES or SNS takes no more messages for now: the sending rate or the daily quota is used up."""


class SmsRefused(Exception):
    """SNS refuses a text message. A later attempt may succeed."""


class Undeliverable(Exception):
    """The service will never deliver the message, such as to a number that has opted out."""


class Suppressed(NotNeeded):
    """Nobody writes to the address any more: an email came back from it, or its reader has complained of one."""


class NotFeedback(Exception):
    """A record of the queue is no event of SES that we know how to read."""


class MessageNotFailed(DomainError):
    code = "message_not_failed"
    meaning = "Only a message that has failed can be sent again, while it still has its recipient."
    remedy = "This one is {message_status}. An order's confirmation is sent again by `resend_order_email`."
    message_status: str
