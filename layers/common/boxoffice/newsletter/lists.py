"""Whose newsletter it is. Each organisation has one, and so has the platform, whose admins send it."""

from uuid import UUID

from boxoffice import db, platform_settings, sql
from boxoffice.auth import Caller, require_admin, require_role
from boxoffice.config import settings
from boxoffice.newsletter.errors import NoPostalAddress
from boxoffice.newsletter.models import NewsletterList
from boxoffice.organisations.errors import SellerSuspended

SQL = sql.queries("newsletter")


def get(conn: db.Connection, organisation_id: UUID | None) -> NewsletterList:
    """Return the newsletter of an organisation or, if it is None, of the platform.

    Raises:
        NotFound: there is no such organisation.
    """
    if organisation_id is not None:
        return db.get(conn, NewsletterList, SQL.get_list, organisation_id=organisation_id)
    address = platform_settings.current(conn).postal_address
    return NewsletterList(None, settings().site, None, address, None, is_approved=True)


def require_sender(conn: db.Connection, caller: Caller, organisation_id: UUID | None) -> None:
    """Let through owners of the organisation, and admins if it is the platform's newsletter.

    Raises:
        NotFound, Forbidden: the caller is neither.
    """
    if organisation_id is None:
        require_admin(conn, caller)
    else:
        require_role(conn, caller, organisation_id)


def open_to_send(conn: db.Connection, caller: Caller, organisation_id: UUID | None) -> NewsletterList:
    """Return a newsletter that the caller may send now.

    Raises:
        NotFound, Forbidden: the caller may not.
        SellerSuspended: the organisation is not approved, or no longer.
        NoPostalAddress: nobody has said where the sender is.
    """
    require_sender(conn, caller, organisation_id)
    newsletter = get(conn, organisation_id)
    if not newsletter.is_approved:
        raise SellerSuspended(organisation_id=newsletter.list_id)
    if not newsletter.postal_address:
        raise NoPostalAddress
    return newsletter
