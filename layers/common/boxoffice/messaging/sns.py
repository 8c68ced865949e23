"""Amazon SNS, through one client for each execution environment."""

from functools import cache
from typing import Any

from boxoffice.config import settings
from boxoffice.messaging.errors import SmsRefused, Throttled, Undeliverable
from boxoffice.messaging.models import Sms

_THROTTLED = {"Throttling", "ThrottlingException", "Throttled", "ThrottledException", "RequestLimitExceeded"}
_UNDELIVERABLE = {"OptedOut", "OptedOutException", "InvalidParameter", "ParameterValueInvalid", "ValidationException"}


def send(sms: Sms) -> str:
    """Send a text message through SNS, and return the id that SNS gives it.

    SNS can take a message and fail to answer. Then it is sent again, and arrives twice.

    Raises:
        Throttled: the account cannot send more for now.
        Undeliverable: the number has opted out, or SNS does not accept the number or the sender.
        SmsRefused: SNS refuses the message for another reason.
        botocore.exceptions.BotoCoreError: SNS does not answer.
    """
    from botocore.exceptions import ClientError

    try:
        answer = _client().publish(PhoneNumber=sms.recipient, Message=sms.text, MessageAttributes=_attributes())
    except ClientError as error:
        # The error names the phone number, so nothing of it may get into a log.
        reason = str(error).replace(sms.recipient, "the number")
        raise _kind_of(error.response["Error"]["Code"])(reason) from None
    return str(answer["MessageId"])


def _kind_of(code: str) -> type[Exception]:
    if code in _THROTTLED:
        return Throttled
    return Undeliverable if code in _UNDELIVERABLE else SmsRefused


def _attributes() -> dict[str, dict[str, str]]:
    """Return how to send: for a transaction, at most at the price of the settings, and from whom."""
    config = settings()
    texts = {
        "AWS.SNS.SMS.SMSType": "Transactional",
        "AWS.SNS.SMS.SenderID": config.sms_sender_id,
        "AWS.MM.SMS.OriginationNumber": config.sms_origination_number,
    }
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items() if text}
    return attributes | {"AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": config.sms_max_price}}


@cache
def _client() -> Any:
    import boto3
    from botocore.config import Config

    # One attempt, seven seconds at most (rules.SECONDS_TO_SEND): the outbox tries again.
    return boto3.client(
        "sns", config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1, "mode": "standard"})
    )
