"""POST /v1/orders with a limit per buyer."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection, Cursor

from boxoffice.guest_tokens import order_token
from boxoffice.orders import erasure, service
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import order_request
from tests.helpers.support import Answer, Client

ADA = {"name": "Ada", "email": "ada@example.com"}


@pytest.fixture
def event(conn: Connection) -> UUID:
    return factories.event(conn)


@pytest.fixture
def ticket_type(conn: Connection, event: UUID) -> UUID:
    return factories.ticket_type(conn, event_id=event, max_per_buyer=4)


def buy(api: Client, ticket_type: UUID, quantity: int = 2, *, account: UUID | None = None, **more: Any) -> Answer:
    """Order some tickets, as Ada by default."""
    request = order_request(ticket_type, quantity, **{"buyer": ADA, **more})
    return api.post("/v1/orders", request, key="new", account=account)


def test_a_buyers_orders_count_together(api: Client, conn: Connection, ticket_type: UUID) -> None:
    assert [buy(api, ticket_type, 3).status, buy(api, ticket_type, 1).status] == [201, 201]

    refused = buy(api, ticket_type, 1)

    assert (refused.status, refused.code) == (409, "buyer_limit_reached")
    assert invariants.left(conn, ticket_type) == (96, 4, 0)
    assert buy(api, ticket_type, 4, buyer={"name": "Bola", "email": "bola@example.com"}).status == 201
    invariants.check(conn)


def test_items_of_one_order_count_together(api: Client, ticket_type: UUID) -> None:
    request = order_request(ticket_type, 2, buyer=ADA)
    request["items"] *= 3

    assert api.post("/v1/orders", request, key="new").code == "buyer_limit_reached"


def test_an_address_is_the_same_however_it_is_written(api: Client, ticket_type: UUID) -> None:
    buy(api, ticket_type, 4)

    assert buy(api, ticket_type, 1, buyer={"name": "A", "email": "ADA@Example.com"}).code == "buyer_limit_reached"


def test_orders_of_an_account_count_together_whatever_address_it_gives(
    api: Client, conn: Connection, ticket_type: UUID
) -> None:
    account = factories.account(conn)
    buy(api, ticket_type, 4, account=account)

    other_address = {"name": "Ada", "email": "other@example.com"}
    assert buy(api, ticket_type, 1, account=account, buyer=other_address).code == "buyer_limit_reached"
    assert buy(api, ticket_type, 1).code == "buyer_limit_reached"
    assert buy(api, ticket_type, 1, buyer=other_address).status == 201


def test_a_ticket_type_without_a_limit_is_not_counted(
    api: Client, conn: Connection, event: UUID, ticket_type: UUID
) -> None:
    free = factories.ticket_type(conn, event_id=event)
    buy(api, ticket_type, 4)

    assert [buy(api, free, 10).status for _ in range(2)] == [201, 201]
    both = order_request(free, 1, buyer=ADA)
    both["items"] += order_request(ticket_type, 1)["items"]
    assert api.post("/v1/orders", both, key="new").code == "buyer_limit_reached"
    assert invariants.left(conn, free) == (80, 20, 0)


def test_a_limit_counts_what_was_bought_before_there_was_one(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn)
    buy(api, ticket_type, 3)
    conn.execute("UPDATE ticket_types SET max_per_buyer = 4")

    assert buy(api, ticket_type, 2).code == "buyer_limit_reached"
    assert buy(api, ticket_type, 1).status == 201


def test_a_free_order_counts_too(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, price=0, max_per_buyer=2)

    assert buy(api, ticket_type, 2).json["status"] == "paid"
    assert buy(api, ticket_type, 1).code == "buyer_limit_reached"
    invariants.check(conn)


def test_a_repeat_of_the_order_that_reached_the_limit_is_answered(api: Client, ticket_type: UUID) -> None:
    request = order_request(ticket_type, 4, buyer=ADA)
    first = api.post("/v1/orders", request, key="abc")

    assert api.post("/v1/orders", request, key="abc").json == first.json


@pytest.mark.parametrize("has_account", [False, True])
def test_what_is_left_of_a_partly_refunded_order_counts(api: Client, conn: Connection, has_account: bool) -> None:
    shop = sellers.Shop(conn)
    ticket_type = shop.ticket_type(max_per_buyer=4)
    account = factories.account(conn) if has_account else None
    order = shop.sold(ticket_type, 4, account_id=account, buyer_email="before@example.com")
    (ticket,) = conn.execute("SELECT id FROM tickets WHERE order_id = %s LIMIT 1", [order]).fetchone() or ()
    assert sellers.refund(api, shop, order, ticket_ids=[str(ticket)]).status == 201
    buyer = {"name": "Ada", "email": "after@example.com" if has_account else "before@example.com"}

    assert buy(api, ticket_type, 2, buyer=buyer, account=account).code == "buyer_limit_reached"
    assert buy(api, ticket_type, 1, buyer=buyer, account=account).status == 201


class TestGivenBack:
    def test_a_cancelled_order_does_not_count(self, api: Client, ticket_type: UUID) -> None:
        placed = buy(api, ticket_type, 4).json
        api.post(f"/v1/orders/{placed['id']}/cancel", order_token=order_token(UUID(placed["id"])))

        assert buy(api, ticket_type, 4).status == 201

    def test_an_expired_order_does_not_count(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        buy(api, ticket_type, 4)
        conn.execute("UPDATE orders SET expires_at = now()")
        assert buy(api, ticket_type, 1).code == "buyer_limit_reached"

        sellers.expire_orders(conn)

        assert buy(api, ticket_type, 4).status == 201

    @pytest.mark.parametrize("bought_meanwhile", [1, 2])
    def test_late_money_pays_only_within_the_limit(
        self, api: Client, conn: Connection, ticket_type: UUID, bought_meanwhile: int
    ) -> None:
        order_id = UUID(buy(api, ticket_type, 3).json["id"])
        conn.execute("UPDATE orders SET expires_at = now()")
        sellers.expire_orders(conn)
        buy(api, ticket_type, bought_meanwhile)

        with conn.transaction():
            order = service.lock_order(conn, order_id)
            held = service.retake_stock(conn, order)
            if held:
                service.pay(conn, order, reason="test")

        assert held is (bought_meanwhile == 1)
        invariants.check(conn)


def test_a_buyer_redeems_a_voucher_up_to_its_limit(api: Client, conn: Connection, event: UUID) -> None:
    ticket_type = factories.ticket_type(conn, event_id=event)
    factories.voucher(conn, event, code="ONCE", max_per_buyer=1)
    placed = buy(api, ticket_type, voucher="ONCE").json

    refused = buy(api, ticket_type, voucher="ONCE")

    assert (refused.status, refused.code) == (409, "buyer_limit_reached")
    assert buy(api, ticket_type).status == 201
    assert buy(api, ticket_type, voucher="ONCE", buyer={"name": "B", "email": "b@example.com"}).status == 201
    api.post(f"/v1/orders/{placed['id']}/cancel", order_token=order_token(UUID(placed["id"])))
    assert buy(api, ticket_type, voucher="ONCE").status == 201
    invariants.check(conn)


class TestMailbox:
    """A limit counts a mailbox, not a spelling. Nobody uses up the limit of somebody else by naming their address."""

    def test_all_spellings_of_an_address_are_one_buyer(self, api: Client, ticket_type: UUID) -> None:
        spellings = ["a.da+1@gmail.com", "ada+2@googlemail.com", "ADA@gmail.com"]
        answers = [buy(api, ticket_type, buyer={"name": "Ada", "email": email}) for email in spellings]

        assert [answer.status for answer in answers] == [201, 201, 409]
        assert answers[2].code == "buyer_limit_reached"

    @pytest.fixture
    def owner(self, conn: Connection) -> UUID:
        """An account that has proved to read Ada's mailbox."""
        return factories.account(conn, email="ada@example.com", email_verified_at=factories.NOW)

    def test_a_strangers_unpaid_order_does_not_count_for_the_owner(
        self, api: Client, conn: Connection, ticket_type: UUID, owner: UUID
    ) -> None:
        assert buy(api, ticket_type, 4).status == 201  # a stranger, as a guest
        assert buy(api, ticket_type, 4, account=factories.account(conn)).code == "buyer_limit_reached"

        assert buy(api, ticket_type, 4, account=owner).status == 201
        assert buy(api, ticket_type, 1, account=owner).code == "buyer_limit_reached"
        invariants.check(conn)

    def test_nor_does_one_of_another_account(
        self, api: Client, conn: Connection, ticket_type: UUID, owner: UUID
    ) -> None:
        assert buy(api, ticket_type, 4, account=factories.account(conn)).status == 201

        assert buy(api, ticket_type, 4, account=owner, buyer={"name": "A", "email": "ada+x@example.com"}).status == 201

    def test_a_free_order_of_a_stranger_does_not_count_for_the_owner(
        self, api: Client, conn: Connection, owner: UUID
    ) -> None:
        ticket_type = factories.ticket_type(conn, price=0, max_per_buyer=2)
        assert buy(api, ticket_type, 2).json["status"] == "paid"

        assert buy(api, ticket_type, 2, account=owner).status == 201
        assert buy(api, ticket_type, 1, account=owner).code == "buyer_limit_reached"

    def test_what_somebody_paid_for_counts(self, api: Client, conn: Connection, ticket_type: UUID, owner: UUID) -> None:
        factories.paid_order(conn, ticket_type, quantity=3, buyer_email="ada+gift@example.com")

        assert buy(api, ticket_type, 2, account=owner).code == "buyer_limit_reached"
        assert buy(api, ticket_type, 1, account=owner).status == 201

    def test_an_address_that_is_not_verified_proves_nothing(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        assert buy(api, ticket_type, 4).status == 201
        unproven = factories.account(conn, email="ada@example.com")

        assert buy(api, ticket_type, 1, account=unproven).code == "buyer_limit_reached"

    def test_an_erased_buyer_is_known_by_any_spelling(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        order = factories.paid_order(conn, ticket_type, quantity=4, buyer_email="ada+1@example.com")
        with conn.transaction():
            erasure.erase_buyers(conn, [order])

        assert buy(api, ticket_type, 1, buyer={"name": "A", "email": "ada+2@example.com"}).code == "buyer_limit_reached"


def test_an_order_without_limits_is_two_statements(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_type, account = factories.ticket_type(conn), factories.account(conn)
    api.get("/v1/me", account=account)  # reads the session, which is cached
    execute = Cursor.execute
    statements = []

    def noted(cursor: Cursor[Any], query: Any, *args: Any, **options: Any) -> Any:
        statements.append(query)
        return execute(cursor, query, *args, **options)

    monkeypatch.setattr(Cursor, "execute", noted)
    assert buy(api, ticket_type, account=account).status == 201

    assert statements == [service.SQL.list_sale_terms, service.SQL.place_order]
