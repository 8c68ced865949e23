"""In which language somebody gets an email: what it is about says so, else their account, else the seller."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from pypdfium2 import PdfDocument

from boxoffice.messaging import service
from boxoffice.messaging.models import Message
from boxoffice.one_time import Purpose
from tests.helpers import factories
from tests.helpers.mailbox import deliver, inbox, outbox_row, owe
from tests.helpers.printed import pages_of
from tests.helpers.support import Client

ADA = "ada-reads@example.com"


@pytest.fixture
def seller(conn: Connection) -> UUID:
    return factories.organisation(conn, name="Opéra de Lomé", locale="pt")


@pytest.fixture
def ticket_type(conn: Connection, seller: UUID) -> UUID:
    event = factories.event(conn, organisation_id=seller, title="شب شعر")
    return factories.ticket_type(conn, event_id=event, price=0)


def locale_of(conn: Connection, template: str, payload: dict[str, Any], recipient: str = ADA) -> str | None:
    row = outbox_row(conn, owe(conn, template=template, payload=payload, recipient=recipient))
    return service.find_locale(conn, Message(row["id"], template, recipient, payload, 1))


def buy(api: Client, ticket_type: UUID, **more: Any) -> dict[str, Any]:
    answer = api.post("/v1/orders", factories.order_request(ticket_type, quantity=1, **more), key=str(ticket_type) * 2)
    assert answer.status == 201
    order: dict[str, Any] = answer.json
    return order


def test_an_order_in_french_is_confirmed_in_french(
    api: Client, conn: Connection, aws_url: str, ticket_type: UUID
) -> None:
    order = buy(api, ticket_type, locale="fr-CA")
    (message,) = conn.execute("SELECT id FROM outbox WHERE template = 'order_confirmation'").fetchone() or ()
    assert deliver(message) == []

    (mail,) = inbox(aws_url, outbox_row(conn, message)["recipient"])
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert mail["Subject"] == "Vos billets pour شب شعر"
    assert "Votre commande est complète. Elle est gratuite. Vos billets sont ci-dessous." in text
    assert '<html lang="fr-CA" dir="ltr">' in html
    assert "<title>Vos billets pour شب شعر</title>" in html
    assert "vendue par Opéra de Lomé" in text
    (page,) = pages_of(next(mail.iter_attachments()).get_content())
    for words in ("Billet 1 sur 1", "DÉTENTEUR", "DATE ET HEURE", "Vendu par Opéra de Lomé", "1 personne"):
        assert words in page.text

    download = api.get(f"/v1/orders/{order['id']}/tickets.pdf", order_token=order["access_token"])
    assert "Billet 1 sur 1" in PdfDocument(download.body)[0].get_textpage().get_text_bounded()


def test_the_order_comes_before_the_account_and_that_before_the_seller(
    api: Client, conn: Connection, ticket_type: UUID
) -> None:
    order = buy(api, ticket_type, locale="fr")
    payload = {"order_id": order["id"]}
    assert locale_of(conn, "order_confirmation", payload) == "fr"
    conn.execute("UPDATE orders SET details = NULL WHERE id = %s", [order["id"]])
    assert locale_of(conn, "order_confirmation", payload) == "pt"
    factories.account(conn, email=ADA, locale="yo")
    assert locale_of(conn, "order_confirmation", payload) == "yo"
    conn.execute("UPDATE organisations SET locale = NULL")
    conn.execute("UPDATE accounts SET locale = NULL")
    assert locale_of(conn, "order_confirmation", payload) is None


def test_all_that_is_about_an_order_is_in_its_language(api: Client, conn: Connection, ticket_type: UUID) -> None:
    order = buy(api, ticket_type, locale="fr")
    (ticket,) = conn.execute("SELECT id FROM tickets").fetchone() or ()
    transfer = factories.transfer(conn, ticket, email="bola@example.com")
    factories.one_time_token(conn, Purpose.CHANGE_ORDER_EMAIL, order_id=order["id"])
    (token,) = conn.execute("SELECT id FROM one_time_tokens").fetchone() or ()
    for template, payload in {
        "order_email_changed": {"former_order_id": order["id"]},
        "confirm_order_email": {"token_id": str(token)},
        "ticket_withdrawn": {"ticket_id": str(ticket)},
        "transfer_started": {"transfer_id": str(transfer)},
        "transfer_completed": {"transfer_id": str(transfer)},
    }.items():
        assert locale_of(conn, template, payload) == "fr", template


def test_a_ticket_is_sent_in_the_language_that_its_sender_chooses(
    api: Client, conn: Connection, ticket_type: UUID
) -> None:
    order = buy(api, ticket_type, locale="fr")
    (ticket,) = conn.execute("SELECT id FROM tickets").fetchone() or ()
    wanted = {"email": "bola@example.com", "locale": "de"}
    started = api.post(f"/v1/tickets/{ticket}/transfers", wanted, order_token=order["access_token"])
    assert started.status == 201
    about = {"transfer_id": started.json["id"]}
    assert locale_of(conn, "transfer_started", about, "bola@example.com") == "de"
    assert locale_of(conn, "transfer_completed", about, "the-sender@example.com") == "fr"
    assert locale_of(conn, "ticket_withdrawn", {"ticket_id": str(ticket)}, "bola@example.com") == "de"


def test_who_waits_is_written_to_in_their_language(api: Client, conn: Connection, ticket_type: UUID) -> None:
    conn.execute("UPDATE stock SET available = 0, sold = available")
    conn.execute("DELETE FROM rate_limits")
    waiting = {"quantity": 1, "name": "Ada", "email": ADA, "locale": "pt-BR"}
    assert api.post(f"/v1/ticket-types/{ticket_type}/waitlist", waiting).status == 202
    (token,) = conn.execute("SELECT id FROM one_time_tokens").fetchone() or ()
    assert locale_of(conn, "waitlist_confirm", {"token_id": str(token)}) == "pt-BR"
    entry = factories.waitlist_entry(conn, ticket_type, locale="es")
    assert locale_of(conn, "waitlist_offer", {"entry_id": str(entry)}) == "es"


def test_an_account_says_its_language(api: Client, conn: Connection) -> None:
    sign_up = {"email": ADA, "password": "correct horse battery", "name": "Ada", "locale": "yo"}
    session = api.post("/v1/accounts", sign_up).json
    assert session["account"]["locale"] == "yo"
    assert locale_of(conn, "password_changed", {}) == "yo"
    bola = factories.account(conn, email="bola@example.com")
    changed = api.patch("/v1/me", {"locale": "fr"}, account=bola)
    assert changed.json["locale"] == "fr"
    assert locale_of(conn, "password_changed", {}, "bola@example.com") == "fr"
    assert api.patch("/v1/me", {"locale": None}, account=bola).json["locale"] is None


def test_who_corrects_an_answer_keeps_the_language(api: Client, conn: Connection, ticket_type: UUID) -> None:
    order = buy(api, ticket_type, locale="fr", holders=[{"name": "Chidi"}])
    (ticket,) = conn.execute("SELECT id FROM tickets WHERE holder_name = 'Chidi'").fetchone() or ()
    holder = {"ticket_id": str(ticket), "name": "Bola"}
    answer = api.patch(f"/v1/orders/{order['id']}", {"holders": [holder]}, order_token=order["access_token"])
    assert answer.status == 200
    assert locale_of(conn, "order_confirmation", {"order_id": order["id"]}) == "fr"


@pytest.mark.parametrize(
    "locale", ["", "f", "french language", "fr_CA", "fr-", "fr-123456789", "fr\n", "fr" + "-ab" * 8]
)
def test_what_is_no_language_tag_is_refused(api: Client, ticket_type: UUID, locale: str) -> None:
    request = factories.order_request(ticket_type, locale=locale)
    answer = api.post("/v1/orders", request, key=str(ticket_type) * 2)
    assert answer.status == 422
    (error,) = answer.json["errors"]
    assert error["loc"] == ["body", "locale"]
    assert error["msg"] == "must be a language tag of BCP 47, such as en or pt-BR"


def test_a_request_of_a_stranger_may_say_the_language(conn: Connection) -> None:
    """It stands in the payload, and no writer sees it."""
    message = Message(UUID(int=1), "order_links", ADA, {"email": ADA, "locale": "fr"}, 1)
    assert message.facts == {"email": ADA}
    assert locale_of(conn, "order_links", {"email": ADA, "locale": "fr"}) == "fr"
