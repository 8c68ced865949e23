"""What can be wrong with an organisation."""

from boxoffice.errors import Unauthenticated


class AccountGone(Unauthenticated):
    constraint = "members_account_id_fkey"
