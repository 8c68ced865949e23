"""Managers, workers and the job at one picture or one gallery in the same moment."""

from collections import Counter
from uuid import UUID

import boto3
import psycopg
import pytest
from psycopg import Connection

from boxoffice.auth import Caller
from boxoffice.events import service as events
from boxoffice.events.models import EventPatch
from boxoffice.media import checking, galleries, reviewing
from boxoffice.media.models import GalleryImageRequest, GalleryPatch, ImagePatch
from tests.helpers import factories
from tests.helpers.racing import attempt, race, waiting
from tests.helpers.support import Client, Database
from tests.helpers.uploads import BUCKET, picture, stored


@pytest.fixture(autouse=True)
def _configured(api: Client) -> None:
    """Let services read their settings."""


@pytest.fixture
def gallery(conn: Connection, organisation: UUID) -> UUID:
    return factories.gallery(conn, organisation)


def add(conn: Connection, manager: Caller, gallery: UUID, upload: UUID) -> str:
    def act() -> None:
        with conn.transaction():
            galleries.add_image(conn, manager, gallery, GalleryImageRequest(upload_id=upload))

    try:
        return attempt(act)
    except psycopg.errors.UniqueViolation as error:
        return str(error.diag.constraint_name)


def positions(conn: Connection) -> list[int]:
    return [row[0] for row in conn.execute("SELECT position FROM gallery_images ORDER BY position").fetchall()]


def test_the_last_places_of_a_gallery_are_taken_once(
    database: Database, conn: Connection, organisation: UUID, manager: Caller, gallery: UUID
) -> None:
    for position in range(1, 98):
        factories.gallery_image(conn, gallery, factories.upload(conn, organisation), position=position)
    uploads = [factories.upload(conn, organisation) for _ in range(8)]

    outcomes = race(database, 8, lambda own, number: add(own, manager, gallery, uploads[number]))

    assert Counter(outcomes) == {"done": 3, "gallery_full": 5}
    assert positions(conn) == [*range(1, 101)]


def test_one_picture_gets_into_a_gallery_once(
    database: Database, conn: Connection, organisation: UUID, manager: Caller, gallery: UUID
) -> None:
    upload = factories.upload(conn, organisation)

    outcomes = race(database, 6, lambda own, _: add(own, manager, gallery, upload))

    assert Counter(outcomes) == {"done": 1, "gallery_images_once": 5}


def test_adding_removing_and_ordering_leave_no_gap(
    database: Database, conn: Connection, organisation: UUID, manager: Caller, gallery: UUID
) -> None:
    uploads = [factories.upload(conn, organisation) for _ in range(10)]
    images = [factories.gallery_image(conn, gallery, uploads[n], position=n + 1) for n in range(5)]

    def act(own: Connection, number: int) -> str:
        if number < 4:
            return add(own, manager, gallery, uploads[5 + number])

        def remove() -> None:
            with own.transaction():
                galleries.remove_image(own, manager, gallery, images[number - 4])

        def turn() -> None:
            order = [ImagePatch(id=image) for image in reversed(images)]
            with own.transaction():
                galleries.update_gallery(own, manager, gallery, GalleryPatch(images=order), None)

        return attempt(remove if number < 7 else turn)

    outcomes = race(database, 9, act)

    assert set(outcomes[:7]) == {"done"}
    assert set(outcomes[7:]) <= {"done", "images_incomplete"}
    assert positions(conn) == [*range(1, 7)]


def show(conn: Connection, manager: Caller, event: UUID, upload: UUID) -> None:
    with conn.transaction():
        events.update_event(conn, manager, event, EventPatch(image_id=upload), None)


def review(conn: Connection, upload: UUID) -> int:
    with conn.transaction():
        return reviewing.review(conn, upload)


