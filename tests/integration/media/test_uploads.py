"""Uploads from the form to the picture that everybody sees, and what is refused or removed on the way."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import boto3
import httpx
import psycopg
import pytest
from PIL import Image

from boxoffice import config
from boxoffice.ids import new_id
from tests.helpers import factories
from tests.helpers.operations import event_request
from tests.helpers.support import Answer, Client, context, function
from tests.helpers.uploads import BUCKET, ask, look, picture, record_of, send, stored

DAYS = {"yesterday": timedelta(days=1, minutes=1), "an hour ago": timedelta(hours=1, minutes=1)}


def upload(api: Client, organisation: UUID, manager: UUID, content: bytes) -> str:
    """Upload a file as a browser does. Return the id of the upload."""
    asked = ask(api, organisation, manager, len(content)).json
    assert send(asked["form"], content).status_code == 204
    return str(asked["id"])


def get(api: Client, upload_id: UUID | str, manager: UUID) -> Answer:
    return api.get(f"/v1/uploads/{upload_id}", account=manager)


def let_pass(conn: psycopg.Connection, upload_id: UUID | str, time: str) -> None:
    """Let time pass for an upload."""
    conn.execute(
        "UPDATE uploads SET created_at = created_at - %(time)s, due_at = due_at - %(time)s WHERE id = %(id)s",
        {"time": DAYS[time], "id": upload_id},
    )


def review(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the job. Return the ids that it puts on the queue."""
    queue = boto3.client("sqs").create_queue(QueueName=f"uploads-{uuid4()}")["QueueUrl"]
    monkeypatch.setenv("UPLOAD_QUEUE_URL", queue)
    config.settings.cache_clear()
    assert function("review_uploads").handler({}, context())["units_failed"] == 0
    messages = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in messages]


def status_of(conn: psycopg.Connection, upload_id: UUID | str) -> tuple[Any, ...] | None:
    return conn.execute("SELECT status, refusal FROM uploads WHERE id = %s", [upload_id]).fetchone()


def test_a_picture_from_the_form_to_its_sizes(api: Client, organisation: UUID, manager: UUID) -> None:
    content = picture(1000, 500)

    upload_id = upload(api, organisation, manager, content)
    before = get(api, upload_id, manager).json
    assert look(record_of(upload_id)) == []
    after = get(api, upload_id, manager).json

    assert (before["status"], before["picture"], before["refusal"]) == ("pending", None, None)
    assert (after["status"], after["refusal"]) == ("ready", None)
    shown = after["picture"]
    assert (shown["id"], shown["width"], shown["height"], shown["color"]) == (upload_id, 1000, 500, "#c86432")
    assert [(size["width"], size["height"]) for size in shown["sizes"]] == [(320, 160), (640, 320), (1000, 500)]
    assert shown["url"] == shown["sizes"][-1]["jpeg"]
    keys = {url.removeprefix("https://pictures.example.com/") for size in shown["sizes"] for url in urls_of(size)}
    assert stored(upload_id) == keys, "the file that came is gone"
    for key in keys:
        answer = boto3.client("s3").get_object(Bucket=BUCKET, Key=key)
        kind = "image/webp" if key.endswith(".webp") else "image/jpeg"
        assert (answer["ContentType"], answer["CacheControl"]) == (kind, "public, max-age=31536000, immutable")
        assert f"-{Image.open(answer['Body']).width}." in key


def urls_of(size: dict[str, Any]) -> tuple[str, str]:
    return size["webp"], size["jpeg"]


