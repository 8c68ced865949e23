"""POST /v1/order-links"""

import re
from uuid import UUID

from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.tickets import transfers
from boxoffice.tickets.models import AcceptTransferRequest
from tests.helpers import factories
from tests.helpers.erasures import EMAIL
from tests.helpers.mailbox import deliver, inbox, outbox_row
from tests.helpers.support import Client


def message(conn: Connection) -> UUID:
    row = conn.execute("SELECT id FROM outbox WHERE template = 'order_links'").fetchone()
    assert row is not None
    return UUID(str(row[0]))


def test_the_links_to_orders_and_tickets_are_sent(api: Client, conn: Connection, aws_url: str) -> None:
    event = factories.event(conn, title="Jazz at the Lagoon")
    ticket_type = factories.ticket_type(conn, event_id=event)
    own = factories.paid_order(conn, ticket_type, buyer_email=EMAIL)
    of_account = factories.paid_order(conn, ticket_type, buyer_email=EMAIL, account_id=factories.account(conn))
    factories.order(conn, ticket_type, buyer_email=EMAIL, status="expired")
    received = factories.paid_order(conn, ticket_type, quantity=1)
    (ticket,) = conn.execute("SELECT id FROM tickets WHERE order_id = %s", [received]).fetchone() or ()
    accept = AcceptTransferRequest(token=transfers.token_of(factories.transfer(conn, ticket, email=EMAIL)), name="Ada")
    with conn.transaction():
        transfers.accept_transfer(conn, Caller(Who.PUBLIC), accept)  # type: ignore[arg-type]

    assert api.post("/v1/order-links", {"email": EMAIL}).status == 202
    assert deliver(message(conn)) == []

    (mail,) = [mail for mail in inbox(aws_url, EMAIL) if mail["Subject"] == "Your orders and tickets"]
    body = mail.get_body(("plain",))
    assert body is not None
    links = dict(re.findall(r"/(orders/\S+|tickets/\S+)#token=(\S+)", body.get_content()))
    assert set(links) == {f"orders/{own}", f"orders/{of_account}", f"tickets/{ticket}"}
    for path, token in links.items():
        assert api.get(f"/v1/{path}", order_token=token).status == 200
    assert "Jazz at the Lagoon" in body.get_content()


def test_an_address_without_orders_gets_no_email(api: Client, conn: Connection) -> None:
    assert api.post("/v1/order-links", {"email": EMAIL}).status == 202
    assert deliver(message(conn)) == []

    assert outbox_row(conn, message(conn))["status"] == "dropped"


def test_the_answer_is_the_same(api: Client, conn: Connection) -> None:
    factories.paid_order(conn, factories.ticket_type(conn), buyer_email=EMAIL)

    known, unknown = (api.post("/v1/order-links", {"email": email}) for email in (EMAIL, "nobody@example.com"))

    assert (known.status, known.body) == (unknown.status, unknown.body)


def test_an_email_has_the_newest_orders(api: Client, conn: Connection, aws_url: str) -> None:
    ticket_type = factories.ticket_type(conn)
    email = "many.orders@example.com"
    orders = [factories.paid_order(conn, ticket_type, quantity=1, buyer_email=email) for _ in range(22)]

    assert api.post("/v1/order-links", {"email": email}).status == 202
    assert deliver(message(conn)) == []

    (mail,) = [mail for mail in inbox(aws_url, email) if mail["Subject"] == "Your orders and tickets"]
    body = mail.get_body(("plain",))
    assert body is not None
    assert re.findall(r"/orders/(\S+)#", body.get_content()) == [str(order) for order in sorted(orders)[:1:-1]]
    assert "newest 20" in body.get_content()
