"""What services log and measure. `telemetry` writes it, as a Lambda function should."""

import logging
from dataclasses import dataclass
from typing import Literal

logger = logging.getLogger("boxoffice")


@dataclass(frozen=True)
class Measurement:
    """A figure of one invocation: how often something happened, or how much of it there is."""

    metric: str
    value: float
    unit: Literal["Count", "Seconds"]


_measured: list[Measurement] = []


def count(metric: str, amount: int = 1) -> None:
    """Count something that happened."""
    _measured.append(Measurement(metric, amount, "Count"))


def gauge(metric: str, value: float, unit: Literal["Count", "Seconds"]) -> None:
    """Measure how much of something there is."""
    _measured.append(Measurement(metric, value, unit))


def take_measurements() -> list[Measurement]:
    """Return what was measured since the last call, and forget it."""
    taken = [*_measured]
    _measured.clear()
    return taken
