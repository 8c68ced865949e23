"""The database's log has no data of people: not in the parameters of statements, nor in the rows that it refuses."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.stack.postgres import Server
from local.stack.state import free_port
from tests.architecture.test_template import resource

ADDRESS = "ada.lovelace@example.org"


def parameters() -> dict[str, str]:
    """Return the settings of the template's database, without those of Aurora alone."""
    given = dict(resource("DatabaseParameters")["Parameters"])
    return {name: value for name, value in given.items() if not name.startswith(("rds.", "shared_preload"))}


@pytest.fixture(params=["on AWS", "local"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Run a server that logs each statement, with the settings of the template or the local stack's. Yield its log."""
    folder = tmp_path_factory.mktemp("server")
    options = (parameters() if request.param == "on AWS" else {}) | {"log_min_duration_statement": "0"}
    log = folder / "postgres.log"
    with Server(folder / "data", free_port(), options={**options, "fsync": "off"}, log=log) as running:
        yield running.url(), log


def test_neither_parameters_nor_refused_rows_are_logged(server: tuple[str, Path]) -> None:
    url, log = server
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE TABLE people (email text PRIMARY KEY CHECK (email LIKE '%%@%%'))")
        conn.execute("INSERT INTO people VALUES (%s)", [ADDRESS])
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute("INSERT INTO people VALUES (%s)", [ADDRESS])
        with pytest.raises(psycopg.errors.CheckViolation):
            conn.execute("INSERT INTO people VALUES (%s)", [ADDRESS.replace("@", " ")])
        with pytest.raises(psycopg.errors.DivisionByZero):
            conn.execute("SELECT 1 / length(%s::text) * 0 / 0", [ADDRESS])

    text = log.read_text()
    assert "INSERT INTO people VALUES ($1)" in text
    assert "duplicate key value violates unique constraint" in text
    assert "lovelace" not in text
