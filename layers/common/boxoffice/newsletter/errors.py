"""Why an issue of a newsletter is not sent."""

from boxoffice.errors import DomainError
from boxoffice.organisations.errors import SellerSuspended


class NoSubscribers(DomainError):
    code = "no_subscribers"
    meaning = "Nobody has subscribed to this newsletter."
    remedy = "Ask people to subscribe. Each must open the link of an email first."


class NoPostalAddress(DomainError):
    code = "no_postal_address"
    meaning = "A newsletter must show where its sender is, and there is no postal address yet."
    remedy = (
        "Set `postal_address`: an organisation's with `update_organisation`, the platform's with `update_settings`."
    )


NOT_SENDABLE = (SellerSuspended, NoPostalAddress)