class S3:
    """How S3 judges a form. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html

    moto stores whatever comes. So this judges a form by its policy, condition by condition.
    """

    UNCONDITIONED = frozenset({"policy", "x-amz-signature", "file"})

    def refuses(self, fields: dict[str, str], size: int, now: datetime) -> str:
        """Return why S3 refuses a form, or nothing."""
        policy = json.loads(b64decode(fields["policy"]))
        given = {name.lower(): value for name, value in fields.items()} | {"bucket": BUCKET}
        if now >= datetime.fromisoformat(policy["expiration"]):
            return "expired"
        conditioned: set[str] = set()
        for condition in policy["conditions"]:
            if isinstance(condition, dict):
                ((name, value),) = condition.items()
                condition = ["eq", f"${name}", value]
            kind, name, value = condition
            if kind == "content-length-range":
                if not name <= size <= value:
                    return "size"
                continue
            assert kind == "eq", "only what is equal is exact"
            conditioned.add(name.removeprefix("$").lower())
            if given.get(name.removeprefix("$").lower()) != value:
                return name.removeprefix("$").lower()
        extra = given.keys() - conditioned - self.UNCONDITIONED
        return f"extra {min(extra)}" if extra else ""


class TestForm:
    def test_s3_takes_what_was_asked_for_and_nothing_else(self, api: Client, organisation: UUID, manager: UUID) -> None:
        asked = ask(api, organisation, manager, 1234, "image/png").json
        fields = asked["form"]["fields"]
        now, judge = datetime.now(UTC), S3()

        assert judge.refuses(fields, 1234, now) == ""
        assert fields["key"] == f"uploads/{asked['id']}"
        assert judge.refuses(fields, 1235, now) == "size"
        assert judge.refuses(fields, 1233, now) == "size"
        assert judge.refuses(fields | {"Content-Type": "text/html"}, 1234, now) == "content-type"
        assert judge.refuses(fields | {"key": "pictures/x"}, 1234, now) == "key"
        assert judge.refuses(fields | {"acl": "public-read"}, 1234, now) == "extra acl"
        assert judge.refuses(fields | {"x-amz-meta-a": "b"}, 1234, now) == "extra x-amz-meta-a"
        assert judge.refuses(fields | {"success_action_redirect": "https://x"}, 1234, now).startswith("extra")
        assert judge.refuses({**fields, "Content-Type": ""}, 1234, now) == "content-type"
        ends = datetime.fromisoformat(asked["form"]["expires_at"])
        assert judge.refuses(fields, 1234, ends - timedelta(seconds=5)) == ""
        assert judge.refuses(fields, 1234, ends + timedelta(seconds=1)) == "expired"
        assert ends - now < timedelta(minutes=16)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("size", 0),
            ("size", 20_000_001),
            ("size", "1000"),
            ("content_type", "image/svg+xml"),
            ("content_type", "image/gif"),
            ("content_type", "text/html"),
            ("content_type", ""),
            ("organisation_id", "x"),
            ("key", "pictures/x"),
        ],
    )
    def test_bad_input_is_refused(
        self, api: Client, organisation: UUID, manager: UUID, field: str, value: object
    ) -> None:
        body = {"organisation_id": str(organisation), "content_type": "image/png", "size": 1000, field: value}

        answer = api.post("/v1/uploads", body, account=manager)

        assert (answer.status, answer.code) == (422, "invalid")
        assert answer.json["errors"][0]["loc"] == ["body", field]

    def test_two_hundred_an_hour_are_enough_and_a_stranger_uses_up_none(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID
    ) -> None:
        stranger = factories.account(conn)
        assert ask(api, organisation, stranger, 1000).status == 404
        assert conn.execute("SELECT count(*) FROM rate_limits WHERE bucket LIKE 'upload%'").fetchone() == (0,)
        assert ask(api, organisation, manager, 1000).headers["ratelimit-remaining"] == "199"


