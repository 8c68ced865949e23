"""POST /v1/personal-data-requests"""

from boxoffice import db
from boxoffice.accounts.models import EmailSentView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.privacy import service
from boxoffice.privacy.models import DataRequest
from boxoffice.rate_limit import limit_personal_data_links

__all__ = ["handler"]


@route("POST", "/v1/personal-data-requests", who=Who.PUBLIC, status=202, raises=(TooManyRequests,))
def request_personal_data(request: DataRequest) -> EmailSentView:
    """Send a link to an address, to see what is held about guests with it and have that erased.

    The answer is the same if nothing is held. The link works for 24 hours.
    """
    limit_personal_data_links(caller(), request.email)
    with db.transaction() as conn:
        return service.request_personal_data(conn, request)
