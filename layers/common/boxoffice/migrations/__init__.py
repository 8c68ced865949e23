"""Migrations: forward only, each in a transaction of its own, one deploy at a time."""

from pathlib import Path

import psycopg
from psycopg import sql

API_ROLE = "boxoffice_api"

_LOCK = 0x626F78  # an arbitrary number that all deploys agree on

# On the role rather than in the connection, so that no client can forget them: a frozen or killed environment must not
# keep row locks or a connection; and times are answered in UTC, wherever the server stands.
_ROLE_SETTINGS = {
    "TimeZone": "UTC",
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "5s",
    "idle_session_timeout": "15min",
}


def apply(owner_conninfo: str, *, api_password: str | None) -> list[str]:
    """Bring the database up to date and prepare the role that the functions connect as.

    Returns:
        The names of the migrations that were applied now.
    """
    with psycopg.connect(owner_conninfo, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        applied = [path.stem for path in _missing(conn) if _apply_one(conn, path)]
        _prepare_role(conn, api_password)
        return applied


def _missing(conn: psycopg.Connection) -> list[Path]:
    conn.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())")
    done = {name for (name,) in conn.execute("SELECT name FROM migrations")}
    return [path for path in sorted(Path(__file__).parent.glob("*.sql")) if path.stem not in done]


def _apply_one(conn: psycopg.Connection, path: Path) -> bool:
    with conn.transaction():
        conn.execute("SET LOCAL lock_timeout = '5s'")
        conn.execute("SET LOCAL statement_timeout = '10min'")
        conn.execute(path.read_bytes())
        conn.execute("INSERT INTO migrations (name) VALUES (%s)", [path.stem])
    return True


def _prepare_role(conn: psycopg.Connection, password: str | None) -> None:
    role = sql.Identifier(API_ROLE)
    if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [API_ROLE]).fetchone():
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    if password is not None:
        conn.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(password)))
    for name, setting in _ROLE_SETTINGS.items():
        conn.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(name), sql.Literal(setting)))
    conn.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
    conn.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(role))
    conn.execute(sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(role))
    conn.execute(sql.SQL("REVOKE UPDATE, DELETE ON audit_log, migrations FROM {}").format(role))
