"""The status of a new organisation."""

from boxoffice.organisations.rules import initial_status


def test_a_new_organisation_is_pending_unless_the_deployment_approves_all() -> None:
    assert initial_status(auto_approve=False) == "pending"
    assert initial_status(auto_approve=True) == "approved"
