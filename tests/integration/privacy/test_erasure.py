"""What an erasure takes away, what it keeps, and what it waits for."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from boxoffice import audit
from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token
from boxoffice.privacy.models import Person
from boxoffice.tickets import transfers
from boxoffice.tickets.models import AcceptTransferRequest
from tests.helpers import factories, invariants
from tests.helpers.erasures import (
    EMAIL,
    NAME,
    PHONE,
    begin,
    erase,
    guest,
    is_finished,
    let_an_hour_pass,
    run_job,
    traces,
)
from tests.helpers.factories import NOW
from tests.helpers.forms import answer
from tests.helpers.mailbox import owe
from tests.helpers.support import Client

BUYER = {"buyer_name": NAME, "buyer_email": EMAIL, "buyer_phone": PHONE}


@pytest.fixture
def account(conn: Connection) -> UUID:
    return factories.account(conn, name=NAME, email=EMAIL, phone=PHONE)


def of_account(account: UUID) -> Person:
    """A person who logs in, but has not proven to read the address of the account."""
    return Person(account_id=account, email=EMAIL, is_proven=False, phone=None)


def accept(conn: Connection, transfer: UUID, account: UUID | None = None) -> None:
    request = AcceptTransferRequest(token=transfers.token_of(transfer), name=NAME)
    with conn.transaction():
        transfers.accept_transfer(conn, Caller(Who.PUBLIC, account_id=account), request)


def tickets_of(conn: Connection, order: UUID) -> list[UUID]:
    rows = conn.execute("SELECT id FROM tickets WHERE order_id = %s ORDER BY position", [order]).fetchall()
    return [row[0] for row in rows]


def everything_of(conn: Connection, account: UUID | None) -> None:
    """Let a person do all that leaves a trace, with an account or as a guest."""
    ticket_type = factories.ticket_type(conn)
    own = {"account_id": account} if account else {}
    order = factories.paid_order(conn, ticket_type, **BUYER, **own)
    payment = factories.payment(conn, order, status="succeeded", prepared='{"url": "https://pay.example/zainab"}')
    conn.execute(
        """INSERT INTO provider_events (provider, event_id, payment_id, kind, payload, effect)
        VALUES ('generic', '1', %s, 'succeeded', '{"reason": "Zainab, thank you"}', 'paid')""",
        [payment],
    )
    sent, _ = tickets_of(conn, order)
    factories.transfer(conn, sent)
    of_another = factories.paid_order(conn, ticket_type, quantity=1)
    accept(conn, factories.transfer(conn, *tickets_of(conn, of_another), email=EMAIL), account)
    factories.waitlist_entry(conn, ticket_type, name=NAME, email=EMAIL, status="lapsed", **own)
    factories.waitlist_entry(conn, factories.ticket_type(conn, quantity=0), name=NAME, email=EMAIL, **own)
    claim, _ = factories.claim(conn, factories.place(conn))
    conn.execute("UPDATE claims SET note = 'coat of Zainab' WHERE id = %s", [claim])
    identity = "account_id = %(account)s, email = NULL" if account else "email = %(email)s"
    conn.execute(
        f"UPDATE customers SET name = %(name)s, {identity}", {"account": account, "email": EMAIL, "name": NAME}
    )
    conn.execute("UPDATE outbox SET status = 'sent' WHERE recipient = %s", [EMAIL])
    owe(conn, order, recipient=EMAIL, status="failed", last_error=f"MessageRejected: {EMAIL}")


def test_nothing_of_a_guest_is_left_and_the_books_are_whole(api: Client, conn: Connection) -> None:
    everything_of(conn, None)
    before = conn.execute("SELECT id, status, total, currency FROM orders ORDER BY id").fetchall()
    valid = conn.execute("SELECT id, status, qr_hash FROM tickets ORDER BY id").fetchall()
    assert len(traces(conn)) == 10

    erase(conn, guest())

    assert traces(conn) == set()
    assert conn.execute("SELECT id, status, total, currency FROM orders ORDER BY id").fetchall() == before
    assert conn.execute("SELECT id, status, qr_hash FROM tickets ORDER BY id").fetchall() == valid
    assert conn.execute("SELECT effect, payload FROM provider_events").fetchall() == [("paid", {})]
    invariants.check(conn)


def test_nothing_of_an_account_is_left_but_the_account_itself(api: Client, conn: Connection, account: UUID) -> None:
    everything_of(conn, account)

    erase(conn, of_account(account))

    assert traces(conn) == {"accounts"}  # `delete_me` has erased it before
    assert traces(conn, str(account)) == {"accounts", "sessions", "erasures"}
    invariants.check(conn)


HOLDER = {"name": NAME, "email": EMAIL, "answers": [answer("note", f"{NAME}, {PHONE}")]}


def test_answers_and_holders_go_with_their_buyer(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    details = {"answers": {str(ticket_type): HOLDER["answers"]}, "holders": [HOLDER, {}]}
    factories.paid_order(conn, ticket_type, **BUYER, details=Jsonb(details))
    factories.order(conn, ticket_type, **BUYER, status="expired", draws="{}", details=Jsonb(details))
    assert {"orders", "tickets", "guest_list"} <= traces(conn)

    erase(conn, guest())

    assert traces(conn) == set()


def test_a_holder_whom_a_buyer_has_named_is_erased_and_the_ticket_stays_the_buyers(
    api: Client, conn: Connection
) -> None:
    buyer = factories.account(conn)
    order = factories.paid_order(
        conn, factories.ticket_type(conn), account_id=buyer, details=Jsonb({"holders": [HOLDER, {"name": "Bola"}]})
    )

    erase(conn, guest())

    assert traces(conn) == set()
    assert conn.execute(
        "SELECT account_id, holder_name, holder_contact, answers FROM tickets WHERE order_id = %s ORDER BY position",
        [order],
    ).fetchall() == [(buyer, "Erased", None, None), (buyer, "Bola", None, None)]
    invariants.check(conn)


def test_others_keep_what_is_theirs(api: Client, conn: Connection, account: UUID) -> None:
    ticket_type = factories.ticket_type(conn)
    order = factories.paid_order(conn, ticket_type, **BUYER, account_id=account)
    passed, _ = tickets_of(conn, order)
    transfer = factories.transfer(conn, passed, email="bola@example.com")
    with conn.transaction():
        request = AcceptTransferRequest(token=transfers.token_of(transfer), name="Bola")
        transfers.accept_transfer(conn, Caller(Who.PUBLIC), request)
    factories.paid_order(conn, ticket_type, buyer_name="Bola")
    of_same_name = factories.paid_order(conn, ticket_type, buyer_name=NAME, account_id=factories.account(conn))

    erase(conn, of_account(account))

    row = "SELECT holder_name, holder_email FROM tickets WHERE id = %s"
    assert conn.execute(row, [passed]).fetchone() == ("Bola", "bola@example.com")
    assert conn.execute("SELECT from_name, to_name FROM transfers").fetchall() == [("Erased", "Bola")]
    assert conn.execute("SELECT count(*) FROM orders WHERE buyer_name = 'Bola'").fetchone() == (1,)
    assert conn.execute("SELECT buyer_name FROM orders WHERE id = %s", [of_same_name]).fetchone() == (NAME,)


def test_an_address_that_is_not_proven_erases_no_guest(api: Client, conn: Connection, account: UUID) -> None:
    of_guest = factories.paid_order(conn, factories.ticket_type(conn), **BUYER)

    erase(conn, of_account(account))
    assert conn.execute("SELECT buyer_name FROM orders WHERE id = %s", [of_guest]).fetchone() == (NAME,)

    erase(conn, guest())
    assert conn.execute("SELECT buyer_name FROM orders WHERE id = %s", [of_guest]).fetchone() == ("Erased",)


def test_whoever_names_an_address_in_an_order_erases_nothing_of_its_owner(api: Client, conn: Connection) -> None:
    """Or people could take a victim's messages out of the books, with an order in the victim's name."""
    ticket_type = factories.ticket_type(conn)
    of_victim = factories.paid_order(conn, ticket_type, **BUYER)
    stranger = factories.account(conn)
    of_stranger = factories.paid_order(conn, ticket_type, **BUYER, account_id=stranger)
    kept = [owe(conn, of_victim, recipient=EMAIL, status="sent")]
    kept.append(owe(conn, of_victim, recipient=EMAIL, status="sent", template="password_changed", payload="{}"))
    erased = owe(conn, of_stranger, recipient=EMAIL, status="sent")

    erase(conn, Person(account_id=stranger, email="mallory@example.com", is_proven=True, phone=None))

    recipients = dict(conn.execute("SELECT id, recipient FROM outbox").fetchall())
    assert [recipients[message] for message in kept] == [EMAIL] * 2
    assert recipients[erased] == ""


def test_an_address_that_is_not_proven_erases_nothing_of_its_owner(
    api: Client, conn: Connection, account: UUID
) -> None:
    """Anybody can make an account with somebody's address, where the deployment verifies none."""
    of_victim = factories.paid_order(conn, factories.ticket_type(conn), **BUYER)
    owe(conn, of_victim, recipient=EMAIL, status="failed")
    organisation = factories.organisation(conn)
    audit.record(conn, None, "invite_member", "invitation", organisation=organisation, email=EMAIL)

    erase(conn, of_account(account))

    assert conn.execute("SELECT recipient FROM outbox WHERE status = 'failed'").fetchall() == [(EMAIL,)]
    assert conn.execute("SELECT value FROM audit_values WHERE chain = %s", [organisation]).fetchall() == [(EMAIL,)]


