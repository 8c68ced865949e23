"""Why a message is not sent. No request meets these errors: the worker and the job do."""


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
