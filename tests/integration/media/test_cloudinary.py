"""Pictures that lie at Cloudinary. The stub judges signatures with Cloudinary's own library."""

import hashlib
import json
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from cloudinary.utils import api_sign_request

from boxoffice import config
from boxoffice.media import cloudinary
from tests.helpers.cloudinary_server import ACCOUNT
from tests.helpers.provider_servers import put_account
from tests.helpers.support import Client
from tests.helpers.uploads import Cloudinary, ask, look, picture, send


@pytest.fixture(scope="module")
def server() -> Iterator[Cloudinary]:
    server = Cloudinary()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def there(api: Client, server: Cloudinary, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let new pictures lie at the stub."""
    monkeypatch.setenv("PICTURE_STORAGE", "cloudinary")
    config.settings.cache_clear()
    put_account("cloudinary", ACCOUNT | {"url": server.url})
    server.reset()
    yield
    config.forget_secrets()


def our_record(upload_id: str) -> str:
    return json.dumps({"upload_id": upload_id})


def test_signatures_are_as_cloudinary_documents_them() -> None:
    """The example of https://cloudinary.com/documentation/authentication_signatures, there with SHA-1."""
    fields = {"timestamp": "1315060510", "public_id": "sample_image", "eager": "w_400,h_300,c_pad|w_260,h_200,c_crop"}
    text = "eager=w_400,h_300,c_pad|w_260,h_200,c_crop&public_id=sample_image&timestamp=1315060510abcd"

    assert hashlib.sha1(text.encode()).hexdigest() == "bfd09f95f331f558cbd1320e67aa8d488770583e"
    assert cloudinary.sign(fields, "abcd") == hashlib.sha256(text.encode()).hexdigest()
    assert cloudinary.sign(fields, "abcd") == api_sign_request(fields, "abcd", algorithm="sha256")


def test_a_picture_from_the_form_to_its_sizes(
    api: Client, organisation: UUID, manager: UUID, server: Cloudinary
) -> None:
    content = picture(1000, 500)
    asked = ask(api, organisation, manager, len(content)).json
    assert look(our_record(asked["id"])) == [], "nothing has come yet"
    assert api.get(f"/v1/uploads/{asked['id']}", account=manager).json["status"] == "pending"

    assert send(asked["form"], content).status_code == 200
    assert look(our_record(asked["id"])) == []

    shown = api.get(f"/v1/uploads/{asked['id']}", account=manager).json["picture"]
    base = "https://res.cloudinary.com/demo/image/upload/c_limit"
    name = f"v1712/boxoffice-{asked['id']}"
    assert shown["sizes"][0] == {
        "width": 320,
        "height": 160,
        "webp": f"{base},f_webp,w_320/{name}.webp",
        "jpeg": f"{base},f_jpg,w_320/{name}.jpg",
    }
    assert [size["width"] for size in shown["sizes"]] == [320, 640, 1000]
    uploaded = next(each["fields"] for each in server.take_requests() if each["path"].endswith("/upload"))
    assert uploaded["transformation"] == "c_limit,h_4000,w_4000", "the file that came, with its places, is not kept"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("public_id", "another"),
        ("allowed_formats", "svg"),
        ("overwrite", "true"),
        ("transformation", ""),
        ("tags", "x"),
    ],
)
def test_no_other_form_is_signed(api: Client, organisation: UUID, manager: UUID, field: str, value: str) -> None:
    form = ask(api, organisation, manager, 1000).json["form"]

    changed = form | {"fields": form["fields"] | {field: value}}

    assert send(changed, picture()).status_code == 401


def test_a_form_is_good_for_one_picture_of_three_formats(api: Client, organisation: UUID, manager: UUID) -> None:
    asked = ask(api, organisation, manager, 1000).json

    assert send(asked["form"], picture(kind="GIF")).status_code == 400
    assert send(asked["form"], picture(64, 48)).json()["width"] == 64
    assert send(asked["form"], picture(100, 48)).json()["width"] == 64


def test_what_nothing_shows_is_deleted_there_too(
    api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, server: Cloudinary
) -> None:
    asked = ask(api, organisation, manager, 1000).json
    send(asked["form"], picture())
    look(our_record(asked["id"]))
    conn.execute("UPDATE uploads SET status = 'removing'")
    server.take_requests()

    assert look(our_record(asked["id"])) == []

    (request,) = server.take_requests()
    assert (request["path"], request["fields"]) == (
        "/v1_1/demo/image/destroy",
        {"public_id": f"boxoffice-{asked['id']}", "invalidate": "true"},
    )
    assert conn.execute("SELECT count(*) FROM uploads").fetchone() == (0,)


@pytest.mark.parametrize("mode", ["error", "html", "nonsense"])
def test_while_cloudinary_fails_the_upload_waits(
    api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, server: Cloudinary, mode: str
) -> None:
    asked = ask(api, organisation, manager, 1000).json
    send(asked["form"], picture())
    server.set_mode(mode)
    record = our_record(asked["id"])

    assert look(record) == [record]
    assert conn.execute("SELECT status FROM uploads").fetchone() == ("pending",)
    server.set_mode("works")
    assert look(record) == []
    assert conn.execute("SELECT status FROM uploads").fetchone() == ("ready",)


def test_what_never_came_is_refused(api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID) -> None:
    asked = ask(api, organisation, manager, 1000).json
    conn.execute("UPDATE uploads SET created_at = created_at - interval '61 minutes'")

    look(our_record(asked["id"]))

    assert conn.execute("SELECT status, refusal FROM uploads").fetchone() == ("refused", "absent")
