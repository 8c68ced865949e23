"""Runs the functions as Lambda does: each execution environment is a process that serves one call at a time.

A call takes an idle environment of its function, or starts one, or waits in line at the limit. The environments are
forked by a warm parent (`fork_server.py`), so one is ready in milliseconds. One that crashes or exceeds its timeout is
thrown away, and the caller gets the error document that Lambda would answer.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local.stack import fork_server
from local.stack.account import function_arn
from local.stack.sam import FunctionSpec, Throttled

PER_FUNCTION = max(4, 3 * (os.cpu_count() or 1))
TOTAL = 48  # each may hold a database connection
INIT_SECONDS = 10.0  # Lambda's own limit
PATIENCE_SECONDS = 29.0  # API Gateway waits 30 s for an answer


class Crashed(Exception):
    """The environment ended, or was ended, without answering."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a call: the handler's result as JSON, or Lambda's error document."""

    document: str
    failed: bool = False

    @classmethod
    def failure(cls, kind: str, message: str) -> Outcome:
        """Return the outcome of a call whose environment could not report the error itself."""
        return cls(json.dumps({"errorMessage": message, "errorType": kind}), failed=True)


class Parent:
    """The gateway's end of the process that forks the environments."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair()
        command = [sys.executable, "-P", fork_server.__file__, str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=dict(variables), stdin=subprocess.DEVNULL
        )
        theirs.close()
        self._lock = threading.Lock()

    def preload(self, layers: list[Path], packages: list[str], clients: list[str]) -> list[str]:
        """Import packages of the layers and make boto3's clients. Return what could not be imported, and why."""
        paths = [str(folder) for layer in layers for folder in (layer, layer / "python") if folder.is_dir()]
        problems: list[str] = self._do("preload", paths=paths, packages=packages, clients=clients)
        return problems

    def start(self, spec: FunctionSpec, log: Path) -> tuple[int, socket.socket]:
        """Fork an environment. Return its pid, and the socket to talk to it."""
        ours, theirs = socket.socketpair()
        with theirs, log.open("ab") as output:
            function = asdict(spec) | {"code": str(spec.code), "layers": [], "arn": function_arn(spec.name)}
            pid: int = self._do("start", [theirs.fileno(), output.fileno()], function=function)
        return pid, ours

    def end(self, pid: int) -> None:
        """Kill an environment, unless it has ended."""
        self._do("end", pid=pid)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, and with it every environment."""
        self._control.close()
        self._process.wait(10)

    def _do(self, command: str, descriptors: list[int] | None = None, **arguments: Any) -> Any:
        body = json.dumps({"do": command} | arguments).encode()
        with self._lock:
            socket.send_fds(self._control, [fork_server.LENGTH.pack(len(body))], descriptors or [])
            self._control.sendall(body)
            answer = fork_server.receive(self._control)
        if answer is None:
            raise Crashed("the fork server ended")
        return json.loads(answer)


class Environment:
    """The gateway's end of one execution environment."""

    def __init__(self, spec: FunctionSpec, parent: Parent, log: Path) -> None:
        self._spec = spec
        self.parent = parent
        self._pid, self._socket = parent.start(spec, log)
        self.used_at = time.monotonic()

    def wait_until_ready(self) -> Outcome | None:
        """Wait for the handler to be imported. Return the failure if it could not be.

        Raises:
            Crashed: the process ended, or took more than Lambda allows.
        """
        outcome = self._read(time.monotonic() + INIT_SECONDS)
        return outcome if outcome.failed else None

    def call(self, event: str, request_id: str) -> Outcome:
        """Hand an event to the handler, and wait for its answer.

        Raises:
            TimeoutError: the function's timeout passed.
            Crashed: the process ended.
        """
        deadline = f"{time.time() + self._spec.timeout:.3f}"
        try:
            fork_server.send(self._socket, f"{request_id} {deadline}\n{event}".encode())
        except OSError as error:
            raise Crashed from error
        return self._read(time.monotonic() + self._spec.timeout)

    def _read(self, deadline: float) -> Outcome:
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            answer = fork_server.receive(self._socket)
        except TimeoutError:
            raise  # it is an OSError too
        except OSError as error:
            raise Crashed from error
        if answer is None:
            raise Crashed
        self.used_at = time.monotonic()
        return Outcome(answer[1:].decode(), failed=answer[:1] == fork_server.FAILED)

    def end(self) -> None:
        """Kill the process, even during a call."""
        self._socket.close()
        self.parent.end(self._pid)