class TestWorker:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "unknown_format"),
            (picture(20, 20), "too_small"),
            (picture(640, 480)[:500], "damaged"),
        ],
        ids=["SVG", "small", "cut"],
    )
    def test_what_is_no_picture_is_refused_in_words(
        self, api: Client, organisation: UUID, manager: UUID, content: bytes, code: str
    ) -> None:
        upload_id = upload(api, organisation, manager, content)

        assert look(record_of(upload_id)) == []

        shown = get(api, upload_id, manager).json
        assert (shown["status"], shown["refusal"]["code"], shown["picture"]) == ("refused", code, None)
        assert shown["refusal"]["detail"].endswith(".")
        assert stored(upload_id) == set()

    def test_what_is_longer_than_was_said_is_not_read_whole(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID
    ) -> None:
        """S3 refuses it before. Here it lies there all the same."""
        content = picture()
        upload_id = ask(api, organisation, manager, len(content)).json["id"]
        boto3.client("s3").put_object(Bucket=BUCKET, Key=f"uploads/{upload_id}", Body=content + bytes(5 << 20))

        look(record_of(upload_id))

        assert status_of(conn, upload_id) == ("refused", "too_long")

    def test_a_record_that_comes_twice_or_late_changes_nothing(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID
    ) -> None:
        upload_id = upload(api, organisation, manager, picture())
        look(record_of(upload_id, upload_id), record_of(upload_id))
        shown, files = get(api, upload_id, manager).json, stored(upload_id)

        assert look(record_of(upload_id)) == []

        assert get(api, upload_id, manager).json == shown
        assert stored(upload_id) == files
        assert len(files) == 2

    def test_a_form_that_is_sent_again_changes_no_picture(self, api: Client, organisation: UUID, manager: UUID) -> None:
        content, other = picture(), picture(color=(0, 0, 255))
        asked = ask(api, organisation, manager, len(content)).json
        send(asked["form"], content)
        look(record_of(asked["id"]))
        shown, files = get(api, asked["id"], manager).json, stored(asked["id"])

        send(asked["form"], other)
        look(record_of(asked["id"]))

        assert get(api, asked["id"], manager).json == shown
        assert stored(asked["id"]) == files

    def test_records_before_the_file_and_of_nobody_do_no_harm(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID
    ) -> None:
        upload_id = ask(api, organisation, manager, 1000).json["id"]
        stray = new_id()
        boto3.client("s3").put_object(Bucket=BUCKET, Key=f"uploads/{stray}", Body=b"x")

        assert look(record_of(upload_id), record_of(stray), json.dumps({"Event": "s3:TestEvent"})) == []

        assert status_of(conn, upload_id) == ("pending", None)
        assert stored(stray) == set()

    def test_what_ends_five_processes_is_refused(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID
    ) -> None:
        """A process that dies in a decoder reports nothing, but has counted its try before."""
        upload_id = upload(api, organisation, manager, picture())
        conn.execute("UPDATE uploads SET tries = 4 WHERE id = %s", [upload_id])
        look(record_of(upload_id))
        assert status_of(conn, upload_id) == ("ready", None)

        other_id = upload(api, organisation, manager, picture())
        conn.execute("UPDATE uploads SET tries = 5 WHERE id = %s", [other_id])
        look(record_of(other_id))
        assert status_of(conn, other_id) == ("refused", "damaged")

    def test_while_s3_is_away_the_record_goes_back(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload_id = upload(api, organisation, manager, picture())
        monkeypatch.setenv("MEDIA_BUCKET", f"no-{uuid4()}")
        config.settings.cache_clear()
        record = record_of(upload_id)

        assert look(record) == [record]
        monkeypatch.setenv("MEDIA_BUCKET", BUCKET)
        config.settings.cache_clear()
        assert look(record) == []

        assert status_of(conn, upload_id) == ("ready", None)


class TestReview:
    def test_what_s3_did_not_tell_is_found(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload_id = upload(api, organisation, manager, picture())
        assert review(monkeypatch) == [], "S3 has two minutes to tell"
        let_pass(conn, upload_id, "an hour ago")

        records = review(monkeypatch)

        assert [json.loads(record) for record in records] == [{"upload_id": upload_id}]
        assert look(*records) == []
        assert status_of(conn, upload_id) == ("ready", None)
        assert review(monkeypatch) == []

    def test_what_never_came_is_refused_and_removed_a_day_later(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload_id = ask(api, organisation, manager, 1000).json["id"]
        let_pass(conn, upload_id, "an hour ago")
        look(*review(monkeypatch))
        assert get(api, upload_id, manager).json["refusal"]["code"] == "absent"

        let_pass(conn, upload_id, "yesterday")
        records = review(monkeypatch)

        assert get(api, upload_id, manager).status == 404, "it is being removed"
        assert look(*records) == []
        assert status_of(conn, upload_id) is None
        assert look(*records) == [], "a repeat finds nothing"

    def test_a_picture_that_nothing_shows_is_removed_a_day_later(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload_id = upload(api, organisation, manager, picture())
        look(record_of(upload_id))
        assert review(monkeypatch) == []
        assert stored(upload_id)
        let_pass(conn, upload_id, "yesterday")

        look(*review(monkeypatch))

        assert status_of(conn, upload_id) is None
        assert stored(upload_id) == set()

    def test_a_picture_that_something_shows_stays(
        self,
        api: Client,
        conn: psycopg.Connection,
        organisation: UUID,
        manager: UUID,
        event: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        upload_id = factories.upload(conn, organisation)
        gallery = factories.gallery(conn, organisation)
        owner = factories.member(conn, organisation, "owner")
        images = f"/v1/galleries/{gallery}/images"
        shows = [
            api.patch(f"/v1/events/{event}", {"image_id": str(upload_id)}, account=manager),
            api.patch(f"/v1/organisations/{organisation}", {"logo_id": str(upload_id)}, account=owner),
            api.post(images, {"upload_id": str(upload_id)}, account=manager),
        ]
        assert [answer.status for answer in shows] == [200, 200, 201]
        image = shows[2].json["images"][0]["id"]
        ends = [
            lambda: api.patch(f"/v1/events/{event}", {"image_id": None}, account=manager),
            lambda: api.patch(f"/v1/organisations/{organisation}", {"logo_id": None}, account=owner),
            lambda: api.delete(f"{images}/{image}", account=manager),
        ]
        for end in ends:
            conn.execute("UPDATE uploads SET due_at = now() WHERE id = %s", [upload_id])
            assert review(monkeypatch) == []
            assert conn.execute("SELECT due_at FROM uploads WHERE id = %s", [upload_id]).fetchone() == (None,)
            assert end().status in (200, 204)

        conn.execute("UPDATE uploads SET due_at = due_at - interval '1 day' WHERE id = %s", [upload_id])
        assert len(review(monkeypatch)) == 1


def test_a_deleted_event_shows_no_picture(
    api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID
) -> None:
    upload_id = factories.upload(conn, organisation)
    event = factories.event(conn, organisation_id=organisation, image_id=upload_id)

    assert api.delete(f"/v1/events/{event}", account=manager).status == 204

    assert conn.execute("SELECT image_id FROM events WHERE id = %s", [event]).fetchone() == (None,)
    row = conn.execute("SELECT due_at - now() > interval '23 hours' FROM uploads WHERE id = %s", [upload_id]).fetchone()
    assert row == (True,)


class TestShown:
    def test_an_event_shows_its_picture_everywhere(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, event: UUID
    ) -> None:
        upload_id = factories.upload(conn, organisation)
        body = {"image_id": str(upload_id), "image_alt": "Ada sings — آدا می‌خواند"}

        changed = api.patch(f"/v1/events/{event}", body, account=manager)

        image = changed.json["image"]
        assert (image["id"], image["alt"], image["width"]) == (str(upload_id), "Ada sings — آدا می‌خواند", 640)
        assert api.get(f"/v1/events/{event}").json["image"] == image
        (listed,) = api.get("/v1/events").json["items"]
        (mine,) = api.get("/v1/me/events", account=manager).json["items"]
        assert listed["image"] == mine["image"] == image

    def test_a_new_event_has_one_at_once(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID
    ) -> None:
        upload_id = factories.upload(conn, organisation)

        answer = api.post("/v1/events", event_request(organisation) | {"image_id": str(upload_id)}, account=manager)

        assert answer.json["image"]["id"] == str(upload_id)
        assert conn.execute("SELECT due_at FROM uploads").fetchone() == (None,)

    def test_an_organisation_shows_its_logo(self, api: Client, conn: psycopg.Connection, organisation: UUID) -> None:
        owner, upload_id = factories.member(conn, organisation, "owner"), factories.upload(conn, organisation)

        api.patch(f"/v1/organisations/{organisation}", {"logo_id": str(upload_id)}, account=owner)

        shown = api.get(f"/v1/organisations/{organisation}").json
        assert (shown["logo"]["id"], shown["logo"]["alt"]) == (str(upload_id), shown["name"])

    def test_buyers_see_the_logo_of_the_seller(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, event: UUID
    ) -> None:
        assert api.get(f"/v1/events/{event}").json["seller"]["logo"] is None
        upload_id = factories.upload(conn, organisation)
        conn.execute("UPDATE organisations SET logo_id = %s WHERE id = %s", [upload_id, organisation])

        seller = api.get(f"/v1/events/{event}").json["seller"]

        assert (seller["logo"]["id"], seller["logo"]["alt"]) == (str(upload_id), seller["name"])

    def test_a_copy_shows_the_same_picture_and_keeps_it(
        self,
        api: Client,
        conn: psycopg.Connection,
        organisation: UUID,
        manager: UUID,
        event: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        upload_id = factories.upload(conn, organisation)
        api.patch(f"/v1/events/{event}", {"image_id": str(upload_id), "image_alt": "Ada"}, account=manager)
        body = {"starts_at": ["2030-05-01T18:00:00Z"]}

        copied = api.post(f"/v1/events/{event}/duplicate", body, account=manager, key="new")

        assert copied.status == 201, copied.body
        copy = conn.execute("SELECT id, image_alt FROM events WHERE image_id = %s AND id <> %s", [upload_id, event])
        assert copy.fetchone() is not None
        api.patch(f"/v1/events/{event}", {"image_id": None}, account=manager)
        conn.execute("UPDATE uploads SET due_at = now()")
        assert review(monkeypatch) == []

    @pytest.mark.parametrize("status", ["pending", "refused", "removing"])
    def test_only_a_picture_that_is_ready_can_be_shown(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, event: UUID, status: str
    ) -> None:
        refusal = "damaged" if status == "refused" else None
        upload_id = factories.upload(conn, organisation, status=status, picture=None, refusal=refusal)
        owner = factories.member(conn, organisation, "owner")
        gallery = factories.gallery(conn, organisation)
        answers = [
            api.patch(f"/v1/events/{event}", {"image_id": str(upload_id)}, account=manager),
            api.post("/v1/events", event_request(organisation) | {"image_id": str(upload_id)}, account=manager),
            api.patch(f"/v1/organisations/{organisation}", {"logo_id": str(upload_id)}, account=owner),
            api.post(f"/v1/galleries/{gallery}/images", {"upload_id": str(upload_id)}, account=manager),
        ]

        expected = (404, "not_found") if status == "removing" else (409, "picture_not_ready")
        assert [(answer.status, answer.code) for answer in answers] == [expected] * 4


def test_a_form_is_sent_by_a_browser_of_another_origin(api: Client, organisation: UUID, manager: UUID) -> None:
    """What a page's `fetch` sends is multipart/form-data, with the file as the last part (RFC 7578)."""
    content = picture()
    form = ask(api, organisation, manager, len(content)).json["form"]
    request = httpx.Request("POST", form["url"], data=form["fields"], files={"file": ("a.jpg", content, "image/jpeg")})
    body = request.read()

    names = [part.split(b'"')[1].decode() for part in body.split(b"Content-Disposition: form-data; name=")[1:]]
    assert names == [*form["fields"], "file"]
