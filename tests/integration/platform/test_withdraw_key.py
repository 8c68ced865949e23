"""A key has leaked: an operator withdraws it, and the job renews what it has signed."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import config, guest_tokens, one_time
from boxoffice.messaging import emails
from boxoffice.platform import vault, withdrawals
from boxoffice.platform.errors import NotWithdrawable, RotationOutdated
from boxoffice.tickets import service as tickets
from tests.helpers import factories, invariants
from tests.helpers.doors import Doors, open_doors
from tests.helpers.factories import NOW
from tests.helpers.rings import KeyRing
from tests.helpers.rotations import announce, rotate, step
from tests.helpers.support import Client, context, function

RINGS = ("token", "ticket", "link", "code")


@pytest.fixture
def rings(api: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, KeyRing]]:
    """Let every ring be the test's own, with its next key."""
    rings = {name: KeyRing() for name in RINGS}
    for name, ring in rings.items():
        monkeypatch.setenv(f"{name.upper()}_KEYS_SECRET", ring.id)
    monkeypatch.setattr(withdrawals, "_WAIT", 0.0)
    config.settings.cache_clear()
    for ring in rings.values():
        rotate(ring.id)
    config.forget_secrets()
    yield rings
    config.settings.cache_clear()
    config.forget_secrets()


@pytest.fixture
def doors(rings: dict[str, KeyRing], api: Client, conn: Connection) -> Doors:
    return open_doors(api, conn)


def withdraw(ring: str) -> Any:
    """Call the operator's function. Afterwards, all environments have read the rings again."""
    state = function("withdraw_key").handler({"ring": ring}, context())
    config.forget_secrets()
    return state


def work(conn: Connection, *, send: bool = True) -> Any:
    """Let ten minutes pass, and run the job. ``send`` lets the worker try each email before the job looks again."""
    conn.execute("UPDATE key_withdrawals SET signs_at = signs_at - interval '10 minutes'")
    report = run()
    if send:
        conn.execute("UPDATE outbox SET status = 'sent' WHERE status = 'pending'")
        report |= {f"{name}_later": count for name, count in run().items()}
    config.forget_secrets()
    return report


def run() -> Any:
    return function("reissue_tickets").handler({}, context())


def keys_of(ring: KeyRing) -> dict[str, str]:
    return vault.current(ring.id).fields


def owed(conn: Connection) -> list[tuple[str, str, str]]:
    """Return the template, the recipient and the reason of each email that is sent again, in order."""
    rows = conn.execute(
        """SELECT template, recipient, payload->>'renewed' FROM outbox WHERE payload ? 'renewed'
        ORDER BY template, recipient"""
    ).fetchall()
    return [(template, re.sub(r"^buyer\d+@", "buyer@", recipient), reason) for template, recipient, reason in rows]


def text_of(conn: Connection, template: str) -> str:
    """Write the last email of a template, as the worker does. Return its text."""
    row = conn.execute(
        "SELECT id, template, recipient, payload FROM outbox WHERE template = %s ORDER BY id DESC LIMIT 1", [template]
    ).fetchone()
    assert row is not None
    return emails.WRITERS[template](conn, **row[3]).text


# ---------------------------------------------------------------------------------------- access tokens and codes


def test_access_tokens_end_and_sessions_go_on(rings: dict[str, KeyRing], api: Client, conn: Connection) -> None:
    request = {"email": "ada@example.com", "password": "a sentence nobody would guess", "name": "Ada"}
    login = api.post("/v1/accounts", request).json
    bearer = {"authorization": f"Bearer {login['access_token']}"}
    assert api.get("/v1/me", headers=bearer).status == 200

    assert withdraw("token") == {"ring": "token", "withdrawn_up_to": 2, "is_over": True}

    assert api.get("/v1/me", headers=bearer).status == 401
    fresh = api.post("/v1/sessions/refresh", {"refresh_token": login["refresh_token"]}).json
    assert api.get("/v1/me", headers={"authorization": f"Bearer {fresh['access_token']}"}).status == 200
    assert keys_of(rings["token"]).keys() == {"current", "3", "4"}
    assert conn.execute("SELECT ring, finished_at IS NOT NULL FROM key_withdrawals").fetchall() == [("token", True)]


def test_one_time_tokens_end(rings: dict[str, KeyRing], conn: Connection) -> None:
    purpose = one_time.Purpose.CONFIRM_EMAIL
    with conn.transaction():
        token_id = one_time.issue(conn, purpose, timedelta(hours=1))
    old = one_time.token_of(purpose, token_id)

    withdraw("code")

    with conn.transaction():
        assert one_time.redeem(conn, purpose, old) is None
        assert one_time.redeem(conn, purpose, one_time.token_of(purpose, token_id)) is not None


# ---------------------------------------------------------------------------------------------------------- tickets


