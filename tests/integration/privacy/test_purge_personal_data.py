"""The job purge_personal_data: what is older than the settings allow."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from boxoffice import platform_settings
from boxoffice.ids import new_id
from tests.helpers import factories, invariants
from tests.helpers.factories import NOW
from tests.helpers.mailbox import deliver, outbox_row, owe
from tests.helpers.people import can_refresh, sign_up
from tests.helpers.support import Client, context, function

NOTHING = {
    "erasures": 0,
    "contacts": 0,
    "messages": 0,
    "provider_events": 0,
    "sessions": 0,
    "keys": 0,
    "tokens": 0,
    "phone_codes": 0,
    "invitations": 0,
    "rate_limits": 0,
    "exports": 0,
    "webhooks": 0,
    "webhook_endpoints": 0,
    "buyers": 0,
    "units_failed": 0,
}


def run() -> dict[str, Any]:
    """Run the job once. Return what it did, without what there was nothing to do of."""
    answer = function("purge_personal_data").handler({}, context())
    assert answer.keys() == NOTHING.keys()
    return {name: count for name, count in answer.items() if count}


def set_to(conn: Connection, name: str, value: object) -> None:
    conn.execute("INSERT INTO platform_settings (name, value) VALUES (%s, %s)", [name, Jsonb(value)])
    platform_settings.forget()


def store(conn: Connection, key: str, age: timedelta) -> None:
    conn.execute(
        """INSERT INTO idempotency_keys (operation, scope, key, fingerprint, response, created_at)
        VALUES ('start_payment', 'x', %s, '', '{}', now() - %s)""",
        [key, age],
    )


def test_old_idempotency_keys_are_deleted_and_young_ones_stay(api: Client, conn: Connection) -> None:
    for key, age in (("old", 49), ("young", 25)):
        store(conn, key, timedelta(hours=age))

    assert run() == {"keys": 1}
    assert conn.execute("SELECT key FROM idempotency_keys").fetchall() == [("young",)]


def test_one_run_deletes_all_old_keys(api: Client, conn: Connection) -> None:
    conn.execute(
        """INSERT INTO idempotency_keys (operation, scope, key, fingerprint, response, created_at)
        SELECT 'start_payment', 'x', number::text, '', '{}', now() - interval '3 days'
        FROM generate_series(1, 12_000) AS number"""
    )

    assert run() == {"keys": 12_000}
    assert conn.execute("SELECT count(*) FROM idempotency_keys").fetchone() == (0,)


def test_messages_that_ended_long_ago_are_deleted_and_failed_ones_name_nobody(api: Client, conn: Connection) -> None:
    order = factories.order(conn, factories.ticket_type(conn))
    old, young = NOW - timedelta(days=91), NOW - timedelta(days=89)
    for status in ("sent", "dropped"):
        owe(conn, order, status=status, created_at=old, last_error="the event is over")
    owe(conn, order, status="sent", created_at=old, recipient="", payload={})  # of somebody who was erased before
    failed = {"order_id": str(order), "email": "ada@example.com"}
    owe(conn, order, status="failed", created_at=old, payload=failed, last_error="MessageRejected: ada@example.com")
    kept = {
        owe(conn, order, status="sent", created_at=young),
        owe(conn, order, status="pending", created_at=old),
        owe(conn, order, status="sending", created_at=old),
    }

    assert run() == {"messages": 4}
    erased = conn.execute("SELECT payload, status, last_error FROM outbox WHERE recipient = ''").fetchall()
    assert erased == [({"order_id": str(order)}, "failed", "")]
    assert {row[0] for row in conn.execute("SELECT id FROM outbox WHERE recipient <> ''").fetchall()} == kept
    assert run() == {}
    invariants.check(conn)


def test_a_setting_says_how_long_messages_are_kept(api: Client, conn: Connection) -> None:
    set_to(conn, "message_days", 10)
    order = factories.order(conn, factories.ticket_type(conn))
    owe(conn, order, status="sent", created_at=NOW - timedelta(days=11))
    owe(conn, order, status="sent", created_at=NOW - timedelta(days=9))

    assert run() == {"messages": 1}


def test_what_a_provider_told_is_erased_and_counts_as_told(api: Client, conn: Connection) -> None:
    for event_id, days in (("old", 181), ("young", 179)):
        conn.execute(
            """INSERT INTO provider_events (provider, event_id, kind, payload, effect, received_at)
            VALUES ('generic', %s, 'succeeded', '{"reason": "from Ada"}', 'paid', now() - make_interval(days => %s))""",
            [event_id, days],
        )

    assert run() == {"provider_events": 1}
    assert conn.execute("SELECT event_id, payload, effect FROM provider_events ORDER BY event_id").fetchall() == [
        ("old", {}, "paid"),
        ("young", {"reason": "from Ada"}, "paid"),
    ]
    assert run() == {}


def test_sessions_that_are_long_over_are_deleted(api: Client, conn: Connection) -> None:
    over, live = sign_up(api), sign_up(api)
    conn.execute(
        """UPDATE refresh_tokens SET expires_at = now() - interval '31 days' FROM sessions
        WHERE sessions.id = session_id AND account_id = %s""",
        [over.id],
    )
    used = b"a token that was used long ago"
    conn.execute(
        """INSERT INTO refresh_tokens (token_hash, session_id, expires_at, used_at)
        SELECT %s, id, now() - interval '31 days', now() - interval '38 days' FROM sessions WHERE account_id = %s""",
        [used, live.id],
    )

    assert run()["sessions"] == 2
    assert conn.execute("SELECT account_id FROM sessions").fetchall() == [(live.id,)]
    assert conn.execute("SELECT 1 FROM refresh_tokens WHERE token_hash = %s", [used]).fetchone() is None
    assert can_refresh(api, live)


def test_tokens_and_limits_that_are_over_are_deleted(api: Client, conn: Connection) -> None:
    for hours in (-1, 1):
        moment = NOW + timedelta(hours=hours)
        conn.execute(
            "INSERT INTO one_time_tokens (id, purpose, payload, expires_at) VALUES (%s, 'x', '{}', %s)",
            [new_id(), moment],
        )
        conn.execute("INSERT INTO rate_limits VALUES (%s, 3, %s)", [f"emails to ada{hours}@example.com", moment])

    assert run() == {"tokens": 1, "rate_limits": 1}
    assert conn.execute("SELECT bucket FROM rate_limits").fetchall() == [("emails to ada1@example.com",)]
    assert conn.execute("SELECT expires_at > now() FROM one_time_tokens").fetchall() == [(True,)]


# ------------------------------------------------------------------------------------- contacts after an event


def event_ended(conn: Connection, days: int, **overrides: Any) -> UUID:
    ends_at = NOW - timedelta(days=days)
    return factories.event(conn, starts_at=ends_at - timedelta(hours=3), ends_at=ends_at, **overrides)


def move(conn: Connection, event: UUID, days: int) -> None:
    """Let an event have ended so many days ago."""
    ends_at = NOW - timedelta(days=days)
    conn.execute(
        "UPDATE events SET starts_at = %s, ends_at = %s WHERE id = %s", [ends_at - timedelta(hours=3), ends_at, event]
    )


def names(conn: Connection) -> set[str]:
    rows = conn.execute(
        """SELECT buyer_name FROM orders UNION SELECT holder_name FROM tickets UNION SELECT name FROM waitlist_entries
        UNION SELECT from_name FROM transfers"""
    ).fetchall()
    return {name for (name,) in rows}


def test_contacts_are_kept_unless_a_setting_says_how_long(api: Client, conn: Connection) -> None:
    factories.paid_order(conn, factories.ticket_type(conn, event_id=event_ended(conn, days=4000)))

    assert run() == {}


def test_contacts_are_erased_months_after_the_event_and_the_books_stay(api: Client, conn: Connection) -> None:
    set_to(conn, "contact_months", 6)
    old, young = factories.event(conn), factories.event(conn)
    ticket_type = factories.ticket_type(conn, event_id=old)
    order = factories.paid_order(conn, ticket_type, buyer_phone="+2348012345678")
    (ticket,) = conn.execute("SELECT id FROM tickets LIMIT 1").fetchone() or ()
    factories.transfer(conn, ticket)
    factories.waitlist_entry(conn, ticket_type, status="closed")
    kept = factories.paid_order(conn, factories.ticket_type(conn, event_id=young), buyer_name="Bola Later")
    total = conn.execute("SELECT total, status FROM orders WHERE id = %s", [order]).fetchone()
    move(conn, old, days=190)
    move(conn, young, days=170)

    assert run()["contacts"] >= 3
    row = conn.execute("SELECT buyer_name, buyer_email, buyer_phone, account_id FROM orders WHERE id = %s", [order])
    assert row.fetchone() == ("Erased", f"{order}@erased.invalid", None, None)
    assert conn.execute("SELECT total, status FROM orders WHERE id = %s", [order]).fetchone() == total
    assert names(conn) == {"Erased", "Bola Later"}
    assert conn.execute("SELECT to_email LIKE '%@erased.invalid', status FROM transfers").fetchall() == [
        (True, "replaced")
    ]
    assert conn.execute("SELECT buyer_name FROM orders WHERE id = %s", [kept]).fetchone() == ("Bola Later",)
    assert run() == {}
    invariants.check(conn)


def test_an_order_that_also_is_for_a_later_event_waits_for_it(api: Client, conn: Connection) -> None:
    set_to(conn, "contact_months", 6)
    organisation = factories.organisation(conn)
    old = event_ended(conn, days=190, organisation_id=organisation)
    later = event_ended(conn, days=100, organisation_id=organisation)
    order = factories.paid_order(conn, factories.ticket_type(conn, event_id=old))
    ticket_type = factories.ticket_type(conn, event_id=later)
    conn.execute(
        """INSERT INTO order_items (order_id, item_no, event_id, ticket_type_id, quantity, unit_price, discount, total)
        VALUES (%s, 2, %s, %s, 1, 0, 0, 0)""",
        [order, later, ticket_type],
    )

    run()
    assert names(conn) == {"Ada Buyer"}

    move(conn, later, days=190)
    run()
    assert names(conn) == {"Erased"}


def test_nothing_is_erased_once_an_admin_keeps_contacts_after_all(api: Client, conn: Connection) -> None:
    from boxoffice.privacy import retention

    event = event_ended(conn, days=190)
    factories.paid_order(conn, factories.ticket_type(conn, event_id=event))

    with conn.transaction():
        assert retention.erase_contacts(conn, event) == 0, "the run found the event before"

    assert names(conn) == {"Ada Buyer"}


def test_a_run_that_ends_early_is_continued_by_the_next(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from boxoffice.privacy import retention

    set_to(conn, "contact_months", 1)
    event = event_ended(conn, days=60)
    ticket_type = factories.ticket_type(conn, event_id=event)
    orders = sorted(factories.order(conn, ticket_type, quantity=1, status="expired") for _ in range(5))
    monkeypatch.setattr(retention, "_ORDERS", 2)

    with conn.transaction():
        assert retention.erase_contacts(conn, event) == 2
    erased = [row[0] for row in conn.execute("SELECT id FROM orders WHERE buyer_name = 'Erased' ORDER BY id")]
    assert erased == orders[:2]
    assert conn.execute("SELECT last_order_id, finished_at FROM contact_purges").fetchall() == [(orders[1], None)]

    run()
    assert names(conn) == {"Erased"}
    assert conn.execute("SELECT finished_at IS NOT NULL FROM contact_purges").fetchall() == [(True,)]


def test_an_erased_buyer_gets_no_email(api: Client, conn: Connection) -> None:
    messages = [owe(conn, recipient=recipient) for recipient in ("", f"{new_id()}@erased.invalid")]

    assert deliver(*messages) == []

    assert [outbox_row(conn, message)["status"] for message in messages] == ["dropped", "dropped"]
