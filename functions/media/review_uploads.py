"""Every minute: let the worker look at uploads whose records were lost, and at pictures that nothing shows any more."""

from boxoffice.jobs import Step, job
from boxoffice.media import reviewing


@job()
def handler() -> list[Step]:
    """Put uploads on the queue of the worker, which alone opens files of strangers."""
    return [Step("uploads", reviewing.list_due, reviewing.review, "UploadsReviewed", "UploadsNotReviewed")]
