"""Every ten minutes: write the emails of issues of newsletters, and count what becomes of them."""

from boxoffice.jobs import Step, job
from boxoffice.newsletter import sending


@job()
def handler() -> list[Step]:
    """Write the emails to some readers in a transaction, until all are written, and count what is due."""
    return [
        Step("written", sending.list_unfinished, sending.write_some, done="NewslettersWritten", failed="NotWritten"),
        Step(
            "counted", sending.list_to_tally, sending.tally, done="NewslettersCounted", failed="NewslettersNotCounted"
        ),
    ]
