"""Structured logs, and metrics in the format of CloudWatch, as a Lambda function writes them."""

import logging
import os

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from boxoffice.observability import take_measurements

logger = Logger(service="boxoffice")  # also formats the logs of `observability.logger`, which has the same name
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