def test_tickets_are_reissued_and_emailed_before_their_key_is_withdrawn(
    doors: Doors, rings: dict[str, KeyRing], conn: Connection
) -> None:
    (ticket,) = doors.sell()

    assert withdraw("ticket") == {"ring": "ticket", "withdrawn_up_to": 2, "is_over": False}
    assert keys_of(rings["ticket"]).keys() == {"current", "1", "2", "3", "4"}
    assert keys_of(rings["ticket"])["current"] == "3"
    report = work(conn, send=False)

    assert (report["renewed"], report["withdrawn"], report["renewals_left"]) == (1, 0, 0)
    assert owed(conn) == [("order_confirmation", "buyer@example.com", "qrs")]
    assert keys_of(rings["ticket"]).keys() >= {"1", "2"}, "the email is not sent yet"
    reissued = tickets.list_valid(conn, ticket.order_id)[0]
    assert (reissued.key_id, reissued.qr != ticket.qr) == (3, True)
    assert "Your tickets have new QR codes." in text_of(conn, "order_confirmation")
    assert doors.scan(ticket, event_id=str(uuid4())).code == "wrong_event"  # it is the ticket's still

    work(conn)

    assert keys_of(rings["ticket"]).keys() == {"current", "3", "4"}
    assert doors.scan(ticket).code == "withdrawn"
    assert doors.scan(reissued).status == 200
    assert owed(conn) == [("order_confirmation", "buyer@example.com", "qrs")]
    row = conn.execute("SELECT subject FROM audit_log WHERE action = 'withdraw_key'").fetchone()
    assert row == ("ring ticket",)
    invariants.check(conn)


def test_an_email_that_was_tried_and_put_back_does_not_hold_the_withdrawal_up(
    doors: Doors, rings: dict[str, KeyRing], conn: Connection
) -> None:
    doors.sell()
    withdraw("ticket")
    work(conn, send=False)
    conn.execute("UPDATE outbox SET attempts = 1 WHERE status = 'pending'")

    work(conn, send=False)

    assert "1" not in keys_of(rings["ticket"])


def test_holders_of_transferred_tickets_get_their_own_email(
    doors: Doors, rings: dict[str, KeyRing], conn: Connection
) -> None:
    kept, sent = doors.sell(2)
    doors.transfer(sent)

    withdraw("ticket")
    work(conn)

    assert owed(conn) == [
        ("order_confirmation", "buyer@example.com", "qrs"),
        ("transfer_accepted", "bola@example.com", "qrs"),
    ]
    assert {ticket.key_id for ticket in tickets.list_valid(conn, kept.order_id)} == {3}
    assert "Your tickets have new QR codes." in text_of(conn, "transfer_accepted")


def test_nobody_writes_to_a_buyer_who_was_erased(doors: Doors, rings: dict[str, KeyRing], conn: Connection) -> None:
    (ticket,) = doors.sell()
    conn.execute("UPDATE orders SET buyer_email = concat(id, '@erased.invalid')")

    withdraw("ticket")
    work(conn)

    assert owed(conn) == []
    assert tickets.list_valid(conn, ticket.order_id)[0].key_id == 3


def test_tickets_of_past_cancelled_and_deleted_events_and_refunded_ones_stay(
    doors: Doors, rings: dict[str, KeyRing], conn: Connection
) -> None:
    (refunded,) = doors.sell()
    doors.refund(refunded)
    over = {"starts_at": NOW - timedelta(days=3), "ends_at": NOW - timedelta(hours=13)}
    for change in (over, {"status": "cancelled"}, {"deleted_at": NOW}):
        event = factories.event(conn, organisation_id=doors.organisation, **change)
        factories.paid_order(conn, factories.ticket_type(conn, event_id=event), quantity=1)

    withdraw("ticket")
    work(conn)

    assert owed(conn) == []
    assert "1" not in keys_of(rings["ticket"])


