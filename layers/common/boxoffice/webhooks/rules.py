"""Decisions about webhooks: where they may go, when an attempt is repeated, and when an endpoint has to wait.

Times must fit together, here and in the template; a test checks them. A turn begins no request after ``TURN``, and a
request takes ``SECONDS_TO_SEND`` at most. So a turn ends before the worker's time-out of 60 s. Its lease is longer than
that, and shorter than the time for which the queue hides a record.
"""

import ipaddress
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from uuid import UUID

from boxoffice.errors import Invalid
from boxoffice.webhooks.models import Answer, DeliveryStatus, DisabledReason

MOST_ENDPOINTS = 20  # of an organisation
MOST_SECRETS = 5  # of an endpoint, that sign at once

LEASE = timedelta(seconds=90)
TURN = timedelta(seconds=10)
SECONDS_TO_SEND = 20  # one round: 10 for the requests, and 10 in case that the name server does not answer
AT_ONCE = 10  # requests to one endpoint

# How long a webhook waits after each failed attempt: the schedule of Standard Webhooks, over 3 days.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
MOST_ATTEMPTS = len(WAITS) + 1
JITTER = 0.2  # by which a wait grows at most, so that what failed together does not come back together
LONGEST_WAIT = timedelta(days=1)  # that an answer may ask for

FAILURES_TO_PAUSE = 10  # in a row
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
TIME_TO_DISABLE = timedelta(days=5)  # of nothing but failures

_TOO_MANY, _UNAVAILABLE, _GONE = 429, 503, 410
_OVERLOADED = (_TOO_MANY, 502, _UNAVAILABLE, 504)
_HTTPS = 443

