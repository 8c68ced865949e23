"""Migrations: each runs once, in a transaction of its own, and none is ever undone. One deploy runs them at a time."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

API_ROLE = "boxoffice_api"
API_USERS = (API_ROLE, f"{API_ROLE}_2")
"""The users as which the functions connect. The second has all rights of the first. A rotation gives a new password to
the one that is not in use, so that nobody is shut out meanwhile."""

_LOCK = 0x626F78  # any number, but the same for all deploys

# These are settings of each user, so that no client can forget them. The time-outs take locks and connections away from
# a frozen or killed environment. Times are in UTC, wherever the server is.
_ROLE_SETTINGS = {
    "TimeZone": "UTC",
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "5s",
    "idle_session_timeout": "15min",
}


class MigrationChanged(RuntimeError):
    """Somebody has edited a migration that was applied before."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"migration {name} was changed after it was applied to this database. Write a new migration instead. "
            "If this is the database of a local stack, `make reset` makes a new one."
        )


def apply(owner_conninfo: str, *, api_login: Mapping[str, str] | None) -> list[str]:
    """Apply the missing migrations, and prepare the roles that the functions connect as.

    Args:
        api_login: the ``username`` of one of `API_USERS` and its ``password``; None leaves all passwords as they are.

    Returns:
        The names of the migrations that this call applied.

    Raises:
        MigrationChanged: a migration that was applied before has changed since.
    """
    with psycopg.connect(owner_conninfo, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        applied = [path.stem for path in _missing(conn) if _apply_one(conn, path)]
        _prepare_roles(conn)
        if api_login is not None:
            _set_password(conn, api_login)
        return applied


def set_password(owner_conninfo: str, login: Mapping[str, str]) -> None:
    """Give one of `API_USERS` another password. Its connections stay."""
    with psycopg.connect(owner_conninfo, autocommit=True) as conn:
        _set_password(conn, login)


def _missing(conn: psycopg.Connection) -> list[Path]:
    conn.execute(
        """CREATE TABLE IF NOT EXISTS migrations (
            name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""
    )
    digests: dict[str, str] = dict(conn.execute("SELECT name, digest FROM migrations").fetchall())
    paths = sorted(Path(__file__).parent.glob("*.sql"))
    for path in paths:
        if digests.get(path.stem, _digest(path)) != _digest(path):
            raise MigrationChanged(path.stem)
    return [path for path in paths if path.stem not in digests]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _apply_one(conn: psycopg.Connection, path: Path) -> bool:
    with conn.transaction():
        conn.execute("SET LOCAL lock_timeout = '5s'")
        conn.execute("SET LOCAL statement_timeout = '10min'")
        conn.execute(path.read_bytes())
        conn.execute("INSERT INTO migrations (name, digest) VALUES (%s, %s)", [path.stem, _digest(path)])
    return True


def _prepare_roles(conn: psycopg.Connection) -> None:
    for name in API_USERS:
        user = sql.Identifier(name)
        if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
            conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(user))
        for setting, value in _ROLE_SETTINGS.items():
            conn.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(user, sql.Identifier(setting), sql.Literal(value)))
    role, second = map(sql.Identifier, API_USERS)
    conn.execute(sql.SQL("GRANT {} TO {}").format(role, second))
    conn.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
    conn.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(role))
    conn.execute(sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(role))
    conn.execute(
        sql.SQL("REVOKE UPDATE, DELETE ON audit_log, ledger_transfers, migrations, statements FROM {}").format(role)
    )
    conn.execute(sql.SQL("REVOKE UPDATE ON audit_values FROM {}").format(role))
    conn.execute(sql.SQL("REVOKE DELETE ON audit_chains, fee_terms FROM {}").format(role))


def _set_password(conn: psycopg.Connection, login: Mapping[str, str]) -> None:
    """Set a password. The server gets only its SCRAM verifier (RFC 5803), so no log of the server can have it."""
    user, password = login["username"], login["password"]
    assert user in API_USERS
    verifier = conn.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    conn.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(verifier)))
