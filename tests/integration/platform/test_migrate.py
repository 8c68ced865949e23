"""The deploy step: by hand, and as CloudFormation calls it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psycopg
import pytest

from tests.helpers.support import ROOT, Database, context, function

type Answers = list[dict[str, Any]]

NEWEST = max(path.stem for path in ROOT.glob("layers/common/boxoffice/migrations/*.sql"))


class CloudFormation:
    """The server on which CloudFormation waits for the answer."""

    def __init__(self) -> None:
        self.answers: Answers = []
        answers = self.answers

        class Listener(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                assert self.headers["Content-Type"] == ""  # what the real URL is signed for
                answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Listener)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def event(self, request_type: str) -> dict[str, Any]:
        sample = json.loads((ROOT / "events/platform/migrate.json").read_text())
        url = f"http://127.0.0.1:{self.server.server_port}/answer"
        return {**sample, "RequestType": request_type, "ResponseURL": url}


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    stack = CloudFormation()
    yield stack
    stack.server.shutdown()
    stack.server.server_close()


@pytest.fixture
def owner(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """Connect as the role of the deploy step."""
    monkeypatch.setenv("DATABASE_OWNER_URL", database.owner_url)
    monkeypatch.setenv("EMAIL_QUEUE_URL", "not used")
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        yield conn


def migrate(event: dict[str, Any]) -> Any:
    return function("migrate").handler(event, context())


def tables(conn: psycopg.Connection) -> set[str]:
    return {name for (name,) in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


@pytest.mark.usefixtures("owner")
def test_by_hand_it_returns_the_version_of_the_schema() -> None:
    assert migrate({}) == {"Version": NEWEST}


def test_a_deployment_fills_an_empty_database(owner: psycopg.Connection, cloudformation: CloudFormation) -> None:
    owner.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    migrate(cloudformation.event("Create"))
    (answer,) = cloudformation.answers
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"] == {"Version": NEWEST}
    assert answer["LogicalResourceId"] == "Migration"
    assert {"orders", "tickets"} <= tables(owner)


def test_a_repeated_deployment_changes_nothing(owner: psycopg.Connection, cloudformation: CloudFormation) -> None:
    before = tables(owner)
    migrate(cloudformation.event("Update"))
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"]
    assert tables(owner) == before


def test_to_delete_the_stack_leaves_the_data(owner: psycopg.Connection, cloudformation: CloudFormation) -> None:
    before = tables(owner)
    migrate(cloudformation.event("Delete"))
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"]
    assert tables(owner) == before


@pytest.mark.usefixtures("owner")
def test_a_failed_migration_fails_the_deployment(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    migrate(cloudformation.event("Update"))
    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("OperationalError")


def test_a_migration_that_was_edited_after_it_was_applied_is_refused(
    owner: psycopg.Connection, cloudformation: CloudFormation
) -> None:
    owner.execute("UPDATE migrations SET digest = 'another' WHERE name = %s", [NEWEST])
    migrate(cloudformation.event("Update"))
    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(f"MigrationChanged: migration {NEWEST} was changed")
