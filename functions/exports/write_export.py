"""Worker of the queue of exports: writes the file that somebody has asked for."""

import json
from uuid import UUID

from boxoffice import db
from boxoffice.exports import writing
from boxoffice.jobs import worker


@worker(seconds_to_stop=60, done="ExportsWritten", failed="ExportsNotWritten")
def handler(conn: db.Connection, record: str) -> int:
    """Write the export that a record names."""
    return writing.write(conn, UUID(json.loads(record)["export_id"]))
