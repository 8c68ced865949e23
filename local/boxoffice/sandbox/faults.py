"""The trouble that a test orders from the sandbox, so that it stands for a real provider on a bad day."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Literal, get_args

type Operation = Literal["create", "fetch", "close", "refund", "report", "webhook"]
type Kind = Literal["refused", "busy", "error", "delayed", "cut", "pending", "lost"]

OPERATIONS: tuple[str, ...] = get_args(Operation.__value__)
KINDS: tuple[str, ...] = get_args(Kind.__value__)


@dataclass(frozen=True)
class Fault:
    """Trouble with one call.

    Attributes:
        kind: what goes wrong. The answer is ``refused``, ``busy`` (429) or an ``error``, or it is ``delayed``. If it is
            ``cut``, the sandbox does what it is asked, and then answers with an error. A ``pending`` refund stays under
            way. A ``lost`` webhook is never sent.
        seconds: how long a delay takes, or how long a caller that is told 429 should wait.
    """

    kind: str
    seconds: float = 1


class Faults:
    """The faults that are ordered, in order, and the pace that the sandbox allows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: dict[str, deque[Fault]] = defaultdict(deque)
        self._pace: float | None = None
        self._buckets: dict[str, tuple[float, float]] = {}
        self._answered: list[tuple[float, str, int]] = []

    def order(self, operation: str, fault: Fault, times: int) -> None:
        """Order a fault for the next calls of an operation."""
        with self._lock:
            self._ordered[operation].extend([fault] * times)

    def take(self, operation: str) -> Fault | None:
        """Return the fault of the next call of an operation, if there is one."""
        with self._lock:
            ordered = self._ordered[operation]
            return ordered.popleft() if ordered else None

    def set_pace(self, calls_per_second: float | None) -> None:
        """Allow so many calls a second of each operation. None allows all."""
        with self._lock:
            self._pace, self._buckets = calls_per_second, {}

    def allows(self, operation: str) -> bool:
        """Take a token from the bucket of an operation. Return False if it is empty.

        A bucket holds the tokens of one second, and fills at the pace.
        """
        with self._lock:
            if self._pace is None:
                return True
            now = time.monotonic()
            tokens, filled_at = self._buckets.get(operation, (self._pace, now))
            tokens = min(self._pace, tokens + (now - filled_at) * self._pace)
            allowed = tokens >= 1
            self._buckets[operation] = (tokens - allowed, now)
            return allowed

    def note(self, operation: str, status: int) -> None:
        """Note how a call was answered, and when."""
        with self._lock:
            self._answered.append((time.time(), operation, status))

    def take_answers(self) -> list[tuple[float, str, int]]:
        """Return the time, operation and status of each answer since the last such call."""
        with self._lock:
            answered, self._answered = self._answered, []
            return answered

    def forget(self) -> None:
        """Forget all orders, the pace and the answers."""
        with self._lock:
            self._ordered.clear()
            self._pace, self._buckets, self._answered = None, {}, []
