"""Every hour: release what events have earned that ended a while ago."""

from boxoffice.jobs import Step, job
from boxoffice.ledger import releases


@job()
def handler() -> list[Step]:
    """Release what is due, organisation by organisation, and take back what is missing since."""
    return [
        Step(
            "events",
            find=releases.list_organisations,
            do=releases.release_due,
            done="EventsReleased",
            failed="FundsNotReleased",
        )
    ]
