"""What a function writes on Lambda: its logs from a level on, and its metrics at each level."""

import json
from typing import Any

import pytest

from tests.helpers.support import run_python

CODE = """
from boxoffice import db, observability, telemetry
db.logger.info("quiet")
db.logger.warning("loud")
observability.count("OrdersExpired", 3)
telemetry.flush()
"""
RANKS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40}


def written(log_level: str, lambda_level: str) -> list[dict[str, Any]]:
    """Return what reaches CloudWatch. Lambda drops what is below its level, and takes JSON without one for INFO.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    variables = {"LOG_LEVEL": log_level, "AWS_LAMBDA_LOG_LEVEL": lambda_level, "POWERTOOLS_LOG_LEVEL": ""}
    process = run_python(CODE, **variables, POWERTOOLS_METRICS_NAMESPACE="boxoffice-staging")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in output.splitlines()]
    return [line for line in lines if RANKS[line.get("level", "INFO")] >= RANKS[lambda_level]]


@pytest.mark.parametrize(
    ("log_level", "lambda_level", "messages"),
    [
        ("DEBUG", "DEBUG", ["quiet", "loud"]),
        ("INFO", "INFO", ["quiet", "loud"]),
        ("WARN", "INFO", ["loud"]),
        ("ERROR", "INFO", []),
    ],
)
def test_metrics_are_written_at_each_level(log_level: str, lambda_level: str, messages: list[str]) -> None:
    lines = written(log_level, lambda_level)

    assert [line["message"] for line in lines if "message" in line] == messages
    (metrics,) = [line for line in lines if "_aws" in line]
    assert metrics["OrdersExpired"] == [3.0]
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "boxoffice-staging"
    assert metrics["service"] == "boxoffice"
