"""Nobody is offered what they may not buy, and no mailbox has many open offers."""

from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.erased import mac_of
from boxoffice.guest_tokens import waitlist_token
from tests.helpers import factories, invariants
from tests.helpers.factories import NOW
from tests.helpers.support import Client, context, function
from tests.integration.waitlist.conftest import run_job

ADA, BOLA = "ada@example.com", "bola@example.com"


def statuses(conn: Connection, *entries: UUID) -> list[str]:
    stored = dict(conn.execute("SELECT id, status FROM waitlist_entries").fetchall())
    return [stored[entry] for entry in entries]


class TestTheLimitOfABuyer:
    @pytest.fixture
    def ticket_type(self, api: Client, conn: Connection) -> UUID:
        return factories.ticket_type(conn, quantity=10, max_per_buyer=2)

    @pytest.mark.parametrize("order", ["pending", "paid", "group"])
    def test_who_has_as_many_as_allowed_is_passed_over(
        self, api: Client, conn: Connection, ticket_type: UUID, order: str
    ) -> None:
        make = factories.order if order == "pending" else factories.paid_order
        if order == "group":
            conn.execute("UPDATE ticket_types SET ticket_mode = 'group'")
        make(conn, ticket_type, quantity=1, buyer_email=ADA)
        ada = factories.waitlist_entry(conn, ticket_type, email=ADA)
        bola = factories.waitlist_entry(conn, ticket_type, email=BOLA)

        assert run_job()["offered"] == 1

        assert statuses(conn, ada, bola) == ["waiting", "offered"]
        invariants.check(conn)

    def test_what_a_person_has_still_leaves_room_for_the_rest(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        factories.order(conn, ticket_type, quantity=1, buyer_email=ADA)
        factories.paid_order(conn, factories.ticket_type(conn), quantity=2, buyer_email=ADA)
        ada = factories.waitlist_entry(conn, ticket_type, email=ADA, quantity=1)
        assert run_job()["offered"] == 1
        request = factories.order_request(
            ticket_type, 1, buyer={"name": "Ada", "email": ADA}, waitlist_token=waitlist_token(ada)
        )
        assert api.post("/v1/orders", request, key="new").status == 201
        invariants.check(conn)

    @pytest.mark.parametrize("status", ["cancelled", "expired", "refunded"])
    def test_orders_that_have_ended_do_not_count(
        self, api: Client, conn: Connection, ticket_type: UUID, status: str
    ) -> None:
        factories.order(conn, ticket_type, quantity=2, buyer_email=ADA, status=status, draws="{}")
        conn.execute("UPDATE stock SET available = available + held, held = 0")
        factories.waitlist_entry(conn, ticket_type, email=ADA)
        assert run_job()["offered"] == 1

    def test_refunded_tickets_do_not_count(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        factories.paid_order(conn, ticket_type, quantity=2, buyer_email=ADA)
        ada = factories.waitlist_entry(conn, ticket_type, email=ADA, quantity=1)
        assert run_job()["offered"] == 0
        conn.execute("UPDATE tickets SET status = 'refunded' WHERE id = (SELECT id FROM tickets LIMIT 1)")
        assert run_job()["offered"] == 1
        assert statuses(conn, ada) == ["offered"]

    def test_the_account_counts_by_whatever_address_it_bought(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        account = factories.account(conn)
        factories.order(conn, ticket_type, quantity=1, account_id=account)
        factories.waitlist_entry(conn, ticket_type, account_id=account)
        assert run_job()["offered"] == 0

    def test_an_account_gets_one_offer_though_it_waits_by_two_addresses(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        account = factories.account(conn)
        for email in (ADA, BOLA):
            factories.waitlist_entry(conn, ticket_type, account_id=account, email=email)
            run_job()
        assert conn.execute("SELECT count(*) FROM waitlist_entries WHERE status = 'offered'").fetchone() == (1,)

    def test_a_mailbox_gets_one_offer_though_it_waits_by_several_spellings(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        """It could accept only one of them, and the others would hold tickets for an hour."""
        tagged = [factories.waitlist_entry(conn, ticket_type, email=f"ada+{n}@example.com") for n in range(3)]
        bola = factories.waitlist_entry(conn, ticket_type, email=BOLA)

        assert [run_job()["offered"], run_job()["offered"]] == [2, 0]

        assert statuses(conn, *tagged) == ["offered", "waiting", "waiting"]
        assert statuses(conn, bola) == ["offered"]
        assert invariants.left(conn, ticket_type) == (6, 4, 0)
        invariants.check(conn)

    def test_orders_whose_buyer_was_erased_count_for_the_address(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        before = factories.paid_order(conn, ticket_type, quantity=1)
        conn.execute(
            "INSERT INTO erased_buyers (address_mac, order_id, until) VALUES (%s, %s, %s)",
            [mac_of(ADA), before, NOW + timedelta(days=9)],
        )
        conn.execute("UPDATE stock SET available = 0, held = held + available")
        join = {"quantity": 1, "name": "Ada", "email": ADA}
        assert api.post(f"/v1/ticket-types/{ticket_type}/waitlist", join).status == 202
        for spelling in (ADA, ADA.replace("@", "+2@")):
            token = factories.waitlist_token(conn, ticket_type, quantity=2, email=spelling)
            assert api.post("/v1/waitlist/confirm", {"token": token}).json["most"] == 1
        token = factories.waitlist_token(conn, ticket_type, quantity=1, email=ADA)
        assert api.post("/v1/waitlist/confirm", {"token": token}).status == 200
        conn.execute("UPDATE stock SET available = held, held = 0")
        factories.order(conn, ticket_type, quantity=1, buyer_email=ADA)

        assert run_job()["offered"] == 0, "one order is from before the erasure, and one from after it"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ticket_types SET min_per_order = 3",
        "UPDATE ticket_types SET max_per_order = 1",
        "UPDATE ticket_types SET hidden = true",
        "UPDATE ticket_types SET sales_end = now()",
        "UPDATE ticket_types SET sales_start = now() + interval '1 day'",
        "UPDATE ticket_types SET deleted_at = now()",
        "UPDATE events SET status = 'draft'",
        "UPDATE events SET deleted_at = now()",
        "UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'",
    ],
)
def test_nothing_is_offered_that_cannot_be_ordered(api: Client, conn: Connection, change: str) -> None:
    ticket_type = factories.ticket_type(conn, quantity=10)
    entry = factories.waitlist_entry(conn, ticket_type)
    conn.execute(change)

    assert run_job()["offered"] == 0

    request = factories.order_request(ticket_type, 2)
    assert api.post("/v1/orders", request, key="new").status in (404, 409, 422), "nor could anybody else buy it"
    assert statuses(conn, entry) in (["waiting"], ["closed"])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ticket_types SET min_per_order = 3",
        "UPDATE ticket_types SET hidden = true",
        "UPDATE ticket_types SET sales_end = now()",
        "UPDATE ticket_types SET sales_start = now() + interval '1 day'",
        "UPDATE events SET ends_at = now(), starts_at = now() - interval '1 hour'",
        "UPDATE events SET status = 'cancelled'",
    ],
)
def test_an_offer_ends_that_nobody_can_accept_any_more(api: Client, conn: Connection, change: str) -> None:
    ticket_type = factories.ticket_type(conn, quantity=2)
    entry = factories.waitlist_entry(conn, ticket_type)
    assert run_job()["offered"] == 1
    conn.execute(change)

    assert run_job()["lapsed"] == 1

    assert statuses(conn, entry) == ["lapsed"]
    assert conn.execute("SELECT expires_at <= now() FROM waitlist_entries").fetchone() == (True,)
    templates = conn.execute("SELECT template FROM outbox ORDER BY id").fetchall()
    assert templates == [("waitlist_offer",), ("waitlist_lapsed",)]
    assert invariants.left(conn, ticket_type) == (2, 0, 0)
    invariants.check(conn)


class TestAMailbox:
    def test_it_has_three_open_offers_at_the_most(self, api: Client, conn: Connection) -> None:
        ticket_type, other = (factories.ticket_type(conn, quantity=10) for _ in range(2))
        tagged = [
            factories.waitlist_entry(conn, ticket_type, email=f"ada+{number}@example.com", quantity=1)
            for number in range(5)
        ]
        elsewhere = factories.waitlist_entry(conn, other, email=ADA, quantity=1)
        bola = factories.waitlist_entry(conn, ticket_type, email=BOLA, quantity=1)

        assert run_job()["offered"] == 4

        assert statuses(conn, *tagged) == ["offered"] * 3 + ["waiting"] * 2
        assert statuses(conn, elsewhere, bola) == ["waiting", "offered"]
        conn.execute("UPDATE waitlist_entries SET expires_at = now() WHERE id = %s", [tagged[0]])
        assert run_job()["lapsed"] == 1
        assert statuses(conn, *tagged) == ["lapsed", *["offered"] * 3, "waiting"]
        invariants.check(conn)


def test_ghosts_do_not_hold_tickets(api: Client, conn: Connection) -> None:
    """Ten addresses that nobody reads would hold two tickets for six hours each, one after the other."""
    ticket_type = factories.ticket_type(conn, quantity=2)
    factories.order(conn, ticket_type, quantity=2)
    for number in range(10):
        body = {"quantity": 2, "name": "Ghost", "email": f"ghost{number}@example.com"}
        assert api.post(f"/v1/ticket-types/{ticket_type}/waitlist", body).status == 202
    token = factories.waitlist_token(conn, ticket_type, email=ADA)
    entry = UUID(api.post("/v1/waitlist/confirm", {"token": token}).json["entry_id"])
    conn.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")

    function("expire_orders").handler({}, context())

    assert statuses(conn, entry) == ["offered"], "she has joined last, and is the first of whom we know that she reads"
    conn.execute("UPDATE waitlist_entries SET expires_at = now()")
    assert run_job() == {"closed": 0, "lapsed": 1, "offered": 0, "units_failed": 0}
    assert invariants.left(conn, ticket_type) == (2, 0, 0), "the public buys them, not the ghosts"
    invariants.check(conn)


def test_an_event_says_how_long_its_offers_last(api: Client, conn: Connection) -> None:
    """Both offers are made at one moment. So the longer one lasts longer, whatever the clock at the venue says."""
    for minutes in (60, 840):
        event = factories.event(
            conn, waitlist_offer_minutes=minutes, starts_at=NOW + timedelta(days=30), ends_at=NOW + timedelta(days=31)
        )
        factories.waitlist_entry(conn, factories.ticket_type(conn, event_id=event))

    assert run_job()["offered"] == 2

    ((hour,), (day,)) = conn.execute("SELECT expires_at - now() FROM waitlist_entries ORDER BY id").fetchall()
    assert timedelta(minutes=59) < hour < timedelta(hours=11, minutes=1), "a night and an hour at the most"
    # Of 14 hours, each day has 14: they take a day and night, less what is over or not begun.
    assert timedelta(hours=13, minutes=59) < day < timedelta(hours=24, minutes=1)
