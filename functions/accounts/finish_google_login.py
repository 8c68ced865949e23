"""GET /v1/sessions/google/callback"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.accounts import google
from boxoffice.accounts.errors import GoogleLogInOff, GoogleStateOver
from boxoffice.accounts.oidc import Failed, Refused
from boxoffice.answer import redirect_to
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.observability import security_event
from boxoffice.rate_limit import limit_checks_elsewhere

__all__ = ["handler"]

State = Annotated[str, Query(max_length=1000, description="As we sent it to Google")]
Code = Annotated[str | None, Query(max_length=2000, description="Google's code; none if its user did not consent")]


@route(
    "GET",
    "/v1/sessions/google/callback",
    who=Who.PUBLIC,
    status=302,
    raises=(GoogleLogInOff, GoogleStateOver, TooManyRequests),
)
def finish_google_login(state: State, code: Code = None) -> None:
    """Take a browser back from Google, and send it to the page that began the log-in.

    The fragment of the page's address has `google_code`, or why there is none as `google_error`: `cancelled`,
    `refused` or `unavailable`.
    """
    flow = google.read_state(state)
    try:
        with limit_checks_elsewhere(caller(), "log in with Google", Refused), db.autocommit() as conn:
            redirect_to(google.finish(conn, flow, code))
    except Failed as error:
        if isinstance(error, Refused):
            security_event("log_in", {"code": "google_refused", **caller().for_log})
        redirect_to(google.page_of(flow, google_error=error.outcome))
