"""Why a request about an organisation is refused."""

from boxoffice.errors import Unauthenticated


class AccountGone(Unauthenticated):
    """The account of a valid access token has been deleted."""

    constraint = "members_account_id_fkey"
