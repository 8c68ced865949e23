"""The AWS services of the local stack: moto's server, in which each start makes what the template declares.

Resources have the template's logical ids as names, which is what SAM puts where the template says `!Ref`.
"""

from __future__ import annotations

import json
import os
import secrets
import string
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from local.stack.account import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY, queue_arn
from local.stack.objects import restore_objects
from local.stack.processes import Part
from local.stack.sam import Queue, Template
from local.stack.state import State

START_SECONDS = 30


def client(service: str, endpoint: str) -> Any:
    """Return a boto3 client for the local services. It reads none of the developer's own profiles."""
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


def start(state: State, host: str, port: int, template: Template, url: str) -> Part:
    """Start the server. Do not wait for it.

    Args:
        template: says which functions rotate secrets, and which queues hear of emails.
        url: the address of the gateway, which runs these functions.
    """
    schedules = template.of_type("AWS::SecretsManager::RotationSchedule").values()
    functions = {each["SecretId"]: each["RotationLambdaARN"].rpartition(":")[2] for each in schedules}
    queues = feedback_queues(template)
    arguments = [host, str(port), str(state.folder), url, json.dumps(functions), json.dumps(queues)]
    command = [sys.executable, "-m", "local.stack.aws_server", *arguments]
    return Part("AWS services", command, log=state.logs / "aws.log")


def feedback_queues(template: Template) -> list[str]:
    """Return the queues that SES tells what becomes of emails: by a topic that they subscribe to."""
    destinations = template.of_type("AWS::SES::ConfigurationSetEventDestination").values()
    topics = {each["EventDestination"].get("SnsDestination", {}).get("TopicARN") for each in destinations}
    subscriptions = template.of_type("AWS::SNS::Subscription").values()
    return [
        each["Endpoint"].rpartition(":")[2]
        for each in subscriptions
        if each["Protocol"] == "sqs" and each["TopicArn"] in topics
    ]


def wait(part: Part, endpoint: str) -> None:
    """Wait until the server answers.

    Raises:
        RuntimeError: it ended, or took too long.
    """
    part.wait_until(partial(_answers, endpoint + "/moto-api/"), START_SECONDS)


def prepare(
    template: Template,
    endpoint: str,
    state: State,
    email_senders: Iterable[str],
    fields: Mapping[str, Mapping[str, str]],
) -> None:
    """Make the template's secrets, queues and buckets, and let the senders send emails.

    Args:
        fields: more fields of secrets, by the secret's name.
    """
    for name, properties in template.of_type("AWS::SecretsManager::Secret").items():
        value = state.secret(name, partial(_first_value, properties))
        if name in fields:
            value = json.dumps(json.loads(value) | dict(fields[name]))
        client("secretsmanager", endpoint).create_secret(Name=name, SecretString=value)
    sqs = client("sqs", endpoint)
    for queue in sorted(template.queues.values(), key=lambda queue: queue.dead_letters is not None):
        sqs.create_queue(QueueName=queue.name, Attributes=_attributes(queue))
    for name, properties in template.of_type("AWS::S3::Bucket").items():
        _make_bucket(client("s3", endpoint), bucket_name(name), properties, state)
    for sender in email_senders:
        client("sesv2", endpoint).create_email_identity(EmailIdentity=sender)


def _make_bucket(s3: Any, name: str, properties: Mapping[str, Any], state: State) -> None:
    """Make a bucket with the objects of earlier runs. Queues are told of new ones alone."""
    s3.create_bucket(Bucket=name)
    restore_objects(state, s3, name)
    configured = (properties.get("NotificationConfiguration") or {}).get("QueueConfigurations", [])
    told = [
        {
            "QueueArn": queue_arn(each["Queue"].rpartition(":")[2]),
            "Events": [each["Event"]],
            "Filter": {"Key": {"FilterRules": each.get("Filter", {}).get("S3Key", {}).get("Rules", [])}},
        }
        for each in configured
    ]
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"QueueConfigurations": told})


def references(template: Template, endpoint: str) -> dict[str, str]:
    """Return the environment variables that `!Ref` a queue or a bucket, with its URL or name as the value."""
    values = {name: queue_url(endpoint, name) for name in template.queues}
    values |= {name: bucket_name(name) for name in template.of_type("AWS::S3::Bucket")}
    variables = (item for function in template.functions.values() for item in function.variables.items())
    return {name: values[value] for name, value in variables if value in values}


def queue_url(endpoint: str, name: str) -> str:
    """Return the URL of a queue."""
    return f"{endpoint}/{ACCOUNT}/{name}"


def bucket_name(logical_id: str) -> str:
    """Return the name of a bucket, in lower case, as S3 wants it."""
    return f"local-{logical_id.lower()}"


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


def _attributes(queue: Queue) -> dict[str, str]:
    if not queue.dead_letters:
        return dict(queue.attributes)
    redrive = {"deadLetterTargetArn": queue_arn(queue.dead_letters), "maxReceiveCount": queue.receives}
    return {**queue.attributes, "RedrivePolicy": json.dumps(redrive)}


def _first_value(properties: Mapping[str, Any]) -> str:
    """Return the value with which a secret is made."""
    return properties.get("SecretString") or _generate(properties.get("GenerateSecretString", {}))


def _generate(rules: Mapping[str, Any]) -> str:
    """Make a secret's first value as CloudFormation's GenerateSecretString does."""
    length = int(rules.get("PasswordLength", 32))
    password = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))
    if "GenerateStringKey" not in rules:
        return password
    return json.dumps(json.loads(rules["SecretStringTemplate"]) | {rules["GenerateStringKey"]: password})
