"""Decisions about a new organisation."""

from boxoffice.organisations.models import OrganisationStatus


def initial_status(*, auto_approve: bool) -> OrganisationStatus:
    """Return the status of a new organisation: pending until an admin decides, unless the deployment approves all."""
    return "approved" if auto_approve else "pending"