# IPv6 addresses of the world (RFC 4291, section 2.4), and what of them leads elsewhere: IANA's special purposes, of
# which some embed an IPv4 address, such as Teredo and 6to4.
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_IPV6 = [ipaddress.IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
# What Python counts as public, although IANA gives it a special purpose: protocols, and the relays of 6to4.
_SPECIAL_IPV4 = [ipaddress.IPv4Network(each) for each in ("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24")]
_SPECIAL_IPV4 += [ipaddress.IPv4Network(each) for each in ("192.88.99.0/24", "192.175.48.0/24")]


@dataclass(frozen=True)
class Target:
    """Where requests to an endpoint go."""

    host: str
    port: int
    path: str
    has_tls: bool

    @property
    def authority(self) -> str:
        """Return the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (_HTTPS if self.has_tls else 80) else f"{host}:{self.port}"


def check_url(url: str, *, allows_loopback: bool) -> None:
    """Check that webhooks may go to a URL, as far as it says so itself. Its addresses are checked at each attempt.

    Args:
        allows_loopback: True if http and any port of the loopback interface are fine, as on a laptop.

    Raises:
        Invalid: they may not.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_ip = _is_ip(host)
    if allows_loopback and (host == "localhost" or (is_ip and ipaddress.ip_address(host).is_loopback)):
        return
    wrong = {
        "must begin with https://": parts.scheme != "https",
        "must have no port but 443": parts.port not in (None, _HTTPS),
        "must have no fragment": bool(parts.fragment),
        "must have the name of a public host, not an IP address": is_ip or "." not in host.strip("."),
    }
    for because, is_wrong in wrong.items():
        if is_wrong:
            raise Invalid.at("body", "url", because=because)


def target_of(url: str) -> Target:
    """Return where requests to a URL go."""
    parts = urlsplit(url)
    has_tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.hostname or "", parts.port or (_HTTPS if has_tls else 80), path, has_tls)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_allowed(address: str, *, allows_loopback: bool) -> bool:
    """Return True if a request may go to an address: one of the public internet, or a loopback one if that is fine.

    All else is refused: private, shared, link-local, multicast and reserved addresses, those of documentation, and
    IPv6 addresses that stand for IPv4 ones.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_loopback:
        return allows_loopback
    if isinstance(ip, ipaddress.IPv4Address):
        is_special = ip.is_multicast or ip.is_reserved or any(ip in network for network in _SPECIAL_IPV4)
        return ip.is_global and not is_special
    return ip.is_global and ip in _GLOBAL_IPV6 and not any(ip in network for network in _SPECIAL_IPV6)


def are_allowed(addresses: Collection[str], *, allows_loopback: bool) -> bool:
    """Return True if a request may go to each of the addresses of a name. One that may not spoils all."""
    return bool(addresses) and all(is_allowed(each, allows_loopback=allows_loopback) for each in addresses)


@dataclass(frozen=True)
class Outcome:
    """How a delivery stands after an attempt, and how long it waits for the next."""

    status: DeliveryStatus
    wait: timedelta
    error: str | None


def outcome_of(answer: Answer, attempts: int, jitter: float) -> Outcome:
    """Return how a delivery stands after an attempt.

    Args:
        attempts: how many there were since the webhook was owed, or since its last replay.
        jitter: a random number from 0 to 1.
    """
    if answer.is_success:
        return Outcome("delivered", timedelta(0), None)
    error = answer.error or f"the answer was {answer.status}"
    if attempts >= MOST_ATTEMPTS:
        return Outcome("failed", timedelta(0), error)
    wait = WAITS[attempts - 1] * (1 + JITTER * jitter)
    return Outcome("pending", max(wait, _asked_wait(answer, LONGEST_WAIT)), error)


def failures_after(failures: int, answers: Sequence[Answer]) -> int:
    """Return how many attempts have failed since the last success. A round with a success counts as one."""
    return 0 if any(answer.is_success for answer in answers) else failures + len(answers)


def pause_after(failures: int, answers: Sequence[Answer]) -> timedelta:
    """Return how long all webhooks of an endpoint wait: as long as it asks for, and longer with each failure in a row.

    Args:
        failures: how many there are in a row, with those of this round.
        answers: those of this round.
    """
    pause = max((_asked_wait(answer, LONGEST_PAUSE) for answer in answers), default=timedelta(0))
    if failures < FAILURES_TO_PAUSE:
        return pause
    doublings = min(failures - FAILURES_TO_PAUSE, 7)  # more would pass the longest pause
    return max(pause, min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE))


def reason_to_disable(
    failures: int, failing_since: datetime | None, answers: Sequence[Answer], now: datetime
) -> DisabledReason | None:
    """Return why an endpoint is disabled after a round. None if it is not.

    Args:
        failures: as for `pause_after`.
        failing_since: when the first of them was, if it was before this round.
    """
    if any(answer.status == _GONE for answer in answers):
        return "gone"
    is_old = failing_since is not None and now - failing_since >= TIME_TO_DISABLE
    return "failing" if is_old and failures >= FAILURES_TO_PAUSE else None


def _asked_wait(answer: Answer, longest: timedelta) -> timedelta:
    """Return how long an answer asks us to wait, within bounds. An overloaded endpoint gets a while in any case."""
    if answer.status not in _OVERLOADED:
        return timedelta(0)
    return min(answer.retry_after if answer.retry_after is not None else FIRST_PAUSE, longest)


def retry_after(value: str, now: datetime) -> timedelta | None:
    """Return the time that a Retry-After header asks for: seconds, or a date (RFC 9110, section 10.2.3)."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:10]), int(LONGEST_WAIT.total_seconds())))
    try:
        moment = parsedate_to_datetime(value)
        return max(moment.astimezone(UTC) - now, timedelta(0)) if moment.tzinfo else None
    except (ValueError, OverflowError):  # it is none, or of a year that no calendar has
        return None


def endpoint_in(record: str) -> UUID:
    """Return the endpoint whose turn a record of the queue asks for.

    Raises:
        ValueError: it names none.
    """
    try:
        return UUID(json.loads(record)["endpoint_id"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("the record names no endpoint") from error
