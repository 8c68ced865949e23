"""Amazon SES, through one client for each execution environment."""

from functools import cache
from typing import Any

from boxoffice.config import settings
from boxoffice.messaging.errors import Throttled
from boxoffice.messaging.feedback import TAG
from boxoffice.messaging.models import Email

_THROTTLED = {"TooManyRequestsException", "LimitExceededException", "ThrottlingException"}


def send(email: Email) -> str:
    """Send an email through SES, and return the id that SES gives it.

    The configuration set says where SES tells what becomes of it. The tag comes back with that.

    SES can take an email and fail to answer. Then it is sent again, and arrives twice.

    Raises:
        Throttled: the account cannot send more for now.
        botocore.exceptions.ClientError, BotoCoreError: SES refuses the email, or does not answer.
    """
    from botocore.exceptions import ClientError

    try:
        answer = _client().send_email(
            Destination={"ToAddresses": [email.recipient]},  # so that the headers do not decide who gets it
            Content={"Raw": {"Data": email.raw}},
            EmailTags=[{"Name": TAG, "Value": str(email.message_id)}],
            **_configuration_set(),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in _THROTTLED:
            raise Throttled(str(error)) from error
        raise
    return str(answer["MessageId"])


def _configuration_set() -> dict[str, str]:
    name = settings().email_configuration_set
    return {"ConfigurationSetName": name} if name else {}


@cache
def _client() -> Any:
    import boto3
    from botocore.config import Config

    # One attempt, seven seconds at most (rules.SECONDS_TO_SEND): the outbox tries again.
    return boto3.client(
        "sesv2", config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1, "mode": "standard"})
    )
