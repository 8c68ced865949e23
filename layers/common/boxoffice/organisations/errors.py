"""What can be wrong with an organisation."""

from boxoffice.errors import Unauthenticated


class AccountGone(Unauthenticated):
    """The account of a valid access token has been deleted."""

    constraint = "members_account_id_fkey"
