"""An organisation with an owner, two events, and a ledger to post in."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.postings import Ledger
from tests.helpers.support import Answer, Client


@dataclass
class Bookkeeper:
    """The owner of an organisation, who asks for reports."""

    api: Client
    conn: Connection
    owner: UUID
    organisation: UUID
    ledger: Ledger
    jazz: UUID
    gala: UUID

    def report(self, **query: Any) -> Answer:
        return self.api.get(f"/v1/organisations/{self.organisation}/reports/revenue", account=self.owner, query=query)

    def statement(self, month: str, account: UUID | None = None) -> Answer:
        path = f"/v1/organisations/{self.organisation}/statements/{month}"
        return self.api.get(path, account=account or self.owner)


@pytest.fixture
def bookkeeper(api: Client, conn: Connection) -> Bookkeeper:
    owner = factories.account(conn)
    organisation = factories.organisation(
        conn,
        owner=owner,
        name="Lagos Live",
        postal_address="1 Hospital Road\nLagos",
        created_at="2026-01-15T12:00:00Z",
    )
    jazz, gala = (
        factories.event(
            conn,
            organisation_id=organisation,
            title=title,
            time_zone="Africa/Lagos",
            starts_at=starts_at,
            ends_at="2026-07-30T23:00:00Z",
        )
        for title, starts_at in (("Jazz by the sea", "2026-06-27T18:30:00Z"), ("Gala", "2026-07-01T18:30:00Z"))
    )
    return Bookkeeper(api, conn, owner, organisation, Ledger(conn, organisation), jazz, gala)
