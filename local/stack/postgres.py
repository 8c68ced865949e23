"""PostgreSQL for the local stack: a server that keeps its data between runs and asks for passwords."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from local.stack.cluster import BIN, initialise, system_user
from local.stack.processes import Part

DATABASE = "boxoffice"
OWNER = "postgres"
API_ROLE = "boxoffice_api"
START_SECONDS = 30
SETTINGS = {
    "max_connections": "200",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "off",  # faster; should the machine itself crash, `make reset` starts anew
}


class Postgres:
    """A PostgreSQL server on the given addresses, for clients from the given networks."""

    def __init__(
        self, folder: Path, port: int, owner_password: str, log: Path, addresses: Sequence[str], networks: Sequence[str]
    ) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._log = log
        self._port = port
        self._password = owner_password
        self._addresses = addresses
        self._networks = networks
        self._user = system_user()

    def start(self) -> Part:
        """Starts the server, after `initdb` on first use; does not wait for it."""
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self._end_leftover()
        self._write_access_rules()
        options = SETTINGS | {
            "listen_addresses": ",".join(self._addresses),
            "port": str(self._port),
            "hba_file": str(self._folder / "pg_hba.conf"),
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        command = [str(BIN / "postgres"), "-D", str(self._data), *arguments]
        return Part("PostgreSQL", command, user=self._user, log=self._log, stop_signal=signal.SIGINT)

    def wait(self, part: Part) -> None:
        """Waits until the server takes connections, and makes the database if it is not there.

        Raises:
            RuntimeError: it ended, or took too long; its log says why.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with psycopg.connect(self.owner_conninfo("postgres"), autocommit=True) as connection:
                    return _ensure_database(connection)
            except psycopg.OperationalError:
                if part.exit_code is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start: see {self._log}") from None
                time.sleep(0.02)

    def owner_conninfo(self, database: str = DATABASE) -> str:
        """How the owner of the schema connects."""
        return make_conninfo(
            "", host="127.0.0.1", port=self._port, dbname=database, user=OWNER, password=self._password
        )

    def url(self, user: str, password: str, host: str = "127.0.0.1") -> str:
        """A connection URL, as the functions take it."""
        return f"postgresql://{user}:{password}@{host}:{self._port}/{DATABASE}?sslmode=disable"

    def owner_url(self) -> str:
        """The same as a URL."""
        return self.url(OWNER, self._password)

    def _initialise(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        password = self._folder / "password"
        self._write(password, self._password + "\n")
        initialise(self._data, self._user, "--auth=scram-sha-256", f"--pwfile={password}")
        password.unlink()

    def _end_leftover(self) -> None:
        """Stops a server that a killed run left behind; ours is the only run, since we hold the folder's lock."""
        if (self._data / "postmaster.pid").exists():
            command = [str(BIN / "pg_ctl"), "stop", "-w", "-m", "fast", "-D", str(self._data)]
            subprocess.run(command, user=self._user, check=False, capture_output=True, cwd=self._data)

    def _write_access_rules(self) -> None:
        lines = [f"host all all {network} scram-sha-256" for network in self._networks]
        self._write(self._folder / "pg_hba.conf", "\n".join(lines) + "\n")

    def _write(self, path: Path, text: str) -> None:
        path.touch(mode=0o600)
        path.write_text(text)
        if self._user:
            shutil.chown(path, self._user)


def _ensure_database(connection: psycopg.Connection) -> None:
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
