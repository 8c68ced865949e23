"""Child processes that never outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from local.stack import account
from local.stack.fork_server import PR_SET_PDEATHSIG

ROOT = Path(__file__).resolve().parents[2]
"""The folder of the package `local`, in which every part runs."""
LOG_END = 2000  # bytes shown of a log
PAUSE_SECONDS = 0.02


class Part:
    """One process of the stack, in a session of its own, so that Ctrl-C reaches the supervisor only.

    It ends with its parent, even with one that is killed: Linux then sends it `stop_signal`. On other systems it must
    watch its standard input, a pipe from the parent. Start it from a thread that lasts, since Linux watches the thread.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        user: str | None = None,
        log: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._log = log
        self._stop_signal = stop_signal
        output = log.open("ab") if log else None
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_environ(),
            user=user,
            group=user,
            extra_groups=[] if user else None,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=pass_fds,
            start_new_session=True,
            preexec_fn=_end_with_parent(stop_signal),  # noqa: PLW1509  it makes one system call
        )
        if output:
            output.close()

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while the process runs."""
        return self._process.poll()

    def tell(self, line: str) -> None:
        """Write a line to its standard input. Do nothing if the process has just ended."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def wait_until(self, is_ready: Callable[[], bool], seconds: float) -> None:
        """Wait until the part is ready.

        Raises:
            RuntimeError: it ended, or took too long. The message shows the end of its log.
        """
        deadline = time.monotonic() + seconds
        while self.exit_code is None and time.monotonic() < deadline:
            if is_ready():
                return
            time.sleep(PAUSE_SECONDS)
        raise RuntimeError(f"{self.name} did not start{self._end_of_log()}")

    def stop(self, patience_seconds: float = 10) -> None:
        """Ask it to end, wait, and kill it if it does not."""
        if self.exit_code is None:
            self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with suppress(BrokenPipeError):
            assert self._process.stdin
            self._process.stdin.close()

    def _end_of_log(self) -> str:
        if self._log is None:
            return ""
        return f"; the end of {self._log}:\n" + self._log.read_bytes()[-LOG_END:].decode(errors="replace")


def _environ() -> dict[str, str]:
    """Return our own environment, with the local account in place of the developer's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | account.ENVIRONMENT


def exit_with_parent() -> None:
    """End this process once its standard input closes, as it does when the supervisor is gone."""

    def watch() -> None:
        while sys.stdin.readline():
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _end_with_parent(stop_signal: signal.Signals) -> Callable[[], object] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded here, not between fork and exec
    return lambda: libc.prctl(PR_SET_PDEATHSIG, stop_signal)
