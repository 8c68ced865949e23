"""Objects in moto's S3. Links are opened by a plain client, as a browser does."""

import io
import json
import tracemalloc
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from boxoffice import storage

BUCKET = "files"


@pytest.fixture(autouse=True)
def client(aws_url: str) -> Iterator[None]:
    storage._s3.cache_clear()
    yield
    storage._s3.cache_clear()


@pytest.fixture
def key() -> str:
    return f"tests/{uuid4()}"


def test_an_object_comes_back_as_it_was_put(key: str) -> None:
    storage.put(BUCKET, key, b"content", "text/csv", cache_control="max-age=60")

    assert storage.get(BUCKET, key, 100) == b"content"
    assert storage.head(BUCKET, key) == storage.StoredObject(7, "text/csv")
    assert boto3.client("s3").head_object(Bucket=BUCKET, Key=key)["CacheControl"] == "max-age=60"


def test_a_file_is_put_as_it_is_read(key: str) -> None:
    storage.put(BUCKET, key, io.BytesIO(b"content"), "text/csv")

    assert storage.get(BUCKET, key, 100) == b"content"


def test_what_is_too_long_comes_back_with_one_byte_more(key: str) -> None:
    storage.put(BUCKET, key, b"12345", "text/plain")

    assert storage.get(BUCKET, key, 3) == b"1234"
    assert storage.get(BUCKET, key, 5) == b"12345"


def test_what_is_not_there_is_none(key: str) -> None:
    assert storage.get(BUCKET, key, 1) is None
    assert storage.head(BUCKET, key) is None
    assert not storage.is_up(BUCKET, f"no-{uuid4()}")
    assert storage.is_up(BUCKET, "media")


def test_a_refusal_is_not_an_absence(key: str) -> None:
    boto3.client("s3").put_bucket_policy(
        Bucket=BUCKET,
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
                ],
            }
        ),
    )
    try:
        with pytest.raises(ClientError):
            storage.head(BUCKET, key)
    finally:
        boto3.client("s3").delete_bucket_policy(Bucket=BUCKET)


def test_deleted_objects_are_gone_and_others_stay(key: str) -> None:
    storage.put(BUCKET, key, b"1", "text/plain")
    storage.put(BUCKET, f"{key}-other", b"2", "text/plain")

    storage.delete(BUCKET, [key, f"{key}-absent"])

    assert storage.head(BUCKET, key) is None
    assert storage.head(BUCKET, f"{key}-other") is not None


class TestWriting:
    def test_the_parts_are_one_object(self, key: str) -> None:
        with storage.writing(BUCKET, key, "text/csv") as file:
            for number in range(5):
                file.write(bytes([number]) * (4 << 20))

        content = storage.get(BUCKET, key, 30 << 20)
        assert content == b"".join(bytes([number]) * (4 << 20) for number in range(5))
        assert storage.head(BUCKET, key) == storage.StoredObject(20 << 20, "text/csv")

    def test_an_empty_object_is_an_object(self, key: str) -> None:
        with storage.writing(BUCKET, key, "text/csv"):
            pass

        assert storage.get(BUCKET, key, 1) == b""

    def test_after_an_error_nothing_is_there(self, key: str) -> None:
        def fail() -> None:
            with storage.writing(BUCKET, key, "text/csv") as file:
                file.write(b"1" * (9 << 20))
                raise KeyError

        with pytest.raises(KeyError):
            fail()

        assert storage.head(BUCKET, key) is None
        uploads = boto3.client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        assert [each for each in uploads if each["Key"] == key] == []

    def test_the_memory_is_that_of_some_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """64 MB go through. A part has 8 MB; one is filled, and one is sent."""
        monkeypatch.setattr(storage.Writer, "_send", lambda *_: None)
        monkeypatch.setattr(storage.Writer, "complete", lambda *_: None)
        tracemalloc.start()
        with storage.writing(BUCKET, "tests/long", "text/csv") as file:
            for _ in range(1024):
                file.write(b"1" * (1 << 16))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 40 << 20


class TestLink:
    @pytest.mark.parametrize("name", ["guests.csv", "مهمان‌ها.csv", 'a"b;\r\nc.csv'])
    def test_a_browser_downloads_the_object_under_its_name(self, key: str, name: str) -> None:
        storage.put(BUCKET, key, b"content", "text/csv")

        answer = httpx.get(storage.link(BUCKET, key, name, 600))

        assert (answer.status_code, answer.content) == (200, b"content")
        header = Message()
        header["content-disposition"] = answer.headers["content-disposition"]
        assert (header.get_content_disposition(), header.get_filename()) == ("attachment", name)

    def test_it_ends(self) -> None:
        query = parse_qs(urlsplit(storage.link(BUCKET, "a", "a.csv", 600)).query)

        assert query["X-Amz-Expires"] == ["600"]
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


class TestForm:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html"""

    def test_its_policy_names_each_field_and_the_size(self) -> None:
        form = storage.form("media", "uploads/1", "image/png", 1234, 600)

        policy = json.loads(b64decode(form.fields["policy"]))
        conditions = policy["conditions"]
        equal = {name: value for each in conditions if isinstance(each, dict) for name, value in each.items()}
        sent = {name: value for name, value in form.fields.items() if name not in ("policy", "x-amz-signature")}
        assert equal == sent | {"bucket": "media"}, "S3 refuses a field that no condition names"
        assert [each for each in conditions if isinstance(each, list)] == [["content-length-range", 1234, 1234]]
        assert (equal["key"], equal["Content-Type"]) == ("uploads/1", "image/png")
        ends = datetime.fromisoformat(policy["expiration"])
        assert 590 < (ends - datetime.now(UTC)).total_seconds() <= 600

    def test_a_browser_uploads_by_it(self, key: str) -> None:
        form = storage.form("media", key, "image/png", 7, 600)

        answer = httpx.post(form.url, data=form.fields, files={"file": ("a.png", b"content", "image/png")})

        assert answer.status_code == 204, answer.text
        assert storage.get("media", key, 100) == b"content"
