"""SES's mailbox simulator: emails to its addresses come back, or their reader complains, as on AWS.

`bounce@simulator.amazonses.com` does not exist, `suppressionlist@…` is known to SES as such, `complaint@…` calls each
email spam, and `ooto@…` answers with a holiday notice. A label may follow, such as `bounce+1@…`. The events go to the
queues that the template leads those of SES to.
https://docs.aws.amazon.com/ses/latest/DeveloperGuide/mailbox-simulator.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any
from uuid import uuid4

from moto.sesv2.responses import SESV2Response
from moto.sqs.models import sqs_backends

from local.stack.account import ACCOUNT, REGION

_DOMAIN = "simulator.amazonses.com"
_FAILED = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}


def tell(queues: Sequence[str]) -> None:
    """Let moto's SES tell these queues what becomes of emails to the simulator."""
    SESV2Response.send_email = _told(SESV2Response.send_email, queues)  # type: ignore[assignment, method-assign]


def _told(send: Callable[[SESV2Response], str], queues: Sequence[str]) -> Callable[[SESV2Response], str]:
    @wraps(send)
    def wrapper(response: SESV2Response) -> str:
        answer = send(response)
        call = json.loads(response.body)
        for body in events_of(call, json.loads(answer)["MessageId"]):
            for queue in queues:
                sqs_backends[ACCOUNT][REGION].send_message(queue, body)
        return answer

    return wrapper


def events_of(call: Mapping[str, Any], message_id: str) -> Iterable[str]:
    """Yield what SES tells of an email: an event for each address of the simulator that it goes to."""
    addresses = call["Destination"].get("ToAddresses", [])
    for address in addresses:
        name, _, domain = address.lower().rpartition("@")
        if domain == _DOMAIN and (told := _told_of(name.partition("+")[0], address)):
            tags = {tag["Name"]: [tag["Value"]] for tag in call.get("EmailTags", [])}
            mail = {"timestamp": _now(), "messageId": message_id, "destination": addresses, "tags": tags}
            yield json.dumps({**told, "mail": mail})


def _told_of(name: str, address: str) -> dict[str, Any]:
    """Return what SES tells of an email to one of the simulator's mailboxes. Nothing if it arrives there."""
    match name:
        case "bounce":
            return _bounce("Permanent", "General", {"emailAddress": address, **_FAILED})
        case "suppressionlist":
            return _bounce("Permanent", "Suppressed", {"emailAddress": address, "action": "failed"})
        case "ooto":
            return _bounce("Transient", "General", {"emailAddress": address})
        case "complaint":
            recipients = [{"emailAddress": address}]
            facts = {"complainedRecipients": recipients, "complaintFeedbackType": "abuse", **_of_feedback()}
            return {"eventType": "Complaint", "complaint": facts}
    return {}


def _bounce(kind: str, subkind: str, recipient: Mapping[str, str]) -> dict[str, Any]:
    facts = {"bounceType": kind, "bounceSubType": subkind, "bouncedRecipients": [recipient], **_of_feedback()}
    return {"eventType": "Bounce", "bounce": facts}


def _of_feedback() -> dict[str, str]:
    return {"feedbackId": str(uuid4()), "timestamp": _now()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