def test_a_picture_is_shown_or_removed_and_never_both(
    database: Database, conn: Connection, organisation: UUID, manager: Caller, event: UUID
) -> None:
    seen = set()
    for _ in range(12):
        upload = factories.upload(conn, organisation)
        conn.execute("UPDATE uploads SET due_at = now() WHERE id = %s", [upload])

        def act(own: Connection, number: int, upload: UUID = upload) -> str:
            return attempt(lambda: show(own, manager, event, upload) if number else review(own, upload))

        _, shown = race(database, 2, act)

        (status,) = conn.execute("SELECT status FROM uploads WHERE id = %s", [upload]).fetchone() or ()
        (image,) = conn.execute("SELECT image_id FROM events WHERE id = %s", [event]).fetchone() or ()
        assert (status, image == upload, shown) in {("ready", True, "done"), ("removing", False, "not_found")}
        seen.add(status)
        conn.execute("UPDATE events SET image_id = NULL")
        conn.execute("DELETE FROM uploads WHERE id = %s", [upload])
    assert seen


def test_the_job_leaves_out_a_picture_that_somebody_shows_at_this_moment(
    database: Database, conn: Connection, organisation: UUID, manager: Caller, event: UUID
) -> None:
    upload = factories.upload(conn, organisation)
    conn.execute("UPDATE uploads SET due_at = now() WHERE id = %s", [upload])
    with database_transaction(database) as other:
        other.execute("UPDATE uploads SET due_at = NULL WHERE id = %s", [upload])
        assert review(conn, upload) == 0
    assert conn.execute("SELECT status FROM uploads").fetchone() == ("ready",)


def test_whoever_shows_a_picture_that_is_being_removed_waits_and_is_refused(
    database: Database, conn: Connection, organisation: UUID, manager: Caller, event: UUID
) -> None:
    upload = factories.upload(conn, organisation)
    with database_transaction(database) as other:
        other.execute("UPDATE uploads SET status = 'removing' WHERE id = %s", [upload])
        with waiting(conn, database, lambda own: attempt(lambda: show(own, manager, event, upload))) as outcome:
            other.commit()
    assert outcome.result() == "not_found"


def database_transaction(database: Database) -> Connection:
    """Return a connection in a transaction, which the block that it opens commits."""
    return psycopg.connect(database.api_url)


def pending(conn: Connection, organisation: UUID, size: int) -> UUID:
    overrides = {"status": "pending", "picture": None, "size": size}
    return factories.upload(conn, organisation, **overrides)


def test_workers_with_one_file_make_one_picture(database: Database, conn: Connection, organisation: UUID) -> None:
    content = picture()
    upload = pending(conn, organisation, len(content))
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"uploads/{upload}", Body=content)

    done = race(database, 4, lambda own, _: checking.check(own, upload))

    assert sum(done) == 1
    (path,) = conn.execute("SELECT picture ->> 'path' FROM uploads").fetchone() or ()
    assert stored(upload) == {f"{path}-64.webp", f"{path}-64.jpg"}


def test_a_slower_worker_with_another_file_of_the_same_form_leaves_nothing(
    conn: Connection, organisation: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read before one of them is done: here the other one is done as soon as the first has read."""
    first, second = picture(), picture(color=(0, 0, 255))
    upload = pending(conn, organisation, max(len(first), len(second)))
    s3 = boto3.client("s3")
    s3.put_object(Bucket=BUCKET, Key=f"uploads/{upload}", Body=first)
    make = checking.pictures.make

    def make_later(content: bytes) -> object:
        monkeypatch.setattr(checking.pictures, "make", make)
        s3.put_object(Bucket=BUCKET, Key=f"uploads/{upload}", Body=second)
        assert checking.check(conn, upload) == 1
        return make(content)

    monkeypatch.setattr(checking.pictures, "make", make_later)

    assert checking.check(conn, upload) == 0

    (path,) = conn.execute("SELECT picture ->> 'path' FROM uploads").fetchone() or ()
    assert path.endswith(make(second).digest)
    assert stored(upload) == {f"{path}-64.webp", f"{path}-64.jpg"}


def test_an_upload_that_is_removed_meanwhile_leaves_nothing(
    conn: Connection, organisation: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = picture()
    upload = pending(conn, organisation, len(content))
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"uploads/{upload}", Body=content)
    make = checking.pictures.make

    def make_later(content: bytes) -> object:
        conn.execute("UPDATE uploads SET status = 'removing'")
        assert checking.check(conn, upload) == 1
        return make(content)

    monkeypatch.setattr(checking.pictures, "make", make_later)

    assert checking.check(conn, upload) == 0
    assert stored(upload) == set()
