"""POST /v1/personal-data-requests/erase"""

from boxoffice import db
from boxoffice.accounts.errors import LinkOver
from boxoffice.api import handler, route
from boxoffice.auth import Who
from boxoffice.privacy import service
from boxoffice.privacy.errors import TicketsAhead
from boxoffice.privacy.models import ErasureView, GuestErasureRequest

__all__ = ["handler"]


@route("POST", "/v1/personal-data-requests/erase", who=Who.PUBLIC, status=202, raises=(LinkOver, TicketsAhead))
def erase_personal_data(request: GuestErasureRequest) -> ErasureView:
    """Erase within hours what is held about guests with the address that the link was sent to. The link ends.

    Orders and payments stay, without names and contacts. What is under way is erased once it has ended. What an account
    did belongs to the account: log in to erase it.
    """
    with db.transaction() as conn:
        return service.erase_personal_data(conn, request)