def test_what_a_guest_does_after_they_asked_stays(api: Client, conn: Connection) -> None:
    ticket_type, sold_out = factories.ticket_type(conn), factories.ticket_type(conn, quantity=0)
    before = factories.paid_order(conn, ticket_type, **BUYER)
    erasure = begin(conn, guest())
    later = factories.paid_order(conn, ticket_type, **BUYER, created_at=datetime.now(UTC))
    factories.waitlist_entry(conn, sold_out, name=NAME, email=EMAIL)
    conn.execute("UPDATE outbox SET status = 'sent'")

    run_job()
    let_an_hour_pass(conn)
    run_job()

    names = dict(conn.execute("SELECT id, buyer_name FROM orders").fetchall())
    assert names == {before: "Erased", later: NAME}
    assert conn.execute("SELECT status FROM waitlist_entries").fetchall() == [("waiting",)]
    assert is_finished(conn, erasure)


def test_an_account_erases_guests_with_its_proven_address(api: Client, conn: Connection, account: UUID) -> None:
    of_guest = factories.paid_order(conn, factories.ticket_type(conn), **BUYER)

    erase(conn, Person(account_id=account, email=EMAIL, is_proven=True, phone=PHONE))

    assert conn.execute("SELECT buyer_name FROM orders WHERE id = %s", [of_guest]).fetchone() == ("Erased",)


