"""POST /v1/order-confirmations: a guest gets the tickets of a free order by the link of an email."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token, waitlist_token
from boxoffice.one_time import Purpose
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import guest_budget, order_request, platform_setting, text_of
from tests.helpers.support import Answer, Client, context, function

ADA = {"name": "Ada", "email": "ada@example.com"}


@pytest.fixture
def event(conn: Connection) -> UUID:
    return factories.event(conn, confirm_free_orders=True)


@pytest.fixture
def ticket_type(conn: Connection, event: UUID) -> UUID:
    return factories.ticket_type(conn, event_id=event, price=0)


def buy(api: Client, ticket_type: UUID, quantity: int = 2, *, buyer: dict[str, str] = ADA, **options: Any) -> Answer:
    return api.post("/v1/orders", order_request(ticket_type, quantity, buyer=buyer), **{"key": "new", **options})


def token_for(conn: Connection, order_id: str) -> str:
    """Return the token of the link that was emailed for an order."""
    query = "SELECT payload ->> 'token_id' FROM outbox WHERE template = 'confirm_order' AND payload ->> 'order_id' = %s"
    (token_id,) = conn.execute(query, [order_id]).fetchone() or (None,)
    return text_of(Purpose.CONFIRM_ORDER, UUID(token_id))


def confirm(api: Client, token: str) -> Answer:
    return api.post("/v1/order-confirmations", {"token": token})


def test_the_link_gets_the_tickets(api: Client, conn: Connection, ticket_type: UUID) -> None:
    placed = buy(api, ticket_type).json
    assert (placed["status"], placed["total"]) == ("pending", 0)
    assert invariants.left(conn, ticket_type) == (98, 2, 0)
    assert owed(conn) == [("confirm_order", "ada@example.com")]

    confirmed = confirm(api, token_for(conn, placed["id"]))

    assert (confirmed.status, confirmed.json) == (200, placed | {"status": "paid"})
    assert invariants.left(conn, ticket_type) == (98, 0, 2)
    order = api.get(f"/v1/orders/{placed['id']}", order_token=confirmed.json["access_token"]).json
    assert (order["status"], len(order["tickets"])) == ("paid", 2)
    assert owed(conn) == [("confirm_order", "ada@example.com"), ("order_confirmation", "ada@example.com")]
    invariants.check(conn)


def owed(conn: Connection) -> list[Any]:
    query = "SELECT template, recipient FROM outbox WHERE kind = 'email' ORDER BY created_at, id"
    return conn.execute(query).fetchall()


def test_it_works_once(api: Client, conn: Connection, ticket_type: UUID) -> None:
    token = token_for(conn, buy(api, ticket_type).json["id"])
    assert confirm(api, token).status == 200

    again = confirm(api, token)

    assert (again.status, again.code) == (409, "link_over")
    assert confirm(api, f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}").code == "link_over"
    assert invariants.left(conn, ticket_type) == (98, 0, 2)


def test_a_token_is_known_as_an_email_program_wraps_it(api: Client, conn: Connection, ticket_type: UUID) -> None:
    token = token_for(conn, buy(api, ticket_type).json["id"])

    assert confirm(api, f"\ufeff {token[:30]}\r\n {token[30:]}\n").status == 200


def test_who_is_known_gets_the_tickets_at_once(api: Client, conn: Connection, event: UUID, ticket_type: UUID) -> None:
    organisation = conn.execute("SELECT organisation_id FROM events WHERE id = %s", [event]).fetchone() or ()
    _, key = factories.api_key(conn, *organisation)

    assert buy(api, ticket_type, account=factories.account(conn)).json["status"] == "paid"
    assert buy(api, ticket_type, headers={"x-api-key": key}).json["status"] == "paid"
    priced = factories.ticket_type(conn, event_id=event)
    assert buy(api, priced).json["status"] == "pending"
    assert owed(conn)[-1][0] == "order_confirmation"


def test_a_repeat_gets_the_first_answer_also_after_it_was_confirmed(
    api: Client, conn: Connection, ticket_type: UUID
) -> None:
    first = buy(api, ticket_type, key="again").json
    assert buy(api, ticket_type, key="again").json == first
    assert confirm(api, token_for(conn, first["id"])).status == 200

    assert buy(api, ticket_type, key="again").json == first
    assert [template for template, _ in owed(conn)] == ["confirm_order", "order_confirmation"]


class TestLimitPerBuyer:
    """What a buyer has got by an account, or by an offer, counts though no link has confirmed it."""

    @pytest.fixture
    def ticket_type(self, conn: Connection, event: UUID) -> UUID:
        return factories.ticket_type(conn, event_id=event, price=0, max_per_buyer=2)

    def test_the_orders_of_the_mailboxs_own_account_count(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        owner = factories.account(conn, email="ada@example.com", email_verified_at=factories.NOW)
        assert buy(api, ticket_type, account=owner).json["status"] == "paid"

        assert buy(api, ticket_type, 1, buyer={"name": "A", "email": "ada+x@example.com"}).code == "buyer_limit_reached"

    def test_those_of_other_accounts_do_not(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        assert buy(api, ticket_type, account=factories.account(conn, email="ada@example.com")).status == 201

        assert confirm(api, token_for(conn, buy(api, ticket_type).json["id"])).status == 200

    def test_what_the_waitlist_offered_counts(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        entry = factories.waitlist_entry(conn, ticket_type, email="ada@example.com")
        function("offer_waitlist").handler({}, context())
        token = waitlist_token(entry)
        request = order_request(ticket_type, 2, buyer=ADA, waitlist_token=token)
        first = api.post("/v1/orders", request, key="offered")
        assert first.json["status"] == "paid"

        assert buy(api, ticket_type, 1).code == "buyer_limit_reached"
        assert api.post("/v1/orders", request, key="offered").json == first.json
        invariants.check(conn)


def test_what_nobody_confirms_lapses(api: Client, conn: Connection, ticket_type: UUID) -> None:
    placed = buy(api, ticket_type).json
    token = token_for(conn, placed["id"])
    conn.execute("UPDATE orders SET expires_at = now()")

    sellers.expire_orders(conn)

    assert invariants.left(conn, ticket_type) == (100, 0, 0)
    refused = confirm(api, token)
    assert (refused.status, refused.code, refused.json["order_status"]) == (409, "order_not_pending", "expired")
    assert conn.execute("SELECT count(*) FROM guest_holds").fetchone() == (0,)
    invariants.check(conn)


def test_a_link_ends_with_its_hold(api: Client, conn: Connection, ticket_type: UUID) -> None:
    platform_setting(conn, confirmation_minutes=10)
    placed = buy(api, ticket_type).json

    start, end = (datetime.fromisoformat(placed[name]) for name in ("created_at", "expires_at"))
    assert (end - start).total_seconds() == 600
    (lifetime,) = conn.execute(
        "SELECT extract(epoch FROM expires_at - now())::float8 FROM one_time_tokens WHERE purpose = 'confirm order'"
    ).fetchone() or (0,)
    assert 590 < lifetime <= 600
    conn.execute("UPDATE one_time_tokens SET expires_at = now()")
    assert confirm(api, token_for(conn, placed["id"])).code == "link_over"


def test_the_email_leads_to_the_page_and_is_not_sent_too_late(api: Client, conn: Connection, ticket_type: UUID) -> None:
    from boxoffice.emails import NotNeeded
    from boxoffice.orders.emails import confirm_order

    placed = buy(api, ticket_type).json
    token = token_for(conn, placed["id"])
    (token_id,) = conn.execute("SELECT id::text FROM one_time_tokens").fetchone() or ("",)

    email = confirm_order(conn, placed["id"], token_id)

    assert email.subject == "Confirm your order"
    for part in (email.text, email.html):
        assert f"http://127.0.0.1:3000/confirm-order#token={token}" in part
    assert "ada" not in email.text.lower()  # no words of strangers
    confirm(api, token)
    with pytest.raises(NotNeeded):
        confirm_order(conn, placed["id"], token_id)


def test_nobody_pays_for_it(api: Client, conn: Connection, event: UUID, ticket_type: UUID) -> None:
    placed = buy(api, ticket_type).json
    manager = factories.member(conn, UUID(placed["organisation_id"]), "manager")
    path = f"/v1/orders/{placed['id']}"

    started = api.post(
        f"{path}/payments", {"provider": "sandbox"}, key="new", order_token=order_token(UUID(placed["id"]))
    )
    marked = api.post(f"{path}/mark-paid", {"method": "cash"}, key="new", account=manager)

    assert [(answer.status, answer.code) for answer in (started, marked)] == [(409, "nothing_to_pay")] * 2
    assert api.post(f"{path}/cancel", order_token=order_token(UUID(placed["id"]))).status == 200
    assert confirm(api, token_for(conn, placed["id"])).json["order_status"] == "cancelled"


class TestLimits:
    def test_orders_that_nobody_confirmed_do_not_use_up_a_buyers_limit(
        self, api: Client, conn: Connection, event: UUID
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, price=0, max_per_buyer=2)
        stranger, own = (buy(api, ticket_type).json for _ in range(2))

        assert confirm(api, token_for(conn, own["id"])).status == 200
        refused = confirm(api, token_for(conn, stranger["id"]))

        assert (refused.status, refused.code, refused.json["taken"]) == (409, "buyer_limit_reached", 2)
        assert buy(api, ticket_type, 1).code == "buyer_limit_reached"
        invariants.check(conn)

    def test_a_confirmed_order_counts_for_the_owner_of_the_address(
        self, api: Client, conn: Connection, event: UUID
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, price=0, max_per_buyer=2)
        owner = factories.account(conn, email="ada@example.com", email_verified_at=factories.NOW)
        assert confirm(api, token_for(conn, buy(api, ticket_type).json["id"])).status == 200

        assert buy(api, ticket_type, 1, account=owner).code == "buyer_limit_reached"

    def test_confirmed_orders_count_for_a_day(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        platform_setting(conn, guest_free=guest_budget(network_percent=1, network_least=2))
        for number in range(2):
            placed = buy(api, ticket_type, 1, buyer={"name": "A", "email": f"{uuid4()}@example.com"}).json
            assert confirm(api, token_for(conn, placed["id"])).status == 200, number

        refused = buy(api, ticket_type, 1)

        assert (refused.code, refused.json["kind"]) == ("guest_budget_reached", "free")
        conn.execute("UPDATE orders SET expires_at = now() - interval '1 hour'")
        assert function("expire_orders").handler({}, context())["forgotten"] == 0
        (until,) = conn.execute("SELECT min(until - now()) > interval '23 hours' FROM guest_holds").fetchone() or (0,)
        assert until
        invariants.check(conn)
