"""Readers who subscribe to a newsletter, owners who send its issues, and the job that writes them."""

from typing import Any
from uuid import UUID

import psycopg

from boxoffice import db
from boxoffice.newsletter import sending
from tests.helpers import factories
from tests.helpers.mailbox import letters_to
from tests.helpers.sellers import outbox_of
from tests.helpers.support import Answer, Client, context, function

PATH = "/v1/newsletter/subscriptions"
ADDRESS = "1 Hospital Road\nLagos"
ISSUE = {"subject": "June", "body": "# Jazz\n\nIt **begins**. [Come](https://example.com/june)"}


def sender(conn: psycopg.Connection, **fields: Any) -> tuple[UUID, UUID]:
    """Make an organisation that may send a newsletter. Return its id, and its owner."""
    owner = factories.account(conn)
    organisation = factories.organisation(conn, owner=owner)
    fields = {"postal_address": ADDRESS, "name": "Lagos Live", "contact_email": "hello@lagos.example"} | fields
    for name, value in fields.items():
        conn.execute(f"UPDATE organisations SET {name} = %s WHERE id = %s".encode(), [value, organisation])
    return organisation, owner


def subscribe(api: Client, organisation: UUID | None, email: str, **fields: Any) -> Answer:
    """Ask for the link that subscribes an address."""
    whose = {"organisation_id": str(organisation)} if organisation else {}
    return api.post(PATH, {"email": email, "consent_version": "2027-01", **whose, **fields})


def link_of(conn: db.Connection, email: str) -> str:
    """Return the token of the last link that was sent to an address."""
    return [letter for letter in letters_to(conn, email) if letter.template == "newsletter_confirm"][-1].token


def confirm(api: Client, token: str) -> Answer:
    """Open a link that subscribes."""
    return api.post(f"{PATH}/confirm", {"token": token})


def joined(api: Client, conn: db.Connection, organisation: UUID | None, email: str, **fields: Any) -> str:
    """Subscribe an address. Return the token that unsubscribes it."""
    assert subscribe(api, organisation, email, **fields).status == 202
    answer = confirm(api, link_of(conn, email))
    assert answer.status == 200, answer.json
    return str(answer.json["unsubscribe_token"])


def unsubscribe(api: Client, token: str) -> Answer:
    """Unsubscribe, as a page does."""
    return api.post(f"{PATH}/unsubscribe", query={"token": token})


def send(api: Client, organisation: UUID | None, account: UUID, key: str = "new", **fields: Any) -> Answer:
    """Send an issue."""
    whose = {"organisation_id": str(organisation)} if organisation else {}
    return api.post("/v1/newsletter/issues", {**ISSUE, **whose, **fields}, account=account, key=key)


def write_newsletters() -> dict[str, int]:
    """Run the job once. Return its counts."""
    return dict(function("write_newsletters").handler({}, context()))


def write(conn: db.Connection) -> None:
    """Do what the job does, until nothing is left to write. It leaves out an issue that another run has."""
    taken: set[UUID] = set()
    while found := sending.list_unfinished(conn, taken):
        for issue in found:
            with conn.transaction():
                if not sending.write_some(conn, issue):
                    taken.add(issue)


def written_to(conn: psycopg.Connection) -> list[str]:
    """Return the addresses that an issue is owed to."""
    return [recipient for recipient, _ in outbox_of(conn, "newsletter")]
