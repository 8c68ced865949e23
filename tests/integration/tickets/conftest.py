"""The fixture `sold`: a ticket that a guest has bought."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from boxoffice.tickets import service, transfers
from tests.helpers import factories
from tests.helpers.support import Answer, Client


@dataclass
class SoldTicket:
    """A ticket of a guest's order with the QR that it was issued with, and what people do with it."""

    api: Client
    organisation: UUID
    event: UUID
    order: UUID
    ticket: UUID
    qr: str
    scanner: UUID

    @property
    def token(self) -> str:
        """The token of the buyer's order."""
        return order_token(self.order)

    def start(self, email: str = "bola@example.com", **options: Any) -> Answer:
        """Start a transfer, as the buyer unless an account or a token is given."""
        options.setdefault("order_token", None if "account" in options else self.token)
        return self.api.post(f"/v1/tickets/{self.ticket}/transfers", {"email": email}, **options)

    def accept(self, token: str, **options: Any) -> Answer:
        return self.api.post("/v1/transfers/accept", {"token": token, "name": "Bola"}, **options)

    def transfer(self, email: str = "bola@example.com", **options: Any) -> Answer:
        """Start a transfer that a guest accepts. Return the answer to the acceptance."""
        started = self.start(email, **options)
        assert started.status == 201, started.body
        return self.accept(transfers.token_of(UUID(started.json["id"])), address="198.51.100.9")

    def get_qr(self, **options: Any) -> Answer:
        """Get the picture of the ticket's QR."""
        return self.api.get(f"/v1/tickets/{self.ticket}/qr", **options)

    def scan(self, text: str) -> Answer:
        return self.api.post("/v1/scans", {"qr": text}, account=self.scanner)


@pytest.fixture
def sold(api: Client, conn: Connection, request: pytest.FixtureRequest) -> SoldTicket:
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation)
    ticket_type = factories.ticket_type(conn, event_id=event)
    order = factories.paid_order(conn, ticket_type, quantity=1, **getattr(request, "param", {}))
    (ticket,) = service.list_for_order(conn, order)
    scanner = factories.member(conn, organisation, "scanner")
    return SoldTicket(api, organisation, event, order, ticket.id, ticket.qr, scanner)
