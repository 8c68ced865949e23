"""The logger and the metrics of services. `telemetry` writes them in the formats of AWS."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

logger = logging.getLogger("boxoffice")


@dataclass(frozen=True)
class Measurement:
    """A value of one metric, measured in one invocation."""

    metric: str
    value: float
    unit: Literal["Count", "Seconds"]


type SecurityEvent = Literal["log_in", "credential", "access", "limit", "signature", "qr"]

# A metric each, without dimensions of its own: so a flood of events adds no metric, and each event one line more.
_SECURITY_METRICS: dict[SecurityEvent, str] = {
    "log_in": "LogInsRefused",
    "credential": "CredentialsRefused",
    "access": "AccessRefused",
    "limit": "AttemptsLimited",
    "signature": "SignaturesWrong",
    "qr": "QrsForged",
}

_measured: list[Measurement] = []


def count(metric: str, amount: int = 1) -> None:
    """Add to a metric that counts how often something happens."""
    _measured.append(Measurement(metric, amount, "Count"))


def gauge(metric: str, value: float, unit: Literal["Count", "Seconds"]) -> None:
    """Set a metric that says how much of something there is."""
    _measured.append(Measurement(metric, value, unit))


def security_event(kind: SecurityEvent, facts: Mapping[str, str | None], amount: int = 1) -> None:
    """Log that somebody was refused what an attacker would try, and count it.

    Args:
        facts: what was refused, to whom and where, without data of people.
        amount: how many such attempts the request has made.
    """
    known = {name: fact for name, fact in facts.items() if fact}
    logger.info("security event", extra={"kind": kind, "amount": amount, **known})
    count(_SECURITY_METRICS[kind], amount)


def take_measurements() -> list[Measurement]:
    """Return the measurements since the last call, and forget them."""
    taken = [*_measured]
    _measured.clear()
    return taken
