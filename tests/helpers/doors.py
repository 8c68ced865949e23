"""The doors of an event: its staff, its tickets, and the requests that its devices send."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.tickets import service as tickets
from boxoffice.tickets import transfers
from boxoffice.tickets.models import AcceptTransferRequest, PrintedTicket
from tests.helpers import factories
from tests.helpers.support import Answer, Client


@dataclass
class Doors:
    """An event, somebody who scans there and somebody who manages it."""

    api: Client
    conn: Connection
    organisation: UUID
    event: UUID
    scanner: UUID
    manager: UUID

    @property
    def staff(self) -> Caller:
        """The scanner, as services know a caller."""
        return Caller(Who.SCANNER, self.scanner)

    @property
    def management(self) -> Caller:
        """The manager, as services know a caller."""
        return Caller(Who.MANAGER, self.manager)

    def sell(self, quantity: int = 1, **terms: Any) -> list[PrintedTicket]:
        """Sell tickets of a new ticket type, a month ago. Return them."""
        ticket_type = factories.ticket_type(self.conn, event_id=self.event, quantity=300 * quantity, **terms)
        order = factories.paid_order(self.conn, ticket_type, quantity=quantity)
        self.conn.execute("UPDATE tickets SET created_at = now() - interval '30 days' WHERE order_id = %s", [order])
        return tickets.list_for_order(self.conn, order)

    def refund(self, ticket: PrintedTicket) -> None:
        """Refund a ticket."""
        factories.refund(self.conn, ticket.id)

    def transfer(self, ticket: PrintedTicket) -> PrintedTicket:
        """Transfer a ticket to somebody else. Return it with its new QR."""
        token = transfers.token_of(factories.transfer(self.conn, ticket.id))
        with self.conn.transaction():
            request = AcceptTransferRequest(token=token, name="Bola Holder")
            transfers.accept_transfer(self.conn, Caller(Who.PUBLIC), request)
        return next(other for other in tickets.list_for_order(self.conn, ticket.order_id) if other.id == ticket.id)

    def scan(self, ticket: PrintedTicket | str, **fields: Any) -> Answer:
        """Scan a QR."""
        text = ticket if isinstance(ticket, str) else ticket.qr
        return self.api.post("/v1/scans", {"qr": text, **fields}, account=self.scanner)

    def admit(self, ticket_id: UUID, **fields: Any) -> Answer:
        """Admit somebody from the guest list, by the ticket's id."""
        body = {"event_id": str(self.event), **fields}
        return self.api.post(f"/v1/tickets/{ticket_id}/scans", body, account=self.scanner)

    def undo(self, scan_id: object) -> Answer:
        """Undo a scan, as the manager."""
        return self.api.post(f"/v1/scans/{scan_id}/undo", account=self.manager)

    def sync(self, device_id: str, *scans: dict[str, Any], ahead: timedelta = timedelta(0)) -> Answer:
        """Report offline scans from a device. ``ahead`` says how far its clock is ahead."""
        sent_at = (datetime.now(UTC) + ahead).isoformat()
        body = {"device_id": device_id, "sent_at": sent_at, "scans": list(scans)}
        return self.api.post(f"/v1/events/{self.event}/scan-sync", body, account=self.scanner)

    def manifest(self, cursor: str | None = None, *, etag: str | None = None, **query: Any) -> Answer:
        """Read the manifest, as a device does."""
        query |= {"cursor": cursor} if cursor else {}
        headers = {"If-None-Match": etag} if etag else {}
        path = f"/v1/events/{self.event}/scan-manifest"
        return self.api.get(path, account=self.scanner, query=query, headers=headers)

    def conflicts(self) -> list[dict[str, Any]]:
        """Return the conflicts that the manager sees, latest first."""
        answer = self.api.get(f"/v1/events/{self.event}/scans", account=self.manager, query={"only": "conflicts"})
        return list(answer.json["items"])


def offline(sequence: int, ticket: PrintedTicket | str, minutes_ago: float, **fields: Any) -> dict[str, Any]:
    """Return a scan as a device keeps it. The field ``ahead`` says how far the device's clock was ahead."""
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago) + fields.pop("ahead", timedelta(0))
    text = ticket if isinstance(ticket, str) else ticket.qr
    return {"sequence": sequence, "qr": text, "at": at.isoformat(), **fields}


def open_doors(api: Client, conn: Connection, **event: Any) -> Doors:
    """Make an event with its staff."""
    organisation = factories.organisation(conn)
    return Doors(
        api,
        conn,
        organisation,
        factories.event(conn, organisation_id=organisation, **event),
        factories.member(conn, organisation, "scanner"),
        factories.member(conn, organisation, "manager"),
    )
