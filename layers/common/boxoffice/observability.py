"""The logger and the metrics of services. `telemetry` writes them in the formats of AWS."""

import logging
from dataclasses import dataclass
from typing import Literal

logger = logging.getLogger("boxoffice")


@dataclass(frozen=True)
class Measurement:
    """A value of one metric, measured in one invocation."""

    metric: str
    value: float
    unit: Literal["Count", "Seconds"]


_measured: list[Measurement] = []


def count(metric: str, amount: int = 1) -> None:
    """Add to a metric that counts how often something happens."""
    _measured.append(Measurement(metric, amount, "Count"))


def gauge(metric: str, value: float, unit: Literal["Count", "Seconds"]) -> None:
    """Set a metric that says how much of something there is."""
    _measured.append(Measurement(metric, value, unit))


def take_measurements() -> list[Measurement]:
    """Return the measurements since the last call, and forget them."""
    taken = [*_measured]
    _measured.clear()
    return taken
