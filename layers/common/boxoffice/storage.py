"""Objects in buckets (S3): what jobs write, what people download by a link, and what they upload by a signed form.

A link or a form is signed here, without a call. It ends with its time, or with the credentials of this environment if
these end earlier.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import batched
from typing import Any, BinaryIO
from urllib.parse import quote

_PART = 8 << 20  # bytes; S3 takes 5 MB at least, but for the last one, and 10,000 parts
_BATCH = 1000  # as many objects as S3 deletes at once


@dataclass(frozen=True)
class StoredObject:
    """What S3 says of an object.

    Attributes:
        content_type: what whoever wrote the object said, which nobody has checked.
    """

    size: int
    content_type: str


@dataclass(frozen=True)
class Form:
    """A form that uploads one file: the browser sends the fields to the address, then the field ``file``."""

    url: str
    fields: dict[str, str]


class Writer:
    """Writes an object in parts, so that it needs the memory of one part, however long the object is."""

    def __init__(self, bucket: str, key: str, upload_id: str) -> None:
        self._names: Any = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        self._pending = bytearray()
        self._parts: list[Any] = []

    def write(self, content: bytes) -> None:
        """Append to the object."""
        self._pending += content
        while len(self._pending) > _PART:
            self._send(bytes(self._pending[:_PART]))
            del self._pending[:_PART]

    def complete(self) -> None:
        """Send what is left, and make the object."""
        self._send(bytes(self._pending))
        _s3().complete_multipart_upload(**self._names, MultipartUpload={"Parts": self._parts})

    def abort(self) -> None:
        """Drop all parts."""
        _s3().abort_multipart_upload(**self._names)

    def _send(self, content: bytes) -> None:
        number = len(self._parts) + 1
        answer = _s3().upload_part(**self._names, PartNumber=number, Body=content)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})


@contextmanager
def writing(bucket: str, key: str, content_type: str) -> Iterator[Writer]:
    """Yield what writes an object. It is there once the block has ended, and is not if the block raises.

    If the process dies, the parts stay until the bucket's lifecycle drops them, a day later.
    """
    upload = _s3().create_multipart_upload(Bucket=bucket, Key=key, ContentType=content_type)
    writer = Writer(bucket, key, upload["UploadId"])
    try:
        yield writer
        writer.complete()
    except BaseException:
        writer.abort()
        raise


def put(bucket: str, key: str, content: bytes | BinaryIO, content_type: str, *, cache_control: str = "") -> None:
    """Write an object whole, in place of the one that is there. A file is read as it is sent."""
    options: Any = {"CacheControl": cache_control} if cache_control else {}
    _s3().put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type, **options)


def head(bucket: str, key: str) -> StoredObject | None:
    """Return what S3 says of an object, or None if it is not there."""
    from botocore.exceptions import ClientError

    try:
        answer = _s3().head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":  # without a body, S3 does not say of what
            return None
        raise
    return StoredObject(answer["ContentLength"], answer.get("ContentType", ""))


def get(bucket: str, key: str, most: int) -> bytes | None:
    """Return the content of an object, or None if it is not there.

    Args:
        most: how many bytes are read. If the object is longer, one byte more comes back.
    """
    from botocore.exceptions import ClientError

    try:
        body = _s3().get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    with body:
        return bytes(body.read(most + 1))


def delete(bucket: str, keys: Sequence[str]) -> None:
    """Delete objects. It does no harm if some are not there.

    Raises:
        OSError: S3 has not deleted all of them.
    """
    for batch in batched(keys, _BATCH, strict=False):
        objects: Any = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
        if failed := _s3().delete_objects(Bucket=bucket, Delete=objects).get("Errors"):
            raise OSError(f"S3 has not deleted {len(failed)} objects: {failed[0].get('Code')}")


def link(bucket: str, key: str, filename: str, seconds: int) -> str:
    """Return a link by which anybody can download an object for some time.

    Args:
        filename: the name under which browsers save it, in any script.
    """
    disposition = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
    names = {"Bucket": bucket, "Key": key, "ResponseContentDisposition": disposition}
    return str(_s3().generate_presigned_url("get_object", Params=names, ExpiresIn=seconds))


def form(bucket: str, key: str, content_type: str, size: int, seconds: int) -> Form:
    """Return a form by which anybody can upload one file for some time: of this key, this type and this size.

    The type is what the sender says. The content may be another one.

    Args:
        size: in bytes.
    """
    fields = {"Content-Type": content_type}
    conditions = [fields, ["content-length-range", size, size]]
    signed = _s3().generate_presigned_post(bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=seconds)
    return Form(signed["url"], signed["fields"])


def is_up(*buckets: str) -> bool:
    """Return True if S3 answers, and all buckets are there."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        for bucket in buckets:
            _s3().head_bucket(Bucket=bucket)
    except (BotoCoreError, ClientError):
        return False
    return True


@cache
def _s3() -> Any:
    """Return the client of this environment. Its addresses name the region, so that no link is redirected."""
    import boto3
    from botocore.config import Config

    retries: Any = {"total_max_attempts": 3, "mode": "standard"}
    addresses: Any = {"addressing_style": "virtual"}
    config = Config(signature_version="s3v4", s3=addresses, connect_timeout=2, read_timeout=10, retries=retries)
    return boto3.client("s3", config=config)
