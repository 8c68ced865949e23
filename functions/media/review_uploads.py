"""Every minute: let the worker look at uploads whose records were lost, and at pictures that nothing shows any more."""

from boxoffice.jobs import Step, job
from boxoffice.media import checking


@job()
def handler() -> list[Step]:
    """Put uploads on the queue of the worker, which alone opens files of strangers."""
    return [Step("uploads", checking.list_due, checking.review, "UploadsReviewed", "UploadsNotReviewed")]
