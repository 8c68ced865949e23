"""Why a request about an organisation is refused."""

from boxoffice.errors import DomainError, Unauthenticated


class AccountGone(Unauthenticated):
    """The account of a valid access token has been deleted."""

    constraint = "members_account_id_fkey"


class SellerSuspended(DomainError):
    code = "seller_suspended"
    meaning = "The seller is suspended, and sells nothing now."
    remedy = "Ask the seller when the sale goes on. Tickets that were sold before stay valid."
