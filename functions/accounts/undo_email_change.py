"""POST /v1/email-changes/undo"""

from boxoffice import db
from boxoffice.accounts import email_changes
from boxoffice.accounts.errors import LinkOver
from boxoffice.accounts.models import EmailSentView, LinkRequest
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("POST", "/v1/email-changes/undo", who=Who.PUBLIC, status=202, raises=(LinkOver,))
def undo_email_change(request: LinkRequest) -> EmailSentView:
    """Undo a change of an account's email address, with the token of the link that went to the old address.

    The account gets the old address back, even if it has been changed again since. Its password and every session end,
    and a link that sets a new password goes to the old address.
    """
    with db.transaction() as conn:
        return email_changes.undo(conn, caller(), request.token)