@dataclass
class WaitingCall:
    """A call in line. It receives an environment, or None: the right to start one."""

    served: threading.Event = field(default_factory=threading.Event)
    environment: Environment | None = None


class Environments:
    """All execution environments of the functions: at most PER_FUNCTION of one function, and TOTAL together."""

    def __init__(
        self,
        functions: Mapping[str, FunctionSpec],
        parent: Parent,
        logs: Path,
        report: Callable[[str, str], None],
    ) -> None:
        self._functions = functions
        self._parent = parent
        self._logs = logs
        self._report = report
        self._lock = threading.Lock()
        self._idle: dict[str, list[Environment]] = defaultdict(list)
        self._count: dict[str, int] = defaultdict(int)
        self._line: dict[str, deque[WaitingCall]] = defaultdict(deque)

    def invoke(self, name: str, event: str) -> Outcome:
        """Call a function, and wait for the outcome.

        Raises:
            KeyError: there is no such function.
            Throttled: no environment came free in time.
        """
        spec = self._functions[name]
        environment = self._take(name)
        try:
            environment, outcome = self._run(spec, environment, event)
        except BaseException:
            self._give_back(name, None)
            raise
        self._give_back(name, environment)
        if outcome.failed:
            self._report(name, _summary(outcome))
        return outcome

    def replace(self, parent: Parent) -> None:
        """Fork environments from another parent from now on. Those of the old one end as soon as they are idle."""
        with self._lock:
            self._parent = parent
            old = [environment for idle in self._idle.values() for environment in idle]
            for name, idle in self._idle.items():
                self._count[name] -= len(idle)
                idle.clear()
        for environment in old:
            environment.end()

    def _run(
        self, spec: FunctionSpec, environment: Environment | None, event: str
    ) -> tuple[Environment | None, Outcome]:
        """Make the call. Return the environment too, or None where it must not be used again."""
        request_id = str(uuid.uuid4())
        failure = None
        try:
            if environment is None:
                environment = Environment(spec, self._parent, self._logs / f"{spec.name}.log")
                failure = environment.wait_until_ready()
            if failure is None:
                return environment, environment.call(event, request_id)
        except TimeoutError:
            failure = Outcome.failure(
                "Sandbox.Timedout", f"{request_id} Task timed out after {spec.timeout:.2f} seconds"
            )
        except Crashed:
            failure = Outcome.failure("Runtime.ExitError", f"RequestId: {request_id} Error: the process ended")
        if environment:
            environment.end()
        return None, failure

    def _take(self, name: str) -> Environment | None:
        """Return an idle environment, or None: room is kept for the caller to start one."""
        with self._lock:
            if self._idle[name]:
                return self._idle[name].pop()
            excess = self._make_room(name)
            if excess is None:
                waiting = WaitingCall()
                self._line[name].append(waiting)
            else:
                self._count[name] += 1
        if excess is None:
            return self._wait(name, waiting)
        for environment in excess:
            environment.end()
        return None

    def _make_room(self, name: str) -> list[Environment] | None:
        """Make room for one more environment.

        Return the environments to end for it: none, or the one that is idle longest. Return None if there is no room.
        """
        if self._count[name] >= PER_FUNCTION:
            return None
        if sum(self._count.values()) < TOTAL:
            return []
        candidates = [(idle[0].used_at, owner) for owner, idle in self._idle.items() if idle]
        if not candidates:
            has_none = self._count[name] == 0
            return [] if has_none else None  # a function always gets its first
        _, owner = min(candidates)
        self._count[owner] -= 1
        return [self._idle[owner].pop(0)]

    def _wait(self, name: str, waiting: WaitingCall) -> Environment | None:
        """Wait in line for an environment, or, with None, for the right to start one."""
        if not waiting.served.wait(PATIENCE_SECONDS):
            with self._lock:
                if not waiting.served.is_set():
                    self._line[name].remove(waiting)
                    raise Throttled(name)
        return waiting.environment

    def _give_back(self, name: str, environment: Environment | None) -> None:
        """Hand the environment, or its place, to the first in line. Keep it for later if nobody waits."""
        outdated = environment is not None and environment.parent is not self._parent
        usable = None if outdated else environment
        with self._lock:
            if self._line[name]:
                first = self._line[name].popleft()
                first.environment = usable
                first.served.set()
            elif usable:
                self._idle[name].append(usable)
            else:
                self._count[name] -= 1
        if outdated and environment:
            environment.end()


def _summary(outcome: Outcome) -> str:
    document = json.loads(outcome.document)
    return f"{document['errorType']}: {document['errorMessage']}"
