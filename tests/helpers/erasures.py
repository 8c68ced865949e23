"""People whose data is erased, and what is left of it in the database."""

from typing import Any
from uuid import UUID

import psycopg

from boxoffice import db
from boxoffice.privacy import erasure
from boxoffice.privacy.models import Person
from tests.helpers.support import context, function

NAME = "Zainab Qureshi"
EMAIL = "zainab.qureshi@example.com"
PHONE = "+2347055512345"
TRACES = ("zainab", "qureshi", "7055512345")
"""What each text about the person has, in lower case."""


def guest(email: str = EMAIL) -> Person:
    """Return a guest who has proven to read an address."""
    return Person(account_id=None, email=email, is_proven=True, phone=None)


def begin(conn: db.Connection, person: Person) -> UUID:
    """Write down that a person is to be erased. Return the id of the erasure."""
    with conn.transaction():
        return erasure.begin(conn, person).id


def run_job() -> dict[str, Any]:
    """Run the job once."""
    return dict(function("purge_personal_data").handler({}, context()))


def let_an_hour_pass(conn: psycopg.Connection) -> None:
    """Let all erasures be an hour older, and due, and what people have done as well."""
    for table in ("orders", "transfers", "waitlist_entries", "customers"):
        conn.execute(f"UPDATE {table} SET created_at = created_at - interval '61 minutes'".encode())
    conn.execute(
        "UPDATE erasures SET asked_at = asked_at - interval '61 minutes', due_at = now() WHERE due_at IS NOT NULL"
    )


def erase(conn: db.Connection, person: Person) -> None:
    """Erase a person to the end, once all emails are sent: at once what has ended, and an hour later the rest."""
    conn.execute("UPDATE outbox SET status = 'sent' WHERE status = 'pending'")
    erasure_id = begin(conn, person)
    run_job()
    let_an_hour_pass(conn)
    run_job()
    assert is_finished(conn, erasure_id)


def is_finished(conn: psycopg.Connection, erasure_id: UUID) -> bool:
    """Return True if an erasure is finished."""
    row = conn.execute("SELECT finished_at IS NOT NULL FROM erasures WHERE id = %s", [erasure_id]).fetchone()
    assert row is not None
    return bool(row[0])


def traces(conn: psycopg.Connection, *texts: str) -> set[str]:
    """Return the tables with a row that has one of some texts, by default those of the person."""
    tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    wanted = [f"%{text.lower()}%" for text in texts or TRACES]
    query = "SELECT EXISTS (SELECT FROM {} AS t WHERE lower(t::text) LIKE ANY(%s))"
    found = {
        table for (table,) in tables if (conn.execute(query.format(table).encode(), [wanted]).fetchone() or [0])[0]
    }
    return found - {"audit_log"}
