"""Every minute: write the emails of messages to buyers and holders, and count what becomes of them."""

from boxoffice.announcements import sending
from boxoffice.jobs import Step, job


@job()
def handler() -> list[Step]:
    """Write the emails about some orders in a transaction, until all are written, and count what is due."""
    return [
        Step("written", sending.list_unfinished, sending.write_some, done="Announced", failed="NotAnnounced"),
        Step("counted", sending.list_to_tally, sending.tally, done="AnnouncementsCounted", failed="NotCounted"),
    ]
