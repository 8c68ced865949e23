"""What a function writes on Lambda: its logs from a level on without data of people, and its metrics at each level."""

import json
from typing import Any

import pytest

from boxoffice.telemetry import mask
from tests.helpers.support import Database, run_python

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


DISCREET = """
import psycopg
from pydantic import BaseModel
from boxoffice import db, telemetry

NAME = "Ada Love" + "lace"  # so that no line of this code has it

class Guest(BaseModel):
    age: int

def log(act):
    try:
        act()
    except Exception:
        db.logger.warning("failed", exc_info=True, extra={"id": "0198c0de"})

def refused_by_ses():
    try:
        raise ValueError("not verified: ada.lovelace@bücher.example")
    except ValueError as error:
        raise RuntimeError("told +234 801 234-5678 and <o'hara+x@example.org>") from error

def refused_row():
    conn.execute("CREATE TEMP TABLE people (name text CONSTRAINT short CHECK (length(name) < 9))")
    conn.execute("INSERT INTO people VALUES (%s)", [NAME])

conn = psycopg.connect(URL, autocommit=True)
log(refused_by_ses)
log(lambda: Guest(age=NAME))
log(refused_row)
log(lambda: conn.execute("SELECT %s::uuid", [NAME]))
"""


def test_exceptions_are_logged_without_the_values_that_they_quote(database: Database) -> None:
    process = run_python(DISCREET.replace("URL", repr(database.api_url)), LOG_LEVEL="INFO")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors

    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["exception_name"] for line in lines] == [
        "RuntimeError",
        "ValidationError",
        "CheckViolation",
        "InvalidTextRepresentation",
    ]
    ses, validation, row, text = (line["exception"] for line in lines)
    assert "builtins.RuntimeError: told <phone> and <<email>>" in ses
    assert "builtins.ValueError: not verified: <email>" in ses
    assert "ValidationError: age: int_parsing" in validation
    assert 'violates check constraint "short"' in row
    assert "invalid input syntax for type uuid" in text
    assert all(line["id"] == "0198c0de" for line in lines)
    values = "lovelace", "bücher", "o'hara", "5678"
    assert not [value for value in values if value in output.replace('"Ada Lovelace"', "").lower()]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ada@example.com", "<email>"),
        ("to: ada@example.com, bola@example.com.", "to: <email>, <email>."),
        ("+2348012345678 called", "<phone> called"),
        ("a@b", "<email>"),
        ("2026-11-26 01:54:10,058+0000", "2026-11-26 01:54:10,058+0000"),
        ("1 + 2345678", "1 + 2345678"),
        ("0198c0de-1111-7222-8333-444455556666", "0198c0de-1111-7222-8333-444455556666"),
    ],
)
def test_addresses_and_numbers_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked
