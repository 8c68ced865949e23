"""The versions of a secret in Secrets Manager, for those who change it. Readers use `boxoffice.config`.

A version has labels: AWSCURRENT is what readers get, AWSPENDING what a rotation is making. No version ever changes. So
whoever changes a secret writes a new version and then moves AWSCURRENT from the version that they have read. That fails
if another one has become current meanwhile.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"


@dataclass(frozen=True)
class Version:
    """A version of a secret, with its fields."""

    id: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Versions:
    """What Secrets Manager says of a secret without its values.

    Attributes:
        labels: the labels of each version, by its id.
        rotated_at: when the last rotation ended; None if there was none.
    """

    labels: dict[str, list[str]]
    rotated_at: datetime | None


class ChangedMeanwhile(Exception):
    """Another version has become current."""


def versions_of(secret_id: str) -> Versions:
    """Return the versions of a secret."""
    answer = _client().describe_secret(SecretId=secret_id)
    return Versions(answer.get("VersionIdsToStages", {}), answer.get("LastRotatedDate"))


def current(secret_id: str) -> Version:
    """Return the version that readers get."""
    return _version(_client().get_secret_value(SecretId=secret_id, VersionStage=CURRENT))


def pending(secret_id: str, version_id: str) -> Version | None:
    """Return the version that a rotation is making, or None if it has no value yet."""
    from botocore.exceptions import ClientError

    try:
        return _version(_client().get_secret_value(SecretId=secret_id, VersionId=version_id, VersionStage=PENDING))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise


def put(secret_id: str, version_id: str, fields: dict[str, str], label: str) -> None:
    """Write a version. If there is one of this id, it stays as it is."""
    from botocore.exceptions import ClientError

    try:
        _client().put_secret_value(
            SecretId=secret_id, ClientRequestToken=version_id, SecretString=json.dumps(fields), VersionStages=[label]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceExistsException":
            raise


def make_current(secret_id: str, version_id: str, *, replaced: str) -> None:
    """Let readers get a version.

    Args:
        replaced: the version that was current when the new one was made.

    Raises:
        ChangedMeanwhile: another one is current by now.
    """
    from botocore.exceptions import ClientError

    try:
        _client().update_secret_version_stage(
            SecretId=secret_id, VersionStage=CURRENT, MoveToVersionId=version_id, RemoveFromVersionId=replaced
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in {"InvalidParameterException", "InvalidRequestException"}:
            raise ChangedMeanwhile from error
        raise


def end_pending(secret_id: str, version_id: str) -> None:
    """Take the label of a rotation from its version, so that the next rotation can begin."""
    _client().update_secret_version_stage(SecretId=secret_id, VersionStage=PENDING, RemoveFromVersionId=version_id)


def new_key() -> str:
    """Return a random key of 64 characters, with 384 bits of entropy."""
    return secrets.token_urlsafe(48)


def _version(answer: dict[str, Any]) -> Version:
    return Version(answer["VersionId"], json.loads(answer["SecretString"]))


@cache
def _client() -> Any:
    import boto3

    return boto3.client("secretsmanager")
