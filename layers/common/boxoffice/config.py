"""Settings from the environment and secrets from Secrets Manager. They are read on first use, never at import."""

import json
import logging
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Literal
from urllib.parse import quote

from boxoffice.errors import Busy

logger = logging.getLogger(__name__)

_SECRET_LIFETIME = 300.0  # seconds for which a secret is cached, so a rotation is noticed after that
_FRESH_LIFETIME = 10.0  # the same for a caller who wants a fresh one
_MOST_ABSENT = 10_000  # names of secrets that do not exist, which are remembered


@dataclass(frozen=True)
class Settings:
    """The settings of a deployment, from the environment variables in `template.yaml`, Globals."""

    stage: str
    database_url: str
    database_secret: str
    token_keys_secret: str
    ticket_keys_secret: str
    link_keys_secret: str
    code_keys_secret: str
    data_keys_secret: str
    edge_keys_secret: str
    email_queue_url: str
    refund_queue_url: str
    sms_queue_url: str
    webhook_queue_url: str
    export_queue_url: str
    files_bucket: str
    media_bucket: str
    upload_queue_url: str
    pictures_url: str
    picture_storage: Literal["s3", "cloudinary"]
    cloudinary_secret: str
    email_sender: str
    email_configuration_set: str
    sms_sender_id: str
    sms_origination_number: str
    sms_max_price: str
    public_url: str
    api_url: str
    hold: timedelta
    auto_approve_organisations: bool
    bcrypt_cost: int
    payment_providers: frozenset[str]
    block_disputed_tickets: bool
    google_log_in: bool
    google_client_secret: str
    verify_emails: bool
    challenge_provider: str
    challenge_site_key: str
    challenge_secret: str

    @property
    def site(self) -> str:
        """Return what people call the platform: as the sender of its emails is called."""
        from email.utils import parseaddr

        return parseaddr(self.email_sender)[0] or "Boxoffice"


@cache
def settings() -> Settings:
    """Return the settings of this deployment."""
    env = os.environ
    return Settings(
        stage=env["STAGE"],
        database_url=env["DATABASE_URL"],
        database_secret=env.get("DATABASE_SECRET", ""),
        token_keys_secret=env["TOKEN_KEYS_SECRET"],
        ticket_keys_secret=env["TICKET_KEYS_SECRET"],
        link_keys_secret=env["LINK_KEYS_SECRET"],
        code_keys_secret=env["CODE_KEYS_SECRET"],
        data_keys_secret=env["DATA_KEYS_SECRET"],
        edge_keys_secret=env["EDGE_KEYS_SECRET"],
        email_queue_url=env["EMAIL_QUEUE_URL"],
        refund_queue_url=env["REFUND_QUEUE_URL"],
        sms_queue_url=env["SMS_QUEUE_URL"],
        webhook_queue_url=env["WEBHOOK_QUEUE_URL"],
        export_queue_url=env["EXPORT_QUEUE_URL"],
        files_bucket=env["FILES_BUCKET"],
        media_bucket=env["MEDIA_BUCKET"],
        upload_queue_url=env["UPLOAD_QUEUE_URL"],
        pictures_url=env["PICTURES_URL"].rstrip("/"),
        picture_storage="cloudinary" if env["PICTURE_STORAGE"] == "cloudinary" else "s3",
        cloudinary_secret=env["CLOUDINARY_SECRET"],
        email_sender=env["EMAIL_SENDER"],
        email_configuration_set=env["EMAIL_CONFIGURATION_SET"],
        sms_sender_id=env["SMS_SENDER_ID"],
        sms_origination_number=env["SMS_ORIGINATION_NUMBER"],
        sms_max_price=env["SMS_MAX_PRICE"],
        public_url=env["PUBLIC_URL"].rstrip("/"),
        api_url=env.get("API_URL", "").rstrip("/"),  # for those who write emails alone
        hold=timedelta(minutes=float(env["HOLD_MINUTES"])),
        auto_approve_organisations=env["AUTO_APPROVE_ORGANISATIONS"] == "true",
        bcrypt_cost=int(env["BCRYPT_COST"]),
        payment_providers=frozenset(filter(None, env["PAYMENT_PROVIDERS"].split(","))),
        block_disputed_tickets=env["BLOCK_DISPUTED_TICKETS"] == "true",
        google_log_in=env["GOOGLE_LOG_IN"] == "true",
        google_client_secret=env["GOOGLE_CLIENT_SECRET"],
        verify_emails=env["VERIFY_EMAILS"] == "true",
        challenge_provider=env["CHALLENGE_PROVIDER"],
        challenge_site_key=env["CHALLENGE_SITE_KEY"],
        challenge_secret=env["CHALLENGE_SECRET"],
    )


def provider_secret(provider: str) -> str:
    """Return the id of the deployment's secret for a payment provider."""
    return os.environ[f"{provider.upper()}_SECRET"]


