"""A shop, and exports that are written at once."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from psycopg import Connection

from boxoffice import storage
from tests.helpers.sellers import Shop
from tests.helpers.support import Answer, Client, context, function


@dataclass
class Exporter:
    """Asks for exports of a shop, runs the worker and downloads the files."""

    api: Client
    shop: Shop

    def ask(self, account: UUID | None = None, key: str = "new", **body: Any) -> Answer:
        path = f"/v1/organisations/{self.shop.organisation}/exports"
        return self.api.post(path, body, account=account or self.shop.manager, key=key)

    def work(self, export: str) -> dict[str, Any]:
        """Run the worker with a record that names an export."""
        record = {"messageId": "1", "body": json.dumps({"export_id": export})}
        late = context()
        late.get_remaining_time_in_millis = lambda: 600_000
        return dict(function("write_export").handler({"Records": [record]}, late))

    def get(self, export: str, account: UUID | None = None) -> Answer:
        return self.api.get(f"/v1/exports/{export}", account=account or self.shop.manager)

    def file(self, account: UUID | None = None, **body: Any) -> httpx.Response:
        """Return the file of an export, downloaded by its link."""
        asked = self.ask(account, **body)
        assert asked.status == 202, asked.body
        assert self.work(asked.json["id"]) == {"batchItemFailures": []}
        shown = self.get(asked.json["id"], account).json
        assert shown["status"] == "ready", shown
        downloaded = httpx.get(shown["download_url"])
        assert downloaded.status_code == 200, downloaded.text
        return downloaded

    def rows(self, account: UUID | None = None, **body: Any) -> list[dict[str, str]]:
        """Return the rows of an export as CSV."""
        content = self.file(account, **body).content.decode("utf-8-sig")
        return [*csv.DictReader(io.StringIO(content, newline=""))]


@pytest.fixture
def shop(api: Client, conn: Connection) -> Shop:
    return Shop(conn)


@pytest.fixture
def exporter(api: Client, shop: Shop, aws_url: str) -> Iterator[Exporter]:
    storage._s3.cache_clear()
    yield Exporter(api, shop)
    storage._s3.cache_clear()
