"""The server that is measured, and databases on it that all begin alike."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from boxoffice import migrations
from local.stack.postgres import BIN, Server
from local.stack.state import free_port

__all__ = ["BIN", "Bench", "bench_server"]

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
        """A connection string, as the owner."""
        return self.server.url(database)

    def socket_url(self, database: str) -> str:
        """A connection string, as the owner, around the network."""
        return f"postgresql://postgres@/{database}?host={self.socket}&port={self.server.port}"

    def api_url(self, database: str) -> str:
        """A connection string, as the role that the functions have."""
        return self.server.url(database, migrations.API_ROLE)

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection of the owner's, in autocommit."""
        return psycopg.connect(self.url(database), autocommit=True)

    def create(self, name: str, template: str) -> None:
        """Copy a database; the copy is checkpointed."""
        with self.connect("postgres") as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")

    def drop(self, name: str) -> None:
        """Drop a database, and whoever is still connected to it."""
        with self.connect("postgres") as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def copy(self, template: str) -> Iterator[str]:
        """A copy for one round."""
        self.create("round", template)
        yield "round"
        self.drop("round")


@contextmanager
def bench_server(**settings: str) -> Iterator[Bench]:
    """A fresh server with the schema in a database named ``empty``; everything is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="boxoffice-bench-") as directory:
        data = Path(directory) / "data"
        options = {**_SETTINGS, **settings, "unix_socket_directories": str(data)}
        with Server(data, free_port(), options=options) as server:
            bench = Bench(server, data)
            bench.create("empty", "template1")
            migrations.apply(bench.url("empty"), api_password="api")
            yield bench
