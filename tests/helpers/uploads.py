"""People who upload pictures, the worker that looks at them, and Cloudinary's API as a process."""

import json
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import boto3
import httpx
from PIL import Image

from tests.helpers.mailbox import batch
from tests.helpers.provider_servers import ProviderServer
from tests.helpers.support import Answer, Client, context, function

BUCKET = "media"


def picture(width: int = 64, height: int = 48, color: Any = (200, 100, 50), kind: str = "JPEG") -> bytes:
    """Return a file of one colour."""
    file = BytesIO()
    Image.new("RGB", (width, height), color).save(file, kind)
    return file.getvalue()


def ask(api: Client, organisation_id: UUID, account: UUID, size: int, content_type: str = "image/jpeg") -> Answer:
    """Ask for an upload."""
    body = {"organisation_id": str(organisation_id), "content_type": content_type, "size": size}
    return api.post("/v1/uploads", body, account=account)


def send(form: dict[str, Any], content: bytes) -> httpx.Response:
    """Send a form as a browser does: its fields, then the file."""
    return httpx.post(form["url"], data=form["fields"], files={form["file_field"]: ("a b.jpg", content, "image/jpeg")})


def record_of(*upload_ids: UUID | str) -> str:
    """Return the body of a record that S3 puts on the queue.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    objects = [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": f"uploads/{each}"}}} for each in upload_ids]
    return json.dumps({"Records": objects})


def look(*bodies: str) -> list[str]:
    """Hand records to the worker as its queue does. Return those that it reports as failed."""
    with_time = SimpleNamespace(**vars(context("check_uploads")) | {"get_remaining_time_in_millis": lambda: 60_000})
    answer = function("check_uploads").handler(batch(*bodies), with_time)
    return [bodies[int(item["itemIdentifier"])] for item in answer["batchItemFailures"]]


def stored(upload_id: UUID | str) -> set[str]:
    """Return the keys of all that lies in the bucket of an upload."""
    s3 = boto3.client("s3")
    prefixes = (f"uploads/{upload_id}", f"pictures/{upload_id}/")
    found = [s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []) for prefix in prefixes]
    return {each["Key"] for contents in found for each in contents}


class Cloudinary(ProviderServer):
    """A stub of Cloudinary's API."""

    def __init__(self) -> None:
        super().__init__("cloudinary")
