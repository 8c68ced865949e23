"""POST /v1/accounts"""

from aws_lambda_powertools.event_handler import Response

from boxoffice import db, platform_settings
from boxoffice.accounts import verification
from boxoffice.accounts.errors import EmailTaken, GuessablePassword
from boxoffice.accounts.models import EmailSentView, SignUpRequest
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.organisations import service
from boxoffice.organisations.models import SignUpView
from boxoffice.rate_limit import limit_emails_to, limit_new_accounts, limit_sign_ups

__all__ = ["handler"]


@route(
    "POST",
    "/v1/accounts",
    who=Who.PUBLIC,
    status=201,
    raises=(EmailTaken, GuessablePassword, TooManyRequests),
    bodies={201: SignUpView, 202: EmailSentView},
)
def sign_up(request: SignUpRequest) -> Response[SignUpView | EmailSentView]:
    """Make an account and log in.

    With `organisation_name` it registers an organisation too, which the account owns.

    Where the platform verifies addresses (`verify_emails`), the answer is always 202 and says nothing of accounts. An
    email has a link, which makes the account once `confirm_email` gets its token with a password. If the address has an
    account already, the email says so instead.
    """
    limit_sign_ups(caller())
    with db.autocommit() as conn:
        if not platform_settings.current(conn).verify_emails:
            with limit_new_accounts(request.email):
                return Response(201, "application/json", service.sign_up(conn, caller(), request))
    limit_emails_to(caller(), request.email)
    with db.transaction() as conn:
        return Response(202, "application/json", verification.offer_account(conn, request))
