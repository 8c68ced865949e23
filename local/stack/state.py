"""The folder that the local stack keeps between runs: its lock, secrets, data, objects, emails and logs."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

LOG_LIMIT = 20 * 2**20


class StateInUse(Exception):
    """Another run holds the state folder."""


class State:
    """A state folder, made on first use. Only its owner may read the secrets in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._lock: IO[str] | None = None

    @property
    def logs(self) -> Path:
        return self._folder("logs")

    @property
    def emails(self) -> Path:
        return self._folder("emails")

    @property
    def data(self) -> Path:
        return self._folder("data")

    def objects(self, bucket: str) -> Path:
        """Return the folder of a bucket's objects, a file for each."""
        return self._folder(f"objects/{bucket}")

    @property
    def database(self) -> Path:
        return self._folder("postgres")

    def _folder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def lock(self) -> None:
        """Take the folder for this process.

        Raises:
            StateInUse: another process has it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            handle.close()
            raise StateInUse(f"{self.folder} is in use by process {holder}: stop that process first") from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        self._lock = handle

    def unlock(self) -> None:
        """Release the folder."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
        """Return a secret by its name. Make it on first use, and keep it, so that what it signed stays valid."""
        path = self.folder / "secrets.json"
        values: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if name not in values:
            values[name] = make()
            self.write_private(path.name, json.dumps(values, indent=2) + "\n")
        return values[name]

    def keep_secret(self, name: str, value: str) -> None:
        """Keep a secret that has changed."""
        path = self.folder / "secrets.json"
        values: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if values.get(name) != value:
            self.write_private(path.name, json.dumps({**values, name: value}, indent=2) + "\n")

    def write_private(self, name: str, text: str) -> None:
        """Write a file that only its owner may read."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)

    def port(self, name: str) -> int:
        """Return a free port for one of the services: that of the last run, where it is still free."""
        path = self.folder / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        if name not in ports or not _is_free(ports[name]):
            ports[name] = free_port()
            path.write_text(json.dumps(ports, indent=2) + "\n")
        return ports[name]

    def trim_logs(self) -> None:
        """Rename logs that have grown long, so that new ones begin. Keep one older copy of each."""
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > LOG_LIMIT:
                log.rename(log.with_suffix(".log.old"))

    def delete(self) -> None:
        """Delete the folder and all that is in it.

        Raises:
            StateInUse: a run is using it.
        """
        if not self.folder.exists():
            return
        self.lock()
        self.unlock()
        shutil.rmtree(self.folder)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return True
    return False
