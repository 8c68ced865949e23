"""How an organisation begins."""

from boxoffice.organisations.models import OrganisationStatus


def first_status(*, auto_approve: bool) -> OrganisationStatus:
    """What an application is until an administrator decides."""
    return "approved" if auto_approve else "pending"
