"""The parent of all execution environments: imports the layers once, then forks a warm process for each environment.

`environments.py` runs it as a script. It uses the standard library alone, so that a function finds in its process only
what it would find in Lambda. It takes commands on a socket and ends, with all its children, when that socket closes.

A frame is four bytes of length and a body. An environment's first frame tells whether its handler was imported.
"""

from __future__ import annotations

import array
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import resource
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

LENGTH = struct.Struct("!I")
OK, FAILED = b"+", b"-"
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


def receive(connection: socket.socket) -> bytes | None:
    """Return the next frame, or None once the other side has closed."""
    head = _exactly(connection, LENGTH.size)
    return head and _exactly(connection, LENGTH.unpack(head)[0])


def send(connection: socket.socket, body: bytes) -> None:
    """Send one frame."""
    connection.sendall(LENGTH.pack(len(body)) + body)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    chunks = []
    while size:
        chunk = connection.recv(min(size, 1 << 20))
        if not chunk:
            return None
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def die_with_parent(name: str) -> None:
    """Have Linux end this process when its parent ends, even by SIGKILL. `ps` and `top` show the name."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(PR_SET_NAME, name.encode()[:15])


class Context:
    """The `context` argument of a handler."""

    function_version = "$LATEST"
    log_stream_name = "local"
    identity = None
    client_context = None

    def __init__(self, function: dict[str, Any], request_id: str, deadline: float) -> None:
        self.function_name = function["name"]
        self.memory_limit_in_mb = function["memory"]
        self.invoked_function_arn = function["arn"]
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.aws_request_id = request_id
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left before the function's timeout ends this process."""
        return max(0, int((self._deadline - time.time()) * 1000))


class Environment:
    """One execution environment: a process that serves one function, one call at a time, until its socket closes."""

    def __init__(self, function: dict[str, Any], connection: socket.socket) -> None:
        self._function = function
        self._connection = connection

    def serve(self) -> None:
        """Import the handler, report that, then answer calls until the socket closes."""
        started = time.perf_counter()
        try:
            handler = self._load()
        except BaseException as error:
            send(self._connection, FAILED + _failure(error))
            raise
        send(self._connection, OK)
        init_ms: float | None = (time.perf_counter() - started) * 1000
        while call := receive(self._connection):
            head, _, event = call.partition(b"\n")
            request_id, deadline = head.decode().split()
            context = Context(self._function, request_id, float(deadline))
            send(self._connection, self._answer(handler, event, context, init_ms))
            init_ms = None

    def _load(self) -> Callable[[Any, Context], Any]:
        sys.path.insert(0, self._function["code"])
        module, _, name = self._function["handler"].rpartition(".")
        handler: Callable[[Any, Context], Any] = getattr(importlib.import_module(module.replace("/", ".")), name)
        return handler

    def _answer(
        self, handler: Callable[[Any, Context], Any], event: bytes, context: Context, init_ms: float | None
    ) -> bytes:
        started = time.perf_counter()
        try:
            answer = OK + json.dumps(handler(json.loads(event), context), separators=(",", ":")).encode()
        except Exception as error:
            answer = FAILED + _failure(error)
        self._report(context, (time.perf_counter() - started) * 1000, init_ms)
        return answer

    def _report(self, context: Context, duration_ms: float, init_ms: float | None) -> None:
        """Write the line that Lambda writes after each call."""
        unit = 1 if sys.platform == "darwin" else 1024
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
        line = (
            f"REPORT RequestId: {context.aws_request_id}\tDuration: {duration_ms:.2f} ms\t"
            f"Memory Size: {context.memory_limit_in_mb} MB\tMax Memory Used: {used:.0f} MB"
        )
        if init_ms is not None:
            line += f"\tInit Duration: {init_ms:.2f} ms"
        print(line)


def _failure(error: BaseException) -> bytes:
    trace = traceback.format_exception(error)
    print(f"[ERROR] {''.join(trace)}", end="")
    kind = f"Runtime.{type(error).__name__}" if isinstance(error, ImportError | SyntaxError) else type(error).__name__
    return json.dumps({"errorMessage": str(error), "errorType": kind, "stackTrace": trace}).encode()


class ForkServer:
    """Takes the commands `preload`, `start` and `end`, and answers each with one frame."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: set[int] = set()

    def serve(self) -> None:
        """Carry out commands until the other side closes. Then end every environment."""
        wake, notify = os.pipe()
        os.set_blocking(notify, False)
        signal.set_wakeup_fd(notify, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _do_nothing)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == wake:
                        os.read(wake, 4096)
                        self._reap()
                    elif not self._carry_out_command():
                        return self._end_all()

    def _carry_out_command(self) -> bool:
        """Carry out the next command and answer it. Return False if the other side has closed."""
        message, descriptors = _receive_with_descriptors(self._control)
        if message is None:
            return False
        command = json.loads(message)
        answer = getattr(self, "_" + command.pop("do"))(descriptors, **command)
        send(self._control, json.dumps(answer).encode())
        return True

    def _preload(self, _: list[int], paths: list[str], packages: list[str], clients: list[str]) -> list[str]:
        """Import whole packages, and have boto3 read the descriptions of services, so that no environment pays for it.

        Return what could not be imported.
        """
        sys.path[:0] = paths
        problems = [problem for package in packages for problem in _import_all(package)]
        for service in clients:
            importlib.import_module("boto3").client(service)
        gc.collect()
        gc.freeze()
        return problems

    def _start(self, descriptors: list[int], function: dict[str, Any]) -> int:
        """Fork an environment that serves the first descriptor, a socket, and logs to the second. Return its pid."""
        pid = os.fork()
        if pid == 0:
            self._serve_function(function, *descriptors)
        self._children.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        return pid

    def _serve_function(self, function: dict[str, Any], connection: int, log: int) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            die_with_parent(function["name"])
            self._control.close()
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.environ.clear()
            os.environ.update(function["variables"])
            Environment(function, socket.socket(fileno=connection)).serve()
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)

    def _end(self, _: list[int], pid: int) -> bool:
        """Kill an environment, unless it is gone. Its pid cannot be another's, since only we reap it."""
        if pid in self._children:
            os.kill(pid, signal.SIGKILL)
        return pid in self._children

    def _end_all(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._children.discard(pid)


def _receive_with_descriptors(control: socket.socket) -> tuple[bytes | None, list[int]]:
    """Return the next frame, with the file descriptors that came with its first bytes."""
    size = array.array("i").itemsize * 2
    head, ancillary, _, _ = control.recvmsg(LENGTH.size, socket.CMSG_SPACE(size), socket.MSG_WAITALL)
    descriptors = array.array("i")
    for _, _, data in ancillary:
        descriptors.frombytes(data)
    return (_exactly(control, LENGTH.unpack(head)[0]) if head else None), list(descriptors)


def _import_all(package: str) -> list[str]:
    """Import a package with all modules in it. Return what could not be imported, and why."""
    names = [package]
    problems = []
    while names:
        name = names.pop()
        try:
            module = importlib.import_module(name)
        except Exception as error:
            problems.append(f"{name}: {error!r}")
            continue
        below = pkgutil.iter_modules(getattr(module, "__path__", []))
        names += [f"{name}.{found.name}" for found in below if found.name != "__main__"]
    return problems


def _do_nothing(_: int, __: FrameType | None) -> None:
    """SIGCHLD needs a handler, or it does not wake the selector."""


if __name__ == "__main__":
    die_with_parent("fork server")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    ForkServer(socket.socket(fileno=int(sys.argv[1]))).serve()