def test_the_next_event_comes_first(
    doors: Doors, rings: dict[str, KeyRing], conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = []
    for days in (30, 2, 9):
        event = factories.event(conn, starts_at=NOW + timedelta(days=days), ends_at=NOW + timedelta(days=days + 1))
        orders.append(factories.paid_order(conn, factories.ticket_type(conn, event_id=event), quantity=1))
    withdraw("ticket")
    conn.execute("UPDATE key_withdrawals SET signs_at = signs_at - interval '10 minutes'")
    (withdrawal,) = withdrawals.find_unlisted(conn, [])
    with conn.transaction():
        withdrawals.list_orders(conn, withdrawal)

    assert [renewal.id for renewal in withdrawals.find_renewals(conn, [])] == [orders[1], orders[2], orders[0]]


def test_a_ticket_that_an_environment_signed_with_the_former_key_is_found_by_another_look(
    doors: Doors, rings: dict[str, KeyRing], conn: Connection
) -> None:
    """An environment that cannot read the ring goes on with the one in hand."""
    doors.sell()
    withdraw("ticket")
    work(conn, send=False)
    (late,) = doors.sell()
    old = tickets.qr.text_of(keys_of(rings["ticket"])["1"].encode(), 1, 0, doors.organisation, late.id)
    conn.execute("UPDATE tickets SET key_id = 1, qr_hash = %s WHERE id = %s", [tickets.qr.hash_of(old), late.id])

    work(conn)
    work(conn)

    assert {ticket.key_id for ticket in tickets.list_valid(conn, late.order_id)} == {3}
    assert "1" not in keys_of(rings["ticket"])


# ------------------------------------------------------------------------------------------------------------ links


def test_links_end_at_once_and_new_ones_are_emailed(
    doors: Doors, rings: dict[str, KeyRing], api: Client, conn: Connection
) -> None:
    first, second, third = doors.sell(3)
    doors.transfer(second)
    factories.transfer(conn, third.id)
    ((_, email),) = offered(conn, doors)
    order_id = first.order_id
    old = guest_tokens.order_token(order_id)
    assert api.get(f"/v1/orders/{order_id}", order_token=old).status == 200

    assert withdraw("link") == {"ring": "link", "withdrawn_up_to": 2, "is_over": False}

    assert api.get(f"/v1/orders/{order_id}", order_token=old).status == 404
    assert run()["listed"] == 0, "some environments still write emails with the former key"
    work(conn)
    assert owed(conn) == [
        ("order_confirmation", "buyer@example.com", "links"),
        ("transfer_accepted", "bola@example.com", "links"),
        ("transfer_started", "bola@example.com", "links"),
        ("waitlist_offer", email, "links"),
    ]
    for template in ("order_confirmation", "transfer_accepted", "transfer_started", "waitlist_offer"):
        text = text_of(conn, template)
        assert "The links in our earlier emails no longer work." in text
        assert re.search(r"#token=(\w+\.)?3\.", text), "a link that the new key signs"
    assert api.get(f"/v1/orders/{order_id}", order_token=guest_tokens.order_token(order_id)).status == 200
    assert conn.execute("SELECT finished_at IS NOT NULL FROM key_withdrawals").fetchall() == [(True,)]
    work(conn)
    assert len(owed(conn)) == 4


def offered(conn: Connection, doors: Doors) -> list[tuple[UUID, str]]:
    """Make an offer of the waitlist. Return its id and address."""
    ticket_type = factories.ticket_type(conn, event_id=doors.event, quantity=1)
    order = factories.order(conn, ticket_type, quantity=1)
    factories.waitlist_entry(conn, ticket_type, quantity=1, email="chi@example.com")
    assert doors.api.post(f"/v1/orders/{order}/cancel", account=doors.manager).status == 200
    return conn.execute("SELECT id, email FROM waitlist_entries WHERE status = 'offered'").fetchall()


def test_without_a_shop_there_are_no_links_to_send(
    rings: dict[str, KeyRing], conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "")
    config.settings.cache_clear()

    withdraw("link")

    assert conn.execute("SELECT finished_at IS NOT NULL FROM key_withdrawals").fetchall() == [(True,)]


# ------------------------------------------------------------------------------------------- repeated and concurrent


def test_a_repeated_call_goes_on_with_the_same_withdrawal(rings: dict[str, KeyRing], conn: Connection) -> None:
    assert withdraw("ticket") == withdraw("ticket")

    assert conn.execute("SELECT count(*) FROM key_withdrawals").fetchone() == (1,)
    assert keys_of(rings["ticket"]).keys() == {"current", "1", "2", "3", "4"}


def test_a_second_leak_is_a_second_withdrawal(rings: dict[str, KeyRing], conn: Connection) -> None:
    assert withdraw("token")["withdrawn_up_to"] == 2
    assert withdraw("token")["withdrawn_up_to"] == 4

    assert keys_of(rings["token"]).keys() == {"current", "5", "6"}


@pytest.mark.parametrize("died_after", range(3))
def test_a_call_that_died_is_repeated(
    rings: dict[str, KeyRing], conn: Connection, monkeypatch: pytest.MonkeyPatch, died_after: int
) -> None:
    """It dies after one of the three changes of the ring."""
    change, calls = withdrawals._change, iter(range(10))

    def dies(*args: Any) -> None:
        change(*args)
        if next(calls) == died_after:
            raise KeyboardInterrupt

    monkeypatch.setattr(withdrawals, "_change", dies)
    with pytest.raises(KeyboardInterrupt):
        withdraw("token")

    assert withdraw("token") == {"ring": "token", "withdrawn_up_to": 2, "is_over": True}
    assert keys_of(rings["token"]).keys() == {"current", "3", "4"}


def test_a_rotation_that_began_before_brings_no_key_back(rings: dict[str, KeyRing], conn: Connection) -> None:
    ring = rings["token"].id
    token = announce(ring)
    step("createSecret", ring, token)

    withdraw("token")

    with pytest.raises(RotationOutdated):
        step("finishSecret", ring, token)
    assert keys_of(rings["token"]).keys() == {"current", "3", "4"}


def test_the_next_key_may_have_leaked_too(rings: dict[str, KeyRing]) -> None:
    """It was in the same secret."""
    before = {*keys_of(rings["token"]).values()} - {"1"}
    withdraw("token")

    assert before.isdisjoint(set(keys_of(rings["token"]).values()) - {"3"})


@pytest.mark.parametrize("ring", ["data", "database", "", "TicketKeys"])
def test_other_rings_are_refused(rings: dict[str, KeyRing], ring: str) -> None:
    """What the keys of the ring `data` encrypt could not be read any more."""
    with pytest.raises(NotWithdrawable):
        withdraw(ring)
