"""The AWS services of the local stack: moto's server, with what template.yaml declares made in it at each start.

Resources have the template's logical ids as names, which is what SAM puts where the template says `!Ref`.
"""

from __future__ import annotations

import json
import os
import secrets
import string
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from local.stack.account import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY
from local.stack.processes import Part
from local.stack.sam import Queue, Template
from local.stack.state import State

EMAIL_SENDER = "tickets@example.com"
START_SECONDS = 30


def client(service: str, endpoint: str) -> Any:
    """A boto3 client for the local services; it reads none of the developer's own profiles."""
    session = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    return boto3.Session(botocore_session=session).client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=50, read_timeout=60),
    )


def start(state: State, host: str, port: int) -> Part:
    """Starts the server; does not wait for it."""
    command = [sys.executable, "-m", "local.stack.aws_server", host, str(port), str(state.emails)]
    return Part("AWS services", command, log=state.logs / "aws.log")


def wait(part: Part, endpoint: str) -> None:
    """Waits until the server answers.

    Raises:
        RuntimeError: it ended, or took too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while part.exit_code is None and time.monotonic() < deadline:
        with suppress(OSError):
            urllib.request.urlopen(endpoint + "/moto-api/", timeout=5).close()
            return
        time.sleep(0.02)
    raise RuntimeError("the AWS services did not start: see logs/aws.log in the state folder")


def prepare(template: Template, endpoint: str, state: State) -> None:
    """Makes the template's secrets, queues and buckets, and permits the sender of the emails."""
    for name, properties in template.of_type("AWS::SecretsManager::Secret").items():
        value = state.secret(name, partial(_first_value, properties))
        client("secretsmanager", endpoint).create_secret(Name=name, SecretString=value)
    sqs = client("sqs", endpoint)
    for queue in sorted(template.queues.values(), key=lambda queue: queue.dead_letters is not None):
        sqs.create_queue(QueueName=queue.name, Attributes=_attributes(queue))
    for name in template.of_type("AWS::S3::Bucket"):
        client("s3", endpoint).create_bucket(Bucket=bucket_name(name))
    client("sesv2", endpoint).create_email_identity(EmailIdentity=EMAIL_SENDER)


def references(template: Template, endpoint: str) -> dict[str, str]:
    """The environment variables that `!Ref` a queue or a bucket, with its URL or name in place of the logical id."""
    values = {name: queue_url(endpoint, name) for name in template.queues}
    values |= {name: bucket_name(name) for name in template.of_type("AWS::S3::Bucket")}
    variables = (item for function in template.functions.values() for item in function.variables.items())
    return {name: values[value] for name, value in variables if value in values}


def queue_url(endpoint: str, name: str) -> str:
    return f"{endpoint}/{ACCOUNT}/{name}"


def bucket_name(logical_id: str) -> str:
    """Names of buckets have no capital letters."""
    return f"boxoffice-{logical_id.lower()}"


def _attributes(queue: Queue) -> dict[str, str]:
    if not queue.dead_letters:
        return dict(queue.attributes)
    target = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue.dead_letters}"
    redrive = {"deadLetterTargetArn": target, "maxReceiveCount": queue.receives}
    return {**queue.attributes, "RedrivePolicy": json.dumps(redrive)}


def _first_value(properties: Mapping[str, Any]) -> str:
    """What a secret holds before anybody has put anything else into it."""
    return properties.get("SecretString") or _generate(properties.get("GenerateSecretString", {}))


def _generate(rules: Mapping[str, Any]) -> str:
    """A secret's first value, made as CloudFormation's GenerateSecretString does."""
    length = int(rules.get("PasswordLength", 32))
    password = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))
    if "GenerateStringKey" not in rules:
        return password
    return json.dumps(json.loads(rules["SecretStringTemplate"]) | {rules["GenerateStringKey"]: password})
