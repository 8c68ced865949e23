"""PUT /v1/me/phone"""

from boxoffice import db
from boxoffice.accounts import phone_codes, proven_phones
from boxoffice.accounts.errors import PhoneTaken, ProofNeeded, WrongCredentials, WrongPhoneCode
from boxoffice.accounts.models import AccountView, PhoneConfirmation
from boxoffice.api import caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_passwords, limit_phone_codes

__all__ = ["handler"]


@route(
    "PUT",
    "/v1/me/phone",
    who=Who.ACCOUNT,
    raises=(WrongPhoneCode, WrongCredentials, ProofNeeded, PhoneTaken, TooManyRequests),
)
def confirm_phone(request: PhoneConfirmation) -> AccountView:
    """Add a phone to the account with the code that was sent to it, to log in with the phone from now on.

    It takes the current password. An account without a password needs a log-in of the last 15 minutes instead. Claims
    that were made with the phone are listed as the account's.
    """
    with db.autocommit() as conn:
        asked = phone_codes.asked_from(conn, caller(), request.phone)
    with (
        limit_passwords(caller(), str(caller().account), WrongCredentials),
        limit_phone_codes(caller(), request.phone, WrongPhoneCode, knows_caller=asked),
        db.autocommit() as conn,
    ):
        account = proven_phones.confirm(conn, caller(), request)
    etag(account.version)
    return account