def test_what_is_under_way_is_erased_once_it_has_ended(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    pending = factories.order(conn, ticket_type, **BUYER)
    expired = factories.order(conn, ticket_type, status="expired", **BUYER)
    payment = factories.payment(conn, expired, ask_at=NOW + timedelta(days=1))
    message = owe(conn, pending, recipient=EMAIL)
    erasure = begin(conn, guest())

    run_job()
    let_an_hour_pass(conn)
    run_job()
    assert not is_finished(conn, erasure)
    assert traces(conn) == {"orders", "outbox", "erasures"}

    conn.execute("UPDATE orders SET status = 'cancelled', draws = '{}' WHERE id = %s", [pending])
    conn.execute("UPDATE payments SET ask_at = NULL, status = 'failed' WHERE id = %s", [payment])
    conn.execute("UPDATE outbox SET status = 'sent' WHERE id = %s", [message])
    let_an_hour_pass(conn)
    run_job()
    assert is_finished(conn, erasure)
    assert traces(conn) == set()


def test_it_ends_no_sooner_than_an_hour_after_it_was_asked(api: Client, conn: Connection, account: UUID) -> None:
    erasure = begin(conn, of_account(account))
    run_job()
    assert not is_finished(conn, erasure)

    # A purchase that began before the account was closed commits after the job has run.
    late = factories.order(conn, factories.ticket_type(conn), status="expired", account_id=account, **BUYER)
    assert run_job()["erasures"] == 0
    let_an_hour_pass(conn)
    run_job()

    assert is_finished(conn, erasure)
    assert conn.execute("SELECT buyer_name, account_id FROM orders WHERE id = %s", [late]).fetchone() == (
        "Erased",
        None,
    )


def test_an_offer_goes_to_the_next_who_waits(api: Client, conn: Connection) -> None:
    from boxoffice.waitlist import service as waitlist

    ticket_type = factories.ticket_type(conn, quantity=2)
    first = factories.waitlist_entry(conn, ticket_type, name=NAME, email=EMAIL)
    second = factories.waitlist_entry(conn, ticket_type)
    assert waitlist.make_offers(conn, ticket_type) == 1

    erase(conn, guest())

    states = dict(conn.execute("SELECT id, status FROM waitlist_entries").fetchall())
    assert states == {first: "left", second: "offered"}
    invariants.check(conn)


def test_a_pending_transfer_to_the_person_ends(api: Client, conn: Connection) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn), quantity=1)
    transfer = factories.transfer(conn, *tickets_of(conn, order), email=EMAIL)

    erase(conn, guest())

    answer = api.post("/v1/transfers/accept", {"token": transfers.token_of(transfer), "name": "Bola"})
    assert (answer.status, answer.code) == (409, "transfer_replaced")


