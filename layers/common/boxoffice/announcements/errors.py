"""Why an announcement is not sent."""

from boxoffice.errors import DomainError
from boxoffice.organisations.errors import SellerSuspended


class NoRecipients(DomainError):
    code = "no_recipients"
    meaning = "Nobody has a ticket to which this applies."
    remedy = "Choose other ticket types, or another `tickets` or `attendance`."


NOT_SENDABLE = (SellerSuspended, NoRecipients)
