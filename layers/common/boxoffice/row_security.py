"""Row-level security: the second wall around the most precious tables, such as `api_keys`.

Each statement on them names its organisation, as everywhere. Beside that, the database shows the functions only rows of
the organisation that the transaction has named here. A statement that forgets either sees nothing.
"""

from uuid import UUID

from boxoffice import db, sql

SQL = sql.queries()


def show_rows_of(conn: db.Connection, organisation_id: UUID) -> None:
    """Let this transaction see the guarded rows of an organisation. Call it after the caller's role was checked."""
    db.run(conn, SQL.show_rows_of, organisation_id=organisation_id)
