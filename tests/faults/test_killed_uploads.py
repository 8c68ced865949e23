"""The worker of uploads dies anywhere: at each round trip of the database, and at each call to S3."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import boto3
import pytest
from psycopg import Connection

from boxoffice import storage
from boxoffice.media import checking
from tests.helpers import factories
from tests.helpers.racing import die_everywhere_afresh
from tests.helpers.support import Client, Database
from tests.helpers.uploads import BUCKET, picture, stored

CONTENT = picture()


@pytest.fixture
def organisation(api: Client, conn: Connection) -> UUID:
    return factories.organisation(conn)


def uploaded(conn: Connection, organisation: UUID) -> UUID:
    """Make an upload whose file has come, and which nobody has looked at."""
    upload = factories.upload(conn, organisation, status="pending", picture=None, size=len(CONTENT))
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"uploads/{upload}", Body=CONTENT)
    return upload


def files_of(conn: Connection, upload: UUID) -> set[str]:
    """Return the keys of the files that the row of an upload names."""
    row = conn.execute("SELECT picture ->> 'path' FROM uploads WHERE id = %s AND status = 'ready'", [upload]).fetchone()
    return {f"{row[0]}-64.webp", f"{row[0]}-64.jpg"} if row else set()


def check_consistent(conn: Connection, upload: UUID) -> None:
    """Check that each file that the row names is there. More may be, until somebody looks again."""
    assert files_of(conn, upload) <= stored(upload)
    is_pending = conn.execute("SELECT FROM uploads WHERE id = %s AND status = 'pending'", [upload]).fetchone()
    assert not is_pending or f"uploads/{upload}" in stored(upload), "what is not done can be done again"


def test_killed_at_any_round_trip(database: Database, conn: Connection, organisation: UUID) -> None:
    uploads = []

    def make(own: Connection) -> Callable[[Connection], Any]:
        uploads.append(upload := uploaded(own, organisation))

        def act(other: Connection) -> None:
            storage._s3.cache_clear()
            checking.check(other, upload)

        return act

    for _ in die_everywhere_afresh(database, conn, make):
        check_consistent(conn, uploads[-1])

    assert len(uploads) >= 6
    for upload in uploads:
        checking.check(conn, upload)
        assert stored(upload) == files_of(conn, upload) != set()


class Died(BaseException):
    """The process has ended here."""


@pytest.mark.parametrize("is_removed", [False, True], ids=["made", "removed"])
def test_killed_at_any_call_to_s3(
    conn: Connection, organisation: UUID, monkeypatch: pytest.MonkeyPatch, is_removed: bool
) -> None:
    """It dies before a call, or after S3 has done what it was asked."""
    moments = 0
    while True:
        upload = uploaded(conn, organisation)
        if is_removed:
            checking.check(conn, upload)
            conn.execute("UPDATE uploads SET status = 'removing' WHERE id = %s", [upload])
        with monkeypatch.context() as patch:
            left = iter(range(moments, -1, -1))
            for name in ("get", "put", "delete"):
                patch.setattr(storage, name, _dying(getattr(storage, name), left))
            try:
                checking.check(conn, upload)
            except Died:
                pass
            else:
                break
        if is_removed:
            assert conn.execute("SELECT FROM uploads WHERE id = %s", [upload]).fetchone() is not None
        else:
            check_consistent(conn, upload)
        checking.check(conn, upload)
        assert stored(upload) == files_of(conn, upload)
        assert (files_of(conn, upload) == set()) is is_removed
        moments += 1
    assert moments == (2 if is_removed else 8)  # the calls are one, or one to read, two to write and one to delete


def _dying(call: Callable[..., Any], left: Any) -> Callable[..., Any]:
    def wrapper(*args: Any, **options: Any) -> Any:
        if next(left) == 0:
            raise Died
        answer = call(*args, **options)
        if next(left) == 0:
            raise Died
        return answer

    return wrapper
