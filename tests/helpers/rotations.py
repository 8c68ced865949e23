"""Secrets Manager's part in a rotation: it announces a version and calls the function for each step.

moto announces the version as AWS does, without a value. But it runs functions in Docker alone, so the steps are here.
"""

from contextlib import suppress
from typing import Any
from uuid import uuid4

import boto3
from botocore.exceptions import ClientError

from tests.helpers.support import context, function

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


def announce(secret_id: str) -> str:
    """Begin a rotation. Return the id of the version that it makes."""
    token = str(uuid4())
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:no-such-function"
    with suppress(ClientError):  # moto has announced the version before it looks for the function
        boto3.client("secretsmanager").rotate_secret(
            SecretId=secret_id, ClientRequestToken=token, RotationLambdaARN=arn
        )
    assert labels(secret_id)[token] == ["AWSPENDING"]
    return token


def step(name: str, secret_id: str, token: str) -> Any:
    """Call the function for a step."""
    event = {"Step": name, "SecretId": secret_id, "ClientRequestToken": token}
    return function("rotate_secret").handler(event, context())


def rotate(secret_id: str) -> str:
    """Rotate a secret. Return the id of the version that it got."""
    token = announce(secret_id)
    for name in STEPS:
        step(name, secret_id, token)
    return token


def labels(secret_id: str) -> dict[str, list[str]]:
    """Return the labels of each version."""
    return dict(boto3.client("secretsmanager").describe_secret(SecretId=secret_id)["VersionIdsToStages"])
