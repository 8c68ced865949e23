"""GET /v1/sessions/google"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice.accounts import google
from boxoffice.accounts.errors import GoogleLogInOff, GoogleUnavailable
from boxoffice.answer import redirect_to
from boxoffice.api import handler, route
from boxoffice.auth import Who
from boxoffice.models import pattern

__all__ = ["handler"]

Challenge = Annotated[
    str,
    Query(
        pattern=pattern(r"^[A-Za-z0-9_-]{43}$", "must be a SHA-256 in base64url: 43 characters"),
        description="The SHA-256 of a random secret that the page keeps, in base64url without padding",
    ),
]
ReturnTo = Annotated[
    str,
    Query(
        max_length=200,
        pattern=pattern(
            r"^/(?:[A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]*$",
            "must be a path that begins with /, of letters, digits and . _ ~ -",
        ),
        description="The path of the page under the shop's address that goes on with the log-in",
    ),
]


@route(
    "GET",
    "/v1/sessions/google",
    who=Who.PUBLIC,
    status=302,
    raises=(GoogleLogInOff, GoogleUnavailable),
)
def start_google_login(challenge: Challenge, return_to: ReturnTo = "/") -> None:
    """Send the browser to Google to log in.

    The page makes a random secret first, keeps it, and sends its hash. Google sends the browser back to us, and we to
    the page, with `google_code` or `google_error` in the fragment. `POST /v1/sessions/google` trades the code.
    """
    redirect_to(google.begin(challenge, return_to))
