"""A manager writes to the buyers or the holders of an event."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import db, platform_settings
from boxoffice.announcements import sending
from tests.helpers import factories, sellers
from tests.helpers.announcements import MESSAGE, send, send_announcements, written_to
from tests.helpers.audit import entries, only_entry
from tests.helpers.mailbox import deliver, inbox, outbox_row
from tests.helpers.sellers import Shop, outbox_of
from tests.helpers.ses_events import bounce, complaint
from tests.helpers.support import Answer, Client


@pytest.fixture
def shop(api: Client, conn: Connection) -> Shop:
    shop = Shop(conn)
    conn.execute("UPDATE organisations SET name = 'Lagos Live', contact_email = 'hello@lagos.example'")
    conn.execute("UPDATE events SET title = 'Jazz', starts_at = '2100-06-26 18:30Z', ends_at = '2100-06-26 22:30Z'")
    return shop


def address() -> str:
    return f"{uuid4().hex}@example.com"


def messages(api: Client, shop: Shop) -> list[dict[str, Any]]:
    answer = api.get(f"/v1/events/{shop.event}/messages", account=shop.manager)
    assert answer.status == 200, answer.json
    return list(answer.json["items"])


def preview(api: Client, shop: Shop, **fields: Any) -> Answer:
    return api.post(f"/v1/events/{shop.event}/messages/preview", {**MESSAGE, **fields}, account=shop.manager)


def deliver_all(conn: Connection) -> None:
    waiting = conn.execute("SELECT id FROM outbox WHERE template = 'announcement' AND status = 'pending'").fetchall()
    assert deliver(*[message for (message,) in waiting]) == []


def passed_on(api: Client, conn: Connection, order: UUID, holder: str) -> None:
    """Let the first ticket of an order pass to somebody."""
    sellers.accept(api, factories.transfer(conn, sellers.tickets_of(conn, order)[0], email=holder))


def test_each_mailbox_gets_one_email_however_many_tickets_it_has(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    ticket_type, holder = shop.ticket_type(), address()
    order = shop.sold(ticket_type, buyer_email="ada@example.com")
    shop.sold(ticket_type, buyer_email="ada@example.com")
    shop.sold(ticket_type, buyer_email="ada+jazz@example.com")
    passed_on(api, conn, order, holder)

    sent = send(api, shop)

    assert (sent.status, sent.json["status"], sent.json["expected"], sent.json["recipients"]) == (201, "sending", 2, 0)
    assert send_announcements()["units_failed"] == 0
    assert len(written_to(conn)) == 2
    deliver_all(conn)
    conn.execute("UPDATE announcements SET tally_at = now()")
    send_announcements()
    (shown,) = messages(api, shop)
    assert (shown["status"], shown["recipients"], shown["sent"], shown["waiting"]) == ("sent", 2, 2, 0)
    (mail,) = inbox(aws_url, holder)[-1:]
    assert (mail["Subject"], mail["From"]) == ("Bring a coat", "Lagos Live <tickets@example.com>")
    assert mail["Reply-To"] == "hello@lagos.example"
    assert mail["List-Unsubscribe"] is None
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "The roof is open." in text
    assert "/tickets/" in text
    assert "because of your ticket for Jazz" in " ".join(text.split())


def test_an_audience_is_what_its_words_say(api: Client, conn: Connection, shop: Shop) -> None:
    standing, seated = shop.ticket_type(), shop.ticket_type()
    buyer, holder, other, gone = address(), address(), address(), address()
    order = shop.sold(standing, quantity=1, buyer_email=buyer)
    passed_on(api, conn, order, holder)
    came = shop.sold(seated, quantity=1, buyer_email=other)
    conn.execute("UPDATE tickets SET entries = 1 WHERE order_id = %s", [came])
    refunded = shop.sold(seated, buyer_email=gone)
    assert sellers.refund(api, shop, refunded, whole=True).status == 201
    factories.order(conn, seated, buyer_email=address())  # nobody knows if they will pay

    def reached(**fields: Any) -> set[str]:
        conn.execute("DELETE FROM outbox")
        answer = send(api, shop, **fields)
        if answer.status == 409:
            assert answer.code == "no_recipients"
            return set()
        assert answer.json["expected"] == preview(api, shop, **fields).json["recipients"]
        send_announcements()
        return set(written_to(conn))

    assert reached() == {holder, other}
    assert reached(to="buyers") == {buyer, other}
    assert reached(ticket_type_ids=[str(standing)]) == {holder}
    assert reached(attendance="admitted") == {other}
    assert reached(attendance="not_admitted", to="buyers") == {buyer}
    assert reached(tickets="refunded") == {gone}
    assert reached(tickets="refunded", attendance="admitted") == set()


def test_who_buys_later_gets_nothing_and_a_corrected_address_does(
    api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    ticket_type, corrected = shop.ticket_type(), address()
    order = shop.sold(ticket_type, buyer_email=address())
    assert send(api, shop).status == 201
    late = address()
    shop.sold(ticket_type, buyer_email=late)
    send_announcements()
    assert late not in written_to(conn)
    change = {"buyer": {"email": corrected}}
    assert api.patch(f"/v1/orders/{order}", change, account=shop.manager).status == 200

    deliver_all(conn)

    assert [mail["Subject"] for mail in inbox(aws_url, corrected)] == ["Bring a coat"]


def test_who_no_longer_has_the_ticket_gets_nothing(api: Client, conn: Connection, aws_url: str, shop: Shop) -> None:
    holder, ticket_type = address(), shop.ticket_type()
    order = shop.sold(ticket_type, quantity=1, buyer_email=address())
    passed_on(api, conn, order, holder)
    other = shop.sold(ticket_type, quantity=1, buyer_email=address())
    assert send(api, shop).status == 201
    send_announcements()
    for each in (order, other):
        assert sellers.refund(api, shop, each, whole=True).status == 201

    deliver_all(conn)

    statuses = conn.execute("SELECT status FROM outbox WHERE template = 'announcement'").fetchall()
    assert statuses == [("dropped",), ("dropped",)]


def test_a_repeat_has_one_effect(api: Client, conn: Connection, shop: Shop) -> None:
    shop.sold(shop.ticket_type())
    key = uuid4().hex
    first = send(api, shop, key)
    again = send(api, shop, key)

    assert (first.json, again.headers["idempotent-replayed"]) == (again.json, "true")
    assert send(api, shop, key, subject="Another").code == "idempotency_key_reused"
    assert len(messages(api, shop)) == 1
    entry = only_entry(conn)
    assert (entry.action, entry.subject) == ("send_message", f"message {first.json['id']}")
    assert "body" not in entry.details


def test_a_preview_counts_and_shows_and_sends_to_nobody(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type, gone = shop.ticket_type(), address()
    shop.sold(ticket_type, buyer_email=address())
    shop.sold(ticket_type, buyer_email=gone)
    factories.suppression(conn, gone)
    body = "<b>5 > 4</b>\nhttps://example.com/a?b=1&c=2\n\n\nسلام دنیا"

    shown = preview(api, shop, subject="Größe & 東京", body=body).json

    assert (shown["recipients"], shown["suppressed"], shown["sent_to"]) == (2, 1, None)
    assert shown["subject"] == "Größe & 東京"
    assert "&lt;b&gt;5 &gt; 4&lt;/b&gt;<br><a style=" in shown["html"]
    assert 'href="https://example.com/a?b=1&amp;c=2"' in shown["html"]
    assert 'dir="auto">سلام دنیا</p>' in shown["html"]
    assert "<b>5 > 4</b>\nhttps://example.com/a?b=1&c=2\n\nسلام دنیا\n" in shown["text"]
    assert (written_to(conn), messages(api, shop)) == ([], [])


def test_a_test_goes_to_oneself_alone(api: Client, conn: Connection, aws_url: str, shop: Shop) -> None:
    shop.sold(shop.ticket_type())
    (email,) = conn.execute("SELECT email FROM accounts WHERE id = %s", [shop.manager]).fetchone() or ()

    assert preview(api, shop, send_to_me=True).code == "email_not_verified", "it may be a victim's"
    assert outbox_of(conn, "announcement_sample") == []
    conn.execute("UPDATE accounts SET email_verified_at = now() WHERE id = %s", [shop.manager])

    assert preview(api, shop, send_to_me=True).json["sent_to"] == email

    (message,) = conn.execute("SELECT id FROM outbox WHERE template = 'announcement_sample'").fetchone() or ()
    assert deliver(message) == []
    assert (outbox_row(conn, message)["recipient"], inbox(aws_url, email)[-1]["Subject"]) == (email, "Bring a coat")
    assert messages(api, shop) == []
    conn.execute(
        "UPDATE accounts SET email = NULL, email_verified_at = NULL, phone = '+2348012345678', "
        "phone_verified_at = now() WHERE id = %s",
        [shop.manager],
    )
    assert preview(api, shop, send_to_me=True).code == "no_email"


def test_what_becomes_of_the_emails_is_counted(api: Client, conn: Connection, aws_url: str, shop: Shop) -> None:
    ticket_type = shop.ticket_type()
    bounced, complained, fine, gone, failed = (address() for _ in range(5))
    for buyer in (bounced, complained, fine, gone, failed):
        shop.sold(ticket_type, buyer_email=buyer)
    factories.suppression(conn, gone)
    assert send(api, shop).status == 201
    send_announcements()
    conn.execute("UPDATE outbox SET status = 'failed' WHERE recipient = %s AND template = 'announcement'", [failed])
    deliver_all(conn)
    ids = dict(conn.execute("SELECT recipient, id FROM outbox WHERE template = 'announcement'").fetchall())
    deliver(bounce(bounced, ids[bounced]), complaint(complained, ids[complained]), worker="receive_email_feedback")

    conn.execute("UPDATE announcements SET tally_at = now()")
    send_announcements()

    (shown,) = messages(api, shop)
    counts = {name: shown[name] for name in ("recipients", "sent", "bounced", "complained", "suppressed", "failed")}
    assert counts == {"recipients": 5, "sent": 3, "bounced": 1, "complained": 1, "suppressed": 1, "failed": 1}
    conn.execute("DELETE FROM outbox WHERE status = 'sent'")  # long after
    conn.execute("UPDATE announcements SET created_at = now() - interval '6 days'")
    send_announcements()
    assert messages(api, shop)[0]["sent"] == 3


def test_counts_are_made_less_and_less_often_and_then_no_more(conn: Connection, api: Client, shop: Shop) -> None:
    minutes: list[int | None] = []
    for age in (timedelta(0), timedelta(hours=10), timedelta(days=5), timedelta(days=6)):
        announcement = factories.announcement(conn, shop.event, shop.manager, created_at=datetime.now(UTC) - age)
        with db.transaction() as own:
            sending.tally(own, announcement)
        query = "SELECT extract(epoch FROM tally_at - now())::integer / 60 FROM announcements WHERE id = %s"
        minutes += conn.execute(query, [announcement]).fetchone() or ()
    assert (minutes[:3], minutes[3]) == (pytest.approx([1, 60, 720], abs=1), None)


def test_a_withdrawn_message_stops_where_it_is(
    api: Client, conn: Connection, aws_url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_BATCH", 1)
    ticket_type = shop.ticket_type()
    for _ in range(3):
        shop.sold(ticket_type, buyer_email=address())
    sent = send(api, shop).json
    for _ in range(2):
        with db.transaction() as own:
            sending.write_some(own, UUID(sent["id"]))
    first, second = conn.execute("SELECT id FROM outbox WHERE template = 'announcement' ORDER BY id").fetchall()
    assert deliver(first[0]) == []

    path = f"/v1/events/{shop.event}/messages/{sent['id']}/withdraw"
    answers = [api.post(path, None, account=shop.manager) for _ in range(2)]

    assert [answer.json["status"] for answer in answers] == ["withdrawn", "withdrawn"]
    assert [entry.action for entry in entries(conn)] == ["send_message", "withdraw_message"]
    send_announcements()
    assert deliver(second[0]) == []
    assert [outbox_row(conn, each[0])["status"] for each in (first, second)] == ["sent", "dropped"]
    assert len(written_to(conn)) == 2


def test_a_suspended_seller_writes_to_nobody(api: Client, conn: Connection, aws_url: str, shop: Shop) -> None:
    shop.sold(shop.ticket_type())
    assert send(api, shop).status == 201
    conn.execute("UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'")

    assert (send(api, shop).code, preview(api, shop).code) == ("seller_suspended", "seller_suspended")
    send_announcements()
    assert written_to(conn) == []
    assert messages(api, shop)[0]["status"] == "withdrawn"


def test_an_organisation_sends_so_many_messages_an_hour_and_a_day(api: Client, conn: Connection, shop: Shop) -> None:
    shop.sold(shop.ticket_type())
    factories.platform_setting(conn, messages_per_hour=1)
    platform_settings.forget()

    assert [send(api, shop).status for _ in range(2)] == [201, 429]
    factories.platform_setting(conn, messages_per_hour=100, messages_per_day=0)
    platform_settings.forget()
    assert send(api, shop).status == 429
    assert len(messages(api, shop)) == 1


def test_previews_are_limited(api: Client, conn: Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boxoffice.rate_limit.MESSAGE_PREVIEWS", 1)
    assert [preview(api, shop).status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": " "},
        {"subject": "\u200b"},
        {"body": ""},
        {"body": "\u2800\n\u200d"},
        {"body": "x" * 10_001},
        {"to": "everybody"},
        {"tickets": "sold"},
        {"attendance": "late"},
        {"ticket_type_ids": []},
        {"unknown": 1},
    ],
)
def test_bad_input(api: Client, shop: Shop, fields: dict[str, Any]) -> None:
    assert send(api, shop, **fields).status == 422
    assert preview(api, shop, **fields).status == 422


def test_the_ticket_types_of_another_event_are_not_found(api: Client, conn: Connection, shop: Shop) -> None:
    other = factories.ticket_type(conn, event_id=factories.event(conn, organisation_id=shop.organisation))
    assert send(api, shop, ticket_type_ids=[str(other)]).status == 404
    message = factories.announcement(conn, shop.event, shop.manager)
    elsewhere = factories.event(conn, organisation_id=shop.organisation)
    path = f"/v1/events/{elsewhere}/messages/{message}/withdraw"
    assert api.post(path, None, account=shop.manager).status == 404


def test_messages_come_in_pages_newest_first(api: Client, conn: Connection, shop: Shop) -> None:
    made = [str(factories.announcement(conn, shop.event, shop.manager)) for _ in range(3)]
    path = f"/v1/events/{shop.event}/messages"
    first = api.get(path, account=shop.manager, query={"limit": 2}).json
    second = api.get(path, account=shop.manager, query={"limit": 2, "cursor": first["next_cursor"]}).json
    assert [each["id"] for each in first["items"] + second["items"]] == made[::-1]
