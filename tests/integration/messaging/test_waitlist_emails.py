"""The emails to people on the waitlist."""

from datetime import timedelta

import pytest

from boxoffice.guest_tokens import waitlist_token
from tests.helpers import factories
from tests.helpers.factories import NOW
from tests.helpers.mailbox import deliver, inbox, outbox_row, owe


def send(conn, aws_url, template, entry_id):
    message = owe(conn, template=template, payload={"entry_id": str(entry_id)})
    assert deliver(message) == []
    (mail,) = inbox(aws_url, outbox_row(conn, message)["recipient"])
    return mail["Subject"], [mail.get_body((kind,)).get_content() for kind in ("plain", "html")]


@pytest.fixture
def event(conn):
    return factories.event(conn, title="Jazz & Blues")


@pytest.fixture
def ticket_type(conn, event):
    return factories.ticket_type(conn, event_id=event, name="Stalls")


def test_the_first_email_says_how_to_leave(conn, aws_url, ticket_type):
    entry_id = factories.waitlist_entry(conn, ticket_type, quantity=3)
    subject, bodies = send(conn, aws_url, "waitlist_joined", entry_id)
    assert subject == "You are on the waitlist for Jazz & Blues"
    for body, title in zip(bodies, ("Jazz & Blues", "Jazz &amp; Blues"), strict=True):
        assert title in body
        assert f"/waitlist/{entry_id}#token={waitlist_token(entry_id)}" in body
        assert "3 " in body


def test_an_offer_says_until_when_and_which_seats(conn, aws_url, ticket_type):
    ((first, *_),) = factories.seats(conn, ticket_type, 2)
    entry_id = factories.waitlist_entry(
        conn, ticket_type, status="offered", expires_at=NOW + timedelta(hours=1), draws="{}"
    )
    conn.execute("UPDATE seats SET owner_id = %s WHERE id = %s", [entry_id, first])
    subject, bodies = send(conn, aws_url, "waitlist_offer", entry_id)
    assert subject == "It is your turn: tickets for Jazz & Blues"
    for body in bodies:
        assert "Stalls · Row A · 1" in body
        assert "(Lagos, UTC+01:00)" in body
        assert f"/waitlist/{entry_id}#token=" in body


@pytest.mark.parametrize(
    ("currency", "price", "quantity", "says"),
    [
        ("EUR", 1999, 2, ["€39.98", "in all", "€19.99", "each", "the price now"]),
        ("EUR", 1999, 1, ["€19.99"]),
        ("JPY", 1500, 3, ["¥4,500", "¥1,500"]),
        ("EUR", 0, 2, ["They are free."]),
    ],
)
def test_an_offer_says_what_it_costs(conn, aws_url, event, ticket_type, currency, price, quantity, says):
    conn.execute("UPDATE events SET currency = %s", [currency])
    conn.execute("UPDATE ticket_types SET price = %s", [price])
    until = NOW + timedelta(hours=1)
    entry_id = factories.waitlist_entry(
        conn, ticket_type, quantity=quantity, status="offered", expires_at=until, draws="{}"
    )
    _, bodies = send(conn, aws_url, "waitlist_offer", entry_id)
    for body in bodies:
        assert [text for text in says if text not in body] == []


def test_the_link_that_confirms_is_not_sent_once_it_is_over(conn, aws_url, ticket_type):
    factories.waitlist_token(conn, ticket_type, email="ada@example.com")
    (token_id,) = conn.execute("SELECT id FROM one_time_tokens").fetchone()
    message = owe(conn, template="waitlist_confirm", recipient="ada@example.com", payload={"token_id": str(token_id)})
    conn.execute("UPDATE one_time_tokens SET expires_at = now()")
    assert deliver(message) == []
    assert inbox(aws_url, "ada@example.com") == []
    assert outbox_row(conn, message)["status"] == "dropped"


def test_an_offer_that_lapsed_before_the_email_was_sent_says_so(conn, aws_url, ticket_type):
    entry_id = factories.waitlist_entry(conn, ticket_type, status="lapsed", expires_at=NOW, draws="{}")
    _, bodies = send(conn, aws_url, "waitlist_offer", entry_id)
    for body in bodies:
        assert "They are no longer held." in body
        assert "#token=" not in body


def test_a_lapsed_offer_is_reported(conn, aws_url, ticket_type):
    entry_id = factories.waitlist_entry(conn, ticket_type, status="lapsed", expires_at=NOW, draws="{}")
    subject, bodies = send(conn, aws_url, "waitlist_lapsed", entry_id)
    assert subject == "Your tickets for Jazz & Blues are no longer held"
    assert all("You can join it again" in body for body in bodies)


def test_an_offer_that_ends_with_a_cancelled_event_says_why(conn, aws_url, event, ticket_type):
    entry_id = factories.waitlist_entry(conn, ticket_type, status="lapsed", expires_at=NOW, draws="{}")
    conn.execute("UPDATE events SET status = 'cancelled'")
    _, bodies = send(conn, aws_url, "waitlist_lapsed", entry_id)
    for body in bodies:
        assert "until the event was cancelled" in body
        assert "join it again" not in body
