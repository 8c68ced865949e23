"""POST /v1/orders with a voucher"""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.orders import service
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import NOW, order_request
from tests.helpers.support import Answer, Client


@pytest.fixture
def event(conn: Connection) -> UUID:
    return factories.event(conn)


@pytest.fixture
def ticket_type(conn: Connection, event: UUID) -> UUID:
    return factories.ticket_type(conn, event_id=event, price=5000)


def buy(api: Client, ticket_type: UUID, code: str | None, quantity: int = 2, **more: Any) -> Answer:
    """Order some tickets with a voucher."""
    return api.post("/v1/orders", order_request(ticket_type, quantity, voucher=code, **more), key="new")


def redemptions(conn: Connection, voucher: UUID) -> tuple[int, int, int]:
    """Return how many of a voucher's redemptions are available, held and sold."""
    row = conn.execute(
        """SELECT sum(available)::int, sum(held)::int, sum(sold)::int FROM stock JOIN vouchers USING (pool_id)
        WHERE id = %s""",
        [voucher],
    ).fetchone()
    assert row is not None
    return row


def test_the_order_shows_the_discount(api: Client, conn: Connection, event: UUID, ticket_type: UUID) -> None:
    voucher = factories.voucher(conn, event, code="TENTH")

    placed = buy(api, ticket_type, "tenth", quantity=3).json

    shown = api.get(f"/v1/orders/{placed['id']}", order_token=placed["access_token"]).json
    for each in (placed, shown):
        assert (each["subtotal"], each["discount"], each["total"]) == (15_000, 1500, 13_500)
        assert each["voucher"] == "TENTH"
        assert each["status"] == "pending"
    assert redemptions(conn, voucher) == (9, 1, 0)
    invariants.check(conn)


def test_an_order_without_a_voucher_has_no_discount(api: Client, ticket_type: UUID) -> None:
    placed = buy(api, ticket_type, None).json

    assert (placed["subtotal"], placed["discount"], placed["total"]) == (10_000, 0, 10_000)
    assert placed["voucher"] is None


def test_a_payment_is_for_the_total_after_the_discount(
    api: Client, conn: Connection, event: UUID, ticket_type: UUID
) -> None:
    factories.voucher(conn, event, code="TENTH")
    placed = buy(api, ticket_type, "TENTH").json

    payment = api.post(
        f"/v1/orders/{placed['id']}/payments", {"provider": "sandbox"}, key="new", order_token=placed["access_token"]
    ).json

    assert payment["amount"] == 9000


@pytest.mark.parametrize(
    "discount",
    [
        {"discount_kind": "free", "discount_value": None},
        {"discount_kind": "percent", "discount_value": 100},
        {"discount_kind": "fixed", "discount_value": 10_001},
    ],
)
def test_an_order_that_a_voucher_makes_free_is_paid_at_once(
    api: Client, conn: Connection, event: UUID, ticket_type: UUID, discount: dict[str, Any]
) -> None:
    voucher = factories.voucher(conn, event, code="FREE", **discount)

    placed = buy(api, ticket_type, "FREE").json

    assert (placed["status"], placed["discount"], placed["total"]) == ("paid", 10_000, 0)
    shown = api.get(f"/v1/orders/{placed['id']}", order_token=placed["access_token"]).json
    assert len(shown["tickets"]) == 2
    assert redemptions(conn, voucher) == (9, 0, 1)
    assert invariants.left(conn, ticket_type) == (98, 0, 2)
    invariants.check(conn)


def test_a_voucher_discounts_the_ticket_types_that_it_names(
    api: Client, conn: Connection, event: UUID, ticket_type: UUID
) -> None:
    dear = factories.ticket_type(conn, event_id=event, price=20_000)
    factories.voucher(conn, event, code="DEAR", ticket_type_ids=[dear])
    both = order_request(ticket_type, 1, voucher="DEAR")
    both["items"] += order_request(dear, 1)["items"]

    assert api.post("/v1/orders", both, key="new").json["discount"] == 2000
    refused = buy(api, ticket_type, "DEAR")
    assert (refused.status, refused.code) == (422, "voucher_not_applicable")


