"""Structured logs and EMF metrics, one of each for a function."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="boxoffice")
metrics = Metrics(namespace="Boxoffice", service="boxoffice")


def count(name: str, amount: int = 1) -> None:
    """Count something that happened, as a CloudWatch metric of this stack."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=amount)


def flush() -> None:
    """Write what was counted in this invocation, if anything was."""
    if metrics.metric_set:
        metrics.flush_metrics()
