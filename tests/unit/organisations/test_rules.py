"""How an organisation begins."""

from boxoffice.organisations.rules import initial_status


def test_an_application_waits_unless_the_platform_approves_by_itself() -> None:
    assert initial_status(auto_approve=False) == "pending"
    assert initial_status(auto_approve=True) == "approved"