def test_in_a_cart_of_several_events_a_voucher_covers_its_own_event(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    events = [factories.event(conn, organisation_id=organisation) for _ in range(3)]
    types = [factories.ticket_type(conn, event_id=each, price=1000 * n) for n, each in enumerate(events, 1)]
    unused = factories.voucher(conn, events[2], code="SAME")
    used = factories.voucher(conn, events[1], code="SAME")
    request = order_request(types[0], voucher="same")
    request["items"] = [{"ticket_type_id": str(each), "quantity": 1} for each in types]

    placed = api.post("/v1/orders", request, key="new").json

    assert (placed["subtotal"], placed["discount"]) == (6000, 200)
    assert redemptions(conn, used) == (9, 1, 0)
    assert redemptions(conn, unused) == (10, 0, 0)
    invariants.check(conn)


class TestLimitedToSomeTickets:
    def test_a_free_voucher_gives_its_tickets_and_the_others_are_paid(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        manager = factories.member(conn, self.organisation(conn, event), "manager")
        dear = factories.ticket_type(conn, event_id=event, price=20_000)
        made = api.post(
            f"/v1/events/{event}/vouchers",
            {"code": "GUEST", "discount": {"kind": "free"}, "max_redemptions": 1},
            account=manager,
        )
        request = order_request(ticket_type, 7, voucher="guest")
        request["items"] += order_request(dear, 3)["items"]

        placed = api.post("/v1/orders", request, key="new").json

        assert made.json["max_tickets_per_redemption"] == 1
        assert (placed["subtotal"], placed["discount"], placed["total"]) == (95_000, 20_000, 75_000)
        assert [item["discount"] for item in placed["items"]] == [0, 20_000]
        assert (placed["status"], buy(api, ticket_type, "GUEST").code) == ("pending", "voucher_used_up")
        invariants.check(conn)

    def test_the_tickets_of_an_item_share_its_discount_when_they_are_refunded(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        manager = factories.member(conn, self.organisation(conn, event), "manager")
        free = {"discount_kind": "free", "discount_value": None, "max_tickets_per_redemption": 1}
        factories.voucher(conn, event, code="ONE", **free)
        order = UUID(buy(api, ticket_type, "ONE", quantity=3).json["id"])
        api.post(f"/v1/orders/{order}/mark-paid", {"method": "cash"}, account=manager, key="new")

        def refund(ticket: UUID) -> int:
            body = {"ticket_ids": [str(ticket)]}
            return int(api.post(f"/v1/orders/{order}/refunds", body, account=manager, key="new").json["amount"])

        # Three tickets of 5000, one of them free: 10,000 for three.
        assert [refund(ticket) for ticket in sellers.tickets_of(conn, order)] == [3333, 3333, 3334]
        invariants.check(conn)

    def test_a_repeat_and_a_later_edit_change_nothing(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        voucher = factories.voucher(conn, event, code="TWO", max_tickets_per_redemption=2)
        request = order_request(ticket_type, 3, voucher="TWO")
        first = api.post("/v1/orders", request, key="abc-of-a-repeat-1")
        conn.execute("UPDATE vouchers SET max_tickets_per_redemption = NULL WHERE id = %s", [voucher])

        again = api.post("/v1/orders", request, key="abc-of-a-repeat-1")

        assert first.json["discount"] == 1000
        assert again.json == first.json
        assert buy(api, ticket_type, "TWO", quantity=3).json["discount"] == 1500

    def organisation(self, conn: Connection, event: UUID) -> UUID:
        """Return the organisation of an event."""
        (organisation,) = conn.execute("SELECT organisation_id FROM events WHERE id = %s", [event]).fetchone() or ()
        return UUID(str(organisation))


class TestHiddenTicketTypes:
    def test_the_limit_of_a_voucher_bounds_the_hidden_tickets_of_an_order(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        hidden = factories.ticket_type(conn, event_id=event, hidden=True)
        key = {"unlocks_hidden": True, "discount_kind": None, "discount_value": None}
        factories.voucher(conn, event, code="PAIR", max_tickets_per_redemption=2, **key)
        request = order_request(hidden, 2, voucher="PAIR")
        request["items"] += order_request(ticket_type, 5)["items"]

        placed = api.post("/v1/orders", request, key="new")
        refused = buy(api, hidden, "PAIR", quantity=3)

        assert placed.status == 201
        assert (refused.status, refused.code) == (422, "voucher_unlocks_fewer")
        assert refused.json["max_tickets_per_redemption"] == 2
        assert invariants.left(conn, hidden) == (98, 2, 0)

    def test_a_hidden_ticket_type_is_sold_with_the_code_that_unlocks_it(
        self, api: Client, conn: Connection, event: UUID
    ) -> None:
        hidden = factories.ticket_type(conn, event_id=event, hidden=True)
        factories.voucher(conn, event, code="OPEN", unlocks_hidden=True, discount_kind=None, discount_value=None)

        placed = buy(api, hidden, "OPEN").json

        assert (placed["subtotal"], placed["discount"], placed["total"]) == (10_000, 0, 10_000)
        invariants.check(conn)

    def test_a_hidden_ticket_type_is_not_found_without_the_code(
        self, api: Client, conn: Connection, event: UUID
    ) -> None:
        hidden = factories.ticket_type(conn, event_id=event, hidden=True)
        other = factories.ticket_type(conn, event_id=event, hidden=True)
        factories.voucher(conn, event, code="TENTH")
        factories.voucher(conn, event, code="OTHER", unlocks_hidden=True, ticket_type_ids=[other])
        factories.voucher(conn, factories.event(conn), code="ELSEWHERE", unlocks_hidden=True)
        factories.voucher(conn, event, code="SOON", unlocks_hidden=True, valid_from=NOW + timedelta(hours=1))

        absent = buy(api, uuid4(), "WRONG")
        for code in (None, "WRONG", "TENTH", "OTHER", "ELSEWHERE", "SOON"):
            refused = buy(api, hidden, code)
            assert (refused.status, refused.code) == (404, "ticket_type_not_found")
            assert refused.json["detail"] == absent.json["detail"]
        assert (absent.status, absent.code) == (404, "ticket_type_not_found")
        for path in (f"/v1/events/{event}", f"/v1/events/{event}/availability", "/v1/events"):
            assert str(hidden) not in api.get(path).body.decode()
        assert invariants.left(conn, hidden) == (100, 0, 0)


class TestRefusals:
    def test_an_unknown_code_is_not_found(self, api: Client, conn: Connection, event: UUID, ticket_type: UUID) -> None:
        factories.voucher(conn, factories.event(conn), code="ELSEWHERE")
        factories.voucher(conn, event, code="SOON", valid_from=NOW + timedelta(hours=1))
        factories.voucher(conn, event, code="GONE", deleted_at=NOW)

        for code in ("NONE", "ELSEWHERE", "SOON", "GONE"):
            refused = buy(api, ticket_type, code)
            assert (refused.status, refused.code) == (404, "voucher_not_found")
        assert invariants.left(conn, ticket_type) == (100, 0, 0)

    def test_a_voucher_that_is_no_longer_valid_has_expired(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        factories.voucher(conn, event, code="OLD", valid_until=NOW - timedelta(hours=1))

        refused = buy(api, ticket_type, "OLD")

        assert (refused.status, refused.code) == (409, "voucher_expired")

    def test_a_voucher_without_redemptions_left_is_used_up(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        factories.voucher(conn, event, code="TWICE", max_redemptions=2)
        assert [buy(api, ticket_type, "TWICE").status for _ in range(2)] == [201, 201]

        refused = buy(api, ticket_type, "TWICE")

        assert (refused.status, refused.code, refused.json["voucher"]) == (409, "voucher_used_up", "TWICE")
        assert invariants.left(conn, ticket_type) == (96, 4, 0)
        assert buy(api, ticket_type, None).status == 201

    def test_if_tickets_are_gone_too_the_answer_is_sold_out(self, api: Client, conn: Connection, event: UUID) -> None:
        few = factories.ticket_type(conn, event_id=event, quantity=2)
        factories.voucher(conn, event, code="ONCE", max_redemptions=1)
        assert buy(api, few, "ONCE").status == 201

        assert buy(api, few, "ONCE").code == "sold_out"


class TestGivenBack:
    def test_a_cancelled_order_gives_its_redemption_back(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        voucher = factories.voucher(conn, event, code="ONCE", max_redemptions=1)
        placed = buy(api, ticket_type, "ONCE").json

        api.post(f"/v1/orders/{placed['id']}/cancel", order_token=placed["access_token"])

        assert redemptions(conn, voucher) == (1, 0, 0)
        assert buy(api, ticket_type, "ONCE").status == 201
        invariants.check(conn)

    def test_an_expired_order_gives_its_redemption_back(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        voucher = factories.voucher(conn, event, code="ONCE", max_redemptions=1)
        buy(api, ticket_type, "ONCE")
        conn.execute("UPDATE orders SET expires_at = now()")

        sellers.expire_orders(conn)

        assert redemptions(conn, voucher) == (1, 0, 0)
        invariants.check(conn)

    @pytest.mark.parametrize("taken_meanwhile", [False, True])
    def test_late_money_redeems_the_voucher_again_if_it_can(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID, taken_meanwhile: bool
    ) -> None:
        factories.voucher(conn, event, code="ONCE", max_redemptions=1)
        order_id = UUID(buy(api, ticket_type, "ONCE").json["id"])
        conn.execute("UPDATE orders SET expires_at = now()")
        sellers.expire_orders(conn)
        assert not taken_meanwhile or buy(api, ticket_type, "ONCE").status == 201

        with conn.transaction():
            order = service.lock_order(conn, order_id)
            held = service.retake_stock(conn, order)
            if held:
                service.pay(conn, order, reason="test")

        assert held is not taken_meanwhile
        invariants.check(conn)


def test_a_repeat_redeems_the_voucher_once_and_gets_the_same_answer(
    api: Client, conn: Connection, event: UUID, ticket_type: UUID
) -> None:
    voucher = factories.voucher(conn, event, code="ONCE", max_redemptions=1)
    request = order_request(ticket_type, voucher="ONCE")
    first = api.post("/v1/orders", request, key="abc")

    again = api.post("/v1/orders", request, key="abc")

    assert again.json == first.json
    assert again.headers["idempotent-replayed"] == "true"
    assert redemptions(conn, voucher) == (0, 1, 0)
    assert api.post("/v1/orders", {**request, "voucher": None}, key="abc").code == "idempotency_key_reused"


class TestGuessing:
    """Codes are short, so guesses are limited."""

    def guess(
        self,
        api: Client,
        ticket_type: UUID,
        code: str | None,
        address: str = "192.0.2.1",
        email: str = "eve@example.com",
        key: str = "new",
    ) -> Answer:
        buyer = {"name": "Eve", "email": email}
        body = order_request(ticket_type, 1, voucher=code, buyer=buyer)
        return api.post("/v1/orders", body, key=key, address=address)

    def test_after_ten_wrong_codes_a_buyer_has_to_wait(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        factories.voucher(conn, event, code="RIGHT")
        assert {self.guess(api, ticket_type, f"WRONG{n}").code for n in range(10)} == {"voucher_not_found"}

        refused = self.guess(api, ticket_type, "RIGHT")

        assert (refused.status, refused.code) == (429, "too_many_requests")
        assert 0 < int(refused.headers["retry-after"]) <= 900
        assert self.guess(api, ticket_type, None).status == 201
        assert self.guess(api, ticket_type, "RIGHT", address="192.0.2.2").status == 201

    def test_neighbours_behind_one_address_do_not_wait_for_each_other(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        factories.voucher(conn, event, code="RIGHT")
        for n in range(11):
            self.guess(api, ticket_type, f"WRONG{n}", email=f"eve+{n}@example.com")

        assert self.guess(api, ticket_type, "RIGHT").status == 429
        assert self.guess(api, ticket_type, "RIGHT", email="ada@example.com").status == 201

    def test_fifty_wrong_codes_of_a_seller_are_the_limit_of_an_address(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        factories.voucher(conn, event, code="RIGHT")
        codes = [self.guess(api, ticket_type, "WRONG", email=f"eve{n}@example.com").code for n in range(51)]
        assert codes == ["voucher_not_found"] * 50 + ["too_many_requests"]
        elsewhere = factories.ticket_type(conn)

        assert self.guess(api, ticket_type, "RIGHT", email="ada@example.com").code == "too_many_requests"
        assert self.guess(api, elsewhere, "WRONG", email="ada@example.com").code == "voucher_not_found"

    def test_a_ticket_type_of_another_seller_in_the_order_tries_nothing(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        """The attempt would count for one of the two sellers alone."""
        factories.voucher(conn, event, code="RIGHT")
        own = factories.ticket_type(conn)
        items = [{"ticket_type_id": str(each), "quantity": 1} for each in (ticket_type, own)]

        for code in ("RIGHT", "WRONG"):
            body = order_request(ticket_type, voucher=code, items=items)
            assert api.post("/v1/orders", body, key="new").code == "mixed_order"

    def test_guesses_under_a_used_key_count(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        """The answer is the same for a right code, and so is the limit."""
        factories.voucher(conn, event, code="RIGHT")
        assert self.guess(api, ticket_type, None, key="used").status == 201

        codes = [self.guess(api, ticket_type, code, key="used").code for code in ["WRONG"] * 5 + ["RIGHT"] * 7]

        assert codes == ["idempotency_key_reused"] * 10 + ["too_many_requests"] * 2
        assert self.guess(api, ticket_type, None, key="used").headers["idempotent-replayed"] == "true"

    def test_guesses_at_hidden_ticket_types_are_limited_too(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        hidden = factories.ticket_type(conn, event_id=event, hidden=True)

        codes = [self.guess(api, hidden, f"WRONG{n}").code for n in range(11)]

        assert codes == ["ticket_type_not_found"] * 10 + ["too_many_requests"]

    def test_right_codes_do_not_count_as_guesses(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        factories.voucher(conn, event, code="RIGHT", max_redemptions=20)

        assert {self.guess(api, ticket_type, "RIGHT").status for _ in range(12)} == {201}
        assert conn.execute("SELECT FROM rate_limits").fetchall() == []
