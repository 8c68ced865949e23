"""POST /v1/sessions/phone"""

from boxoffice import db
from boxoffice.accounts import phone_codes, proven_phones, sessions
from boxoffice.accounts.errors import SecondFactorNeeded, WrongPhoneCode
from boxoffice.accounts.models import PhoneLogInRequest, SessionView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_phone_codes

__all__ = ["handler"]


@route("POST", "/v1/sessions/phone", who=Who.PUBLIC, raises=(WrongPhoneCode, SecondFactorNeeded, TooManyRequests))
def log_in_with_phone(request: PhoneLogInRequest) -> SessionView:
    """Log in with a phone and the code that was sent to it.

    The first log-in with a phone makes an account. A phone that somebody only typed into their profile is nobody's. If
    a phone was not used to log in for 180 days, its number may be somebody else's by now. Then whoever logs in with
    it gets a new account.
    """
    with db.autocommit() as conn:
        known = sessions.knows_caller(conn, caller(), phone=request.phone)
        known = known or phone_codes.asked_from(conn, caller(), request.phone)
    with limit_phone_codes(caller(), request.phone, WrongPhoneCode, knows_caller=known), db.autocommit() as conn:
        return proven_phones.log_in(conn, caller(), request)
