"""POST /v1/sessions"""

from boxoffice import db
from boxoffice.accounts import service
from boxoffice.accounts.errors import WrongCredentials
from boxoffice.accounts.models import LogInRequest, SessionView
from boxoffice.api import handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_authentication

__all__ = ["handler"]


@route("POST", "/v1/sessions", who=Who.PUBLIC, raises=(WrongCredentials, TooManyRequests))
def log_in(request: LogInRequest) -> SessionView:
    """Log in with email address and password."""
    limit_authentication(request.email)
    with db.autocommit() as conn:
        return service.log_in(conn, request)
