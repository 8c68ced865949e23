"""A worker that dies while it writes an export is followed by another, which writes the whole file."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import db, storage
from boxoffice.exports import service, sources, writing
from boxoffice.exports.models import Export
from tests.helpers import factories
from tests.helpers.racing import die_at, race, wait_for_rollbacks
from tests.helpers.sellers import Shop
from tests.helpers.support import Client, Database


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write files here, as S3 does: a file is there once it is complete."""

    @contextmanager
    def write(bucket: str, key: str, content_type: str) -> Iterator[Any]:
        path = tmp_path / key.replace("/", "-")
        with path.with_suffix(".part").open("wb") as file:
            yield file
        path.with_suffix(".part").rename(path)

    monkeypatch.setattr(storage, "writing", write)
    return tmp_path


def write(export: UUID, conn: Connection) -> int:
    return writing.write(conn, export)


def test_killed_anywhere_the_next_worker_writes_the_whole_file(
    api: Client, database: Database, conn: Connection, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PAGE", 2)
    shop = Shop(conn)
    shop.sold(shop.ticket_type(quantity=100), 5)

    kills = 0
    for round_trip in range(0, 40, 3):
        export = factories.export(conn, shop.organisation, event_id=shop.event)
        died = die_at(database, round_trip, partial(write, export))
        wait_for_rollbacks(conn)
        kills += died
        conn.execute("UPDATE exports SET due_at = now() WHERE due_at IS NOT NULL")
        writing.write(conn, export)

        stored = db.exactly_one(conn, Export, service.SQL.get_export, id=export)
        assert (stored.status, stored.rows_done) == ("ready", 5)
        assert len((disk / stored.key.replace("/", "-")).read_text().splitlines()) == 6
        if not died:
            break
    assert kills >= 5


def test_of_two_workers_one_writes(api: Client, database: Database, conn: Connection, disk: Path) -> None:
    shop = Shop(conn)
    shop.sold(shop.ticket_type(), 2)
    export = factories.export(conn, shop.organisation, event_id=shop.event)

    written = race(database, 4, lambda racer, _: writing.write(racer, export))

    assert sorted(written) == [0, 0, 0, 1]
    assert conn.execute("SELECT status, attempts, rows_done FROM exports").fetchone() == ("ready", 1, 2)
