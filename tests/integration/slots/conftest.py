"""A cloakroom of an organisation, with its members, and what they do there."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.support import Answer, Client


@dataclass
class Cloakroom:
    """A place with ten slots."""

    api: Client
    organisation: UUID
    manager: UUID
    scanner: UUID
    id: UUID

    @property
    def path(self) -> str:
        return f"/v1/services/{self.id}"

    def claim(self, *, key: str = "new", account: UUID | None = None, **fields: Any) -> Answer:
        """Check a customer in; by default a new one."""
        body = {"customer": {"email": f"{factories.new_id()}@example.com"}, **fields}
        return self.api.post(f"{self.path}/claims", body, account=account or self.scanner, key=key)

    def release(self, claim: str | UUID, account: UUID | None = None) -> Answer:
        return self.api.post(f"/v1/claims/{claim}/release", account=account or self.scanner)

    def scan(self, qr: str, **fields: Any) -> Answer:
        return self.api.post("/v1/claims/scan", {"qr": qr, **fields}, account=self.scanner)

    def resize(self, capacity: int) -> Answer:
        return self.api.patch(self.path, {"capacity": capacity}, account=self.manager)

    def slots(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.api.get(f"{self.path}/slots", account=self.scanner, query={"limit": 100, **query})
        assert answer.status == 200, answer.body
        return list(answer.json["items"])

    def numbers(self, state: str | None = None) -> list[int]:
        """Return the numbers of the slots in a state, or of all."""
        return [slot["number"] for slot in self.slots() if state in (None, slot["state"])]

    def stats(self) -> Any:
        answer = self.api.get(f"{self.path}/stats", account=self.scanner)
        assert answer.status == 200, answer.body
        return answer.json


@pytest.fixture
def organisation(conn: Connection) -> UUID:
    return factories.organisation(conn)


@pytest.fixture
def cloakroom(api: Client, conn: Connection, organisation: UUID) -> Cloakroom:
    return Cloakroom(
        api,
        organisation,
        factories.member(conn, organisation, "manager"),
        factories.member(conn, organisation, "scanner"),
        factories.place(conn, organisation_id=organisation),
    )
