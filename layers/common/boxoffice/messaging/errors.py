"""Why a message is not sent. No request meets these: the worker does, and its queue."""


class NotOurMessage(Exception):
    """What lies on the queue is nothing that the outbox put there."""


class MessageFailed(Exception):
    """The message is given up. Raised each time it comes, until the queue moves it to the dead letters."""


class UnknownTemplate(Exception):
    """There is no template of this name."""


class QueueRefused(Exception):
    """The queue did not take a message of a batch. Its lease ends in two minutes; then a sweep tries it again."""


class Throttled(Exception):
    """SES takes no more for now: the sending rate or the daily quota is used up."""
