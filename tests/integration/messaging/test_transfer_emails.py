"""The emails of a transfer, as both holders read them."""

import re
from uuid import uuid4

import pytest

from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import ticket_token
from boxoffice.tickets import emails, transfers
from boxoffice.tickets import service as tickets
from boxoffice.tickets.models import AcceptTransferRequest
from tests.helpers import factories
from tests.helpers.mailbox import deliver, inbox, outbox_row
from tests.helpers.printed import pages_of
from tests.integration.messaging.test_order_confirmation import html, pictures, read_qr, text


@pytest.fixture
def ticket(conn):
    event = factories.event(conn, title="Ẹ̀kọ́ Jazz & Blues")
    order_id = factories.paid_order(
        conn,
        factories.ticket_type(conn, event_id=event, name="Balcony"),
        quantity=1,
        buyer_name="Ada <b>Buyer</b>",
        buyer_email=f"ada-{uuid4().hex}@example.com",
    )
    return tickets.list_for_order(conn, order_id)[0]


@pytest.fixture
def bola():
    return f"bola-{uuid4().hex}@example.com"


def read(conn, aws_url, template):
    """Send the newest email of a template, and return it."""
    (message,) = conn.execute("SELECT id FROM outbox WHERE template = %s ORDER BY id DESC", [template]).fetchone()
    assert deliver(message) == []
    return inbox(aws_url, outbox_row(conn, message)["recipient"])[-1]


def accept(conn, transfer, name="Bola"):
    request = AcceptTransferRequest(token=transfers.token_of(transfer), name=name)
    with conn.transaction():
        return transfers.accept_transfer(conn, Caller(Who.PUBLIC), request)


def test_the_offer_has_a_link_with_the_token_that_accepts(conn, aws_url, ticket, bola):
    transfer = factories.transfer(conn, ticket.id, email=bola)
    mail = read(conn, aws_url, "transfer_started")
    assert mail["To"] == bola
    assert mail["Subject"] == "A ticket for Ẹ̀kọ́ Jazz & Blues was sent to you"
    assert "Ada <b>Buyer</b> sends you this ticket." in text(mail)
    assert "Ada &lt;b&gt;Buyer&lt;/b&gt; sends you this ticket." in html(mail)
    link = f"http://127.0.0.1:3000/transfers/{transfer}#token={transfers.token_of(transfer)}"
    assert f"Accept the ticket: {link}\n" in text(mail).replace("\r\n", "\n")
    assert f'href="{link}"' in html(mail)
    assert "<b>" not in html(mail)
    assert ticket.qr not in mail.as_string()
    assert list(mail.iter_attachments()) == []
    for said in ("Balcony", "Freedom Park, 1 Hospital Road, Lagos", "The link works once, until"):
        assert said in text(mail)


def test_a_name_that_is_a_domain_is_no_link(conn, aws_url, ticket, bola):
    conn.execute("UPDATE tickets SET holder_name = 'evil.com'")
    factories.transfer(conn, ticket.id, email=bola)
    mail = read(conn, aws_url, "transfer_started")
    for part in (text(mail), html(mail)):
        assert "evil.\u200ccom sends you this ticket." in part
        assert "evil.com" not in part


def test_whoever_passes_it_on_while_the_email_is_written_gets_nobody_elses_qr(conn, aws_url, ticket, bola, monkeypatch):
    accept(conn, factories.transfer(conn, ticket.id, email=bola))
    (message,) = conn.execute("SELECT id FROM outbox WHERE template = 'transfer_accepted'").fetchone()
    found = emails._transfer

    def pass_on_after(*names):
        transfer = found(*names)
        conn.execute("UPDATE tickets SET transfer_count = 2, former_hashes = former_hashes || qr_hash")
        return transfer

    monkeypatch.setattr(emails, "_transfer", pass_on_after)
    assert deliver(message) == []

    mail = inbox(aws_url, bola)[-1]
    assert pictures(mail) == {}
    assert list(mail.iter_attachments()) == []


def test_whoever_accepted_gets_the_ticket_and_its_new_qr(conn, aws_url, ticket, bola):
    accept(conn, factories.transfer(conn, ticket.id, email=bola), "Bọ́lá")
    mail = read(conn, aws_url, "transfer_accepted")
    new = tickets.print_ticket(tickets.get_signed_ticket(conn, ticket.id))
    assert new.qr != ticket.qr
    assert mail["To"] == bola
    assert list(map(read_qr, pictures(mail).values())) == [new.qr]
    document, calendar = mail.iter_attachments()
    (page,) = pages_of(document.get_content())
    assert page.qr == new.qr
    assert calendar.get_content_type() == "text/calendar"
    link = f"http://127.0.0.1:3000/tickets/{ticket.id}#token={ticket_token(ticket.id, 1)}"
    assert link in text(mail)
    assert f'href="{link}"' in html(mail)
    assert "Bọ́lá" in text(mail)


def test_a_ticket_that_passed_on_meanwhile_is_not_in_the_email(conn, aws_url, ticket, bola):
    accept(conn, factories.transfer(conn, ticket.id, email=bola))
    conn.execute("UPDATE tickets SET transfer_count = 2, former_hashes = former_hashes || qr_hash")
    mail = read(conn, aws_url, "transfer_accepted")
    assert "it now belongs to somebody else" in text(mail)
    assert pictures(mail) == {}
    assert list(mail.iter_attachments()) == []
    assert "#token" not in text(mail)


def test_the_former_holder_learns_that_the_qr_is_worth_nothing(conn, aws_url, ticket, bola):
    accept(conn, factories.transfer(conn, ticket.id, email=bola))
    mail = read(conn, aws_url, "transfer_completed")
    assert re.fullmatch(r"ada-.*@example\.com", mail["To"])
    assert mail["Subject"] == "Your ticket for Ẹ̀kọ́ Jazz & Blues has passed to somebody else"
    assert "Your QR code for it is no longer valid." in text(mail)
    assert bola not in mail.as_string()