def conninfo(url: str, secret_id: str, *, fresh: bool = False) -> str:
    """Return the URL with the user and password of a secret in it; without a secret id, the URL as it is."""
    if not secret_id:
        return url
    return log_in(url, secret(secret_id, fresh=fresh))


def log_in(url: str, login: Mapping[str, str]) -> str:
    """Return the URL with a user and a password in it."""
    return url.replace("://", f"://{quote(login['username'], safe='')}:{quote(login['password'], safe='')}@", 1)


def owner_conninfo() -> str:
    """Return how the owner of the database connects. Only the functions of the deployment itself may do that."""
    own = os.environ.get("DATABASE_OWNER_URL")
    return own or conninfo(settings().database_url, os.environ["OWNER_SECRET"])


_secrets: dict[str, tuple[float, dict[str, str]]] = {}
_refused_fresh: dict[str, float] = {}  # when a fresh one could not be read
_absent: dict[str, float] = {}  # when there was none, the earliest first


def secret(secret_id: str, *, fresh: bool = False) -> dict[str, str]:
    """Return the fields of a secret. They are cached for five minutes.

    If they cannot be read again then, those in hand stay for ten seconds more, and so on until they can be read.

    Args:
        fresh: cache them for ten seconds only, and do not return older ones. Anybody can make us ask, with a token that
            names a key which does not exist. So a failure lasts for ten seconds, too.

    Raises:
        Busy: Secrets Manager does not answer, and there are none in hand; or the caller wants fresh ones.
        NoSuchSecret: the secret does not exist, or not any more.
    """
    now = time.monotonic()
    read_at, value = _secrets.get(secret_id, (None, {}))
    if read_at is not None and now - read_at <= (_FRESH_LIFETIME if fresh else _SECRET_LIFETIME):
        return value
    if fresh and now - _refused_fresh.get(secret_id, -math.inf) <= _FRESH_LIFETIME:
        raise Busy
    try:
        value = _read(secret_id)
    except NoSuchSecret:
        _secrets.pop(secret_id, None)
        raise
    except Busy:
        if fresh:
            _refused_fresh[secret_id] = now
        if fresh or not value:
            raise
        logger.warning("a secret cannot be read again; the one in hand stays", exc_info=True)
        now -= _SECRET_LIFETIME - _FRESH_LIFETIME
    _secrets[secret_id] = (now, value)
    return value


def optional_secret(secret_id: str, *, fresh: bool = False) -> dict[str, str] | None:
    """Return the fields of a secret, or None if it does not exist. Both are cached as `secret` does.

    What does not exist is remembered apart. So however many such names people ask for, no secret leaves the cache.

    Raises:
        Busy: Secrets Manager does not answer.
    """
    now = time.monotonic()
    if now - _absent.get(secret_id, -math.inf) <= (_FRESH_LIFETIME if fresh else _SECRET_LIFETIME):
        return None
    _absent.pop(secret_id, None)
    try:
        return secret(secret_id, fresh=fresh) or None
    except NoSuchSecret:
        if len(_absent) >= _MOST_ABSENT:
            del _absent[next(iter(_absent))]
        _absent[secret_id] = now
        return None


def forget_secrets() -> None:
    """Empty the cache, so that the next use of a secret reads it again."""
    for remembered in (_secrets, _refused_fresh, _absent):
        remembered.clear()


class NoSuchSecret(Busy):
    """There is no secret of this id. It is `Busy` where the secret is needed: somebody has to make it first."""


def _read(secret_id: str) -> dict[str, str]:
    """Return the fields of a secret from Secrets Manager.

    Raises:
        Busy: it does not answer, or what is stored there is no object of fields.
    """
    try:
        value = json.loads(_fetch(secret_id))
    except ValueError as error:
        raise Busy from error
    if not isinstance(value, dict):
        raise Busy
    return value


def _fetch(secret_id: str) -> str:
    """Return the text of a secret, from the Parameters and Secrets extension or by boto3.

    The extension saves a cold start the 150 ms that boto3 takes. Only Lambda has it.
    """
    port = os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
    try:
        return _fetch_from_extension(secret_id, int(port)) if port else _fetch_from_aws(secret_id)
    except OSError as error:
        raise Busy from error


def _fetch_from_extension(secret_id: str, port: int) -> str:
    from http.client import HTTPConnection

    connection = HTTPConnection("localhost", port, timeout=5)
    connection.request(
        "GET",
        f"/secretsmanager/get?secretId={quote(secret_id, safe='')}",
        headers={"X-Aws-Parameters-Secrets-Token": os.environ["AWS_SESSION_TOKEN"]},
    )
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200 and b"ResourceNotFoundException" in body:
        raise NoSuchSecret
    if response.status != 200:
        raise OSError(f"the secrets extension answered {response.status}")
    return str(json.loads(body)["SecretString"])


def _fetch_from_aws(secret_id: str) -> str:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id, VersionStage="AWSCURRENT")
        return str(answer["SecretString"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise NoSuchSecret from error
        raise OSError(str(error)) from error
    except BotoCoreError as error:
        raise OSError(str(error)) from error