def test_the_buyer_of_an_erased_order_still_gets_in(api: Client, conn: Connection) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn), quantity=1, **BUYER)
    (ticket,) = tickets_of(conn, order)

    erase(conn, guest())

    answer = api.get(f"/v1/tickets/{ticket}", order_token=order_token(order))
    assert (answer.status, answer.json["holder_name"], answer.json["status"]) == (200, "Erased", "valid")


@pytest.mark.parametrize("with_account", [True, False])
def test_limits_per_buyer_go_on_counting(api: Client, conn: Connection, account: UUID, *, with_account: bool) -> None:
    ticket_type = factories.ticket_type(conn, max_per_buyer=2)
    own = {"account_id": account} if with_account else {}
    order = factories.paid_order(conn, ticket_type, **BUYER, **own)
    erase(conn, of_account(account) if with_account else guest())

    def buy(email: str) -> str:
        request = factories.order_request(ticket_type, 1, buyer={"name": "Ada", "email": email})
        answer = api.post("/v1/orders", request, key="new")
        return "" if answer.status == 201 else answer.code

    assert buy(EMAIL) == "buyer_limit_reached"
    assert buy("somebody.else@example.com") == ""

    conn.execute(
        "UPDATE events SET starts_at = now() - interval '2 days', ends_at = now() - interval '1 day' WHERE id IN "
        "(SELECT event_id FROM order_items WHERE order_id = %s)",
        [order],
    )
    conn.execute("UPDATE erased_buyers SET until = now()")
    assert run_job()["buyers"] == 1
    assert conn.execute("SELECT count(*) FROM erased_buyers").fetchone() == (0,)


def test_no_limit_remembers_a_buyer_of_an_event_that_is_over(api: Client, conn: Connection) -> None:
    event = factories.event(conn, starts_at=NOW - timedelta(days=2), ends_at=NOW - timedelta(days=1))
    factories.paid_order(conn, factories.ticket_type(conn, event_id=event), **BUYER)

    erase(conn, guest())

    assert conn.execute("SELECT count(*) FROM erased_buyers").fetchone() == (0,)


def test_a_finished_erasure_shows_that_it_was_done_and_of_whom_no_more(
    api: Client, conn: Connection, account: UUID
) -> None:
    erase(conn, of_account(account))

    row = conn.execute("SELECT account_id, email, phone, finished_at > asked_at FROM erasures").fetchone()
    assert row == (account, None, None, True)


def test_many_orders_are_erased_in_one_run(api: Client, conn: Connection, account: UUID) -> None:
    ticket_type = factories.ticket_type(conn, quantity=1000)
    for _ in range(450):
        factories.order(conn, ticket_type, quantity=1, status="expired", account_id=account, **BUYER)

    begin(conn, of_account(account))
    run_job()

    assert conn.execute("SELECT count(*) FROM orders WHERE buyer_name <> 'Erased'").fetchone() == (0,)
