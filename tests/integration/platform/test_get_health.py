"""GET /health"""

from collections.abc import Iterator

import pytest

from boxoffice import config, storage
from boxoffice.platform import service
from tests.helpers.support import Client


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Let each test ask S3 itself."""
    service._storage = None
    yield
    service._storage = None


def test_all_parts_are_up(api: Client) -> None:
    answer = api.get("/health")

    assert (answer.status, answer.json["status"]) == (200, "up")
    assert answer.json["database"]["state"] == answer.json["email"]["state"] == answer.json["storage"]["state"] == "up"


def test_without_a_bucket_the_rest_goes_on(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIA_BUCKET", "absent")
    config.settings.cache_clear()

    answer = api.get("/health")

    assert (answer.status, answer.json["status"], answer.json["storage"]) == (200, "delayed", {"state": "down"})


def test_ten_calls_ask_s3_once(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(storage, "is_up", lambda *buckets: bool(asked.append(buckets)) or True)

    for _ in range(10):
        api.get("/health")

    assert asked == [("files", "media")]
