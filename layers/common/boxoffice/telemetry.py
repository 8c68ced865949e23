"""How a Lambda function writes what it tells of itself: structured logs, and metrics in CloudWatch's own format."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from boxoffice.observability import take_measurements

logger = Logger(service="boxoffice")  # formats what is logged to `observability.logger`, too: the name is the same
_metrics = Metrics(namespace="Boxoffice", service="boxoffice")


def flush() -> None:
    """Write what was measured in this invocation, if anything was."""
    measured = take_measurements()
    for each in measured:
        _metrics.add_metric(name=each.metric, unit=MetricUnit(each.unit), value=each.value)
    if measured:
        _metrics.flush_metrics()
