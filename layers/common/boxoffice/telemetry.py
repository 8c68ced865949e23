"""Structured logs, and metrics in the format of CloudWatch, as a Lambda function writes them.

Logs have no data of people. Our own lines name ids alone. But libraries quote values in the messages of exceptions,
such as the row that a constraint refuses, or the address that SES refuses. So the formatter leaves out what it knows to
be data, and masks what looks like an email address or a phone number.
"""

import logging
import os
import re
import traceback
from typing import Any, override

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

from boxoffice.observability import take_measurements

_EMAIL_ADDRESS = re.compile(r"[^\s\"<>()\[\],:;=\\]+@[^\s\"'<>()\[\],:;=\\]*\w")
_PHONE_NUMBER = re.compile(r"\+[1-9](?:[ -]?\d){6,14}\b")


class _DiscreetFormatter(LambdaPowertoolsFormatter):
    """Writes a log line without data of people."""

    @override
    def formatException(self, ei: Any) -> str:
        """Return the traceback of an exception and of those that led to it, with messages that show no data."""
        return _traceback_of(ei[1])

    @override
    def serialize(self, log: Any) -> str:
        return mask(super().serialize(log))


def mask(text: str) -> str:
    """Return a text with ``<email>`` and ``<phone>`` in place of email addresses and phone numbers."""
    return _PHONE_NUMBER.sub("<phone>", _EMAIL_ADDRESS.sub("<email>", text))


def _traceback_of(error: BaseException) -> str:
    """Return what Python would print of an exception, with the messages that `_message_of` makes."""
    chain: list[BaseException] = []
    last: BaseException | None = error
    while last is not None and last not in chain:  # a chain can lead back to its beginning
        chain.append(last)
        last = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
    return "\n\nThat led to:\n\n".join(map(_described, reversed(chain)))


def _described(error: BaseException) -> str:
    kind = type(error)
    frames = ["Traceback (most recent call last):\n", *traceback.format_tb(error.__traceback__)]
    return "".join([*frames, f"{kind.__module__}.{kind.__qualname__}: {_message_of(error)}"])


def _message_of(error: BaseException) -> str:
    """Return the message of an exception without values that it quotes.

    PostgreSQL quotes rows in the detail of an error, and in the message what it cannot convert (class 22). Validation
    quotes the input.
    """
    if primary := getattr(getattr(error, "diag", None), "message_primary", None):
        is_of_data = str(getattr(error, "sqlstate", None)).startswith("22")
        return re.sub(r'".*"', '"…"', primary, flags=re.DOTALL) if is_of_data else str(primary)
    if callable(listed := getattr(error, "errors", None)):
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in listed())
    return str(error)


logger = Logger(service="boxoffice", logger_formatter=_DiscreetFormatter(serialize_stacktrace=False))
"""The logger of handlers. It also formats the logs of `observability.logger`, which has the same name."""
if "LOG_LEVEL" in os.environ:
    # Powertools would take the level below which Lambda drops logs. Lambda counts metrics as logs of the level INFO, so
    # it must not drop that level, whichever level we want.
    logging.getLogger(logger.name).setLevel(os.environ["LOG_LEVEL"])
_metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Boxoffice"), service="boxoffice")


def flush() -> None:
    """Write the measurements of this invocation, if there are any."""
    measured = take_measurements()
    for each in measured:
        _metrics.add_metric(name=each.metric, unit=MetricUnit(each.unit), value=each.value)
    if measured:
        _metrics.flush_metrics()
