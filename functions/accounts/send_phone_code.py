"""POST /v1/phone-codes"""

from boxoffice import db
from boxoffice.accounts import phone_codes, sessions
from boxoffice.accounts.errors import PhoneNotSupported
from boxoffice.accounts.models import PhoneCodeRequest, PhoneCodeView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import SmsLimitReached, TooManyRequests
from boxoffice.rate_limit import limit_sms

__all__ = ["handler"]


@route(
    "POST",
    "/v1/phone-codes",
    who=Who.PUBLIC,
    status=202,
    raises=(PhoneNotSupported, TooManyRequests, SmsLimitReached),
)
def send_phone_code(request: PhoneCodeRequest) -> PhoneCodeView:
    """Send a code of six digits to a phone, to log in with it or to confirm it.

    The code works once, within five minutes, and can be tried five times. Type it in the network that you ask from:
    strangers elsewhere cannot use up its tries. It ends the code that this network has asked for before. The answer is
    the same whether or not there is an account with this phone.
    """
    with db.autocommit() as conn:
        allowance = phone_codes.get_allowance(conn, request.phone)
        known = sessions.knows_caller(conn, caller(), phone=request.phone)
    limit_sms(caller(), request.phone, **vars(allowance), knows_caller=known)
    with db.transaction() as conn:
        return phone_codes.send(conn, caller(), request.phone)
