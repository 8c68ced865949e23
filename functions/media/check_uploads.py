"""Worker of the upload queue: makes pictures of what was uploaded, refuses what is none, and removes what is unused."""

from boxoffice import db
from boxoffice.jobs import worker
from boxoffice.media import checking

SECONDS_TO_STOP = 25  # a picture of 50 million pixels takes about ten, and S3 some more


@worker(seconds_to_stop=SECONDS_TO_STOP, done="UploadsChecked", failed="UploadsNotChecked")
def handler(conn: db.Connection, record: str) -> int:
    """Look at the uploads that a record names."""
    return sum(checking.check(conn, upload_id) for upload_id in checking.uploads_in(record))
