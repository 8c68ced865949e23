"""Events of SES, in the shapes of AWS's documentation.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html
"""

import json
from typing import Any
from uuid import UUID


def mail(address: str, message: UUID | None, *more: str) -> dict[str, Any]:
    """Return what each event says of its email."""
    tags = {"ses:configuration-set": ["ConfigSet"], "ses:source-ip": ["192.0.2.0"], "ses:from-domain": ["example.com"]}
    return {
        "timestamp": "2017-08-05T00:40:02.012Z",
        "source": "Sender Name <sender@example.com>",
        "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/sender@example.com",
        "sendingAccountId": "123456789012",
        "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
        "destination": [address, *more],
        "headersTruncated": False,
        "headers": [{"name": "From", "value": "Sender Name <sender@example.com>"}],
        "commonHeaders": {"from": ["Sender Name <sender@example.com>"], "to": [address], "subject": "Message sent"},
        "tags": tags | ({"outbox_id": [str(message)]} if message else {}),
    }


def bounce(
    address: str,
    message: UUID | None = None,
    *,
    kind: str = "Permanent",
    subkind: str = "General",
    at: str = "2017-08-05T00:41:02.669Z",
    diagnostic: str | None = "smtp; 550 5.1.1 user unknown",
) -> str:
    """Return the event of a bounce. Without a diagnostic it has no delivery status, as an automatic answer has none."""
    status = {"action": "failed", "status": "5.1.1", "diagnosticCode": diagnostic} if diagnostic else {}
    event = {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": subkind,
            "bouncedRecipients": [{"emailAddress": address, **status}],
            "timestamp": at,
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
            "reportingMTA": "dsn; mta.example.com",
        },
        "mail": mail(address, message),
    }
    return json.dumps(event)


def complaint(
    address: str, message: UUID | None = None, *, kind: str | None = "abuse", at: str = "2017-08-05T00:41:02.669Z"
) -> str:
    """Return the event of a complaint."""
    event = {
        "eventType": "Complaint",
        "complaint": {
            "complainedRecipients": [{"emailAddress": address}],
            "timestamp": at,
            "feedbackId": "01000157c44f917b-1bf03d71-9236-11e6-a711-d3411example-000000",
            "userAgent": "Amazon SES Mailbox Simulator",
            **({"complaintFeedbackType": kind} if kind else {}),
            "arrivalDate": at,
        },
        "mail": mail(address, message),
    }
    return json.dumps(event)
