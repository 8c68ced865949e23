"""The PostgreSQL server that is measured, and its databases, which begin as copies of one template."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from boxoffice import migrations
from local.stack.postgres import Server
from local.stack.state import free_port

# A commit is safe on disk before it is answered, as in production. Checkpoints come between the rounds, not in them.
_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "1GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
}


@dataclass(frozen=True)
class Bench:
    """A running server with one migrated template database."""

    server: Server
    socket: Path

    def url(self, database: str) -> str:
        """Return a connection string, as the owner."""
        return self.server.url(database)

    def socket_url(self, database: str) -> str:
        """Return a connection string, as the owner, through the server's socket file."""
        return f"postgresql://postgres@/{database}?host={self.socket}&port={self.server.port}"

    def api_url(self, database: str) -> str:
        """Return a connection string, as the role of the functions."""
        return self.server.url(database, migrations.API_ROLE)

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """Connect as the owner, in autocommit."""
        return psycopg.connect(self.url(database), autocommit=True)

    def create(self, name: str, template: str) -> None:
        """Make a database as a copy of another. FILE_COPY ends with a checkpoint."""
        with self.connect("postgres") as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")

    def drop(self, name: str) -> None:
        """Drop a database, and end its connections."""
        with self.connect("postgres") as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def copy(self, template: str) -> Iterator[str]:
        """Copy a database for one round. Yield the name of the copy."""
        self.create("round", template)
        yield "round"
        self.drop("round")


@contextmanager
def bench_server(**settings: str) -> Iterator[Bench]:
    """Run a new server with the schema in a database named ``empty``. All of it is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="boxoffice-bench-") as directory:
        data = Path(directory) / "data"
        options = {**_SETTINGS, **settings, "unix_socket_directories": str(data)}
        with Server(data, free_port(), options=options) as server:
            bench = Bench(server, data)
            bench.create("empty", "template1")
            migrations.apply(bench.url("empty"), api_login={"username": "boxoffice_api", "password": "api"})
            yield bench
