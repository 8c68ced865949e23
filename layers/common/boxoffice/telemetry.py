"""Structured logs, and metrics in the format of CloudWatch, as a Lambda function writes them."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from boxoffice.observability import take_measurements

logger = Logger(service="boxoffice")  # also formats the logs of `observability.logger`, which has the same name
_metrics = Metrics(namespace="Boxoffice", service="boxoffice")


def flush() -> None:
    """Write the measurements of this invocation, if there are any."""
    measured = take_measurements()
    for each in measured:
        _metrics.add_metric(name=each.metric, unit=MetricUnit(each.unit), value=each.value)
    if measured:
        _metrics.flush_metrics()
