"""POST /v1/orders/{order_id}/refunds"""

from uuid import uuid4

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from boxoffice.tickets import service as tickets
from tests.helpers import factories, invariants, sellers
from tests.helpers.audit import only_entry
from tests.helpers.sellers import Shop, given_back, history, outbox_of, refund, status_of, tickets_of
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Client


@pytest.fixture
def shop(conn: Connection) -> Shop:
    return Shop(conn)


class TestWhole:
    def test_the_money_the_tickets_and_their_stock_go_back(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = shop.ticket_type()
        order = shop.sold(ticket_type)

        answer = refund(api, shop, order, whole=True, reason="Could not come")

        assert answer.status == 201, answer.body
        assert answer.json["order_status"] == "refunded"
        assert (answer.json["amount"], answer.json["currency"]) == (10_000, "NGN")
        assert sorted(answer.json["ticket_ids"]) == [str(each) for each in tickets_of(conn, order, "refunded")]
        assert invariants.left(conn, ticket_type) == (100, 0, 0)
        assert conn.execute("SELECT amount, status, reason FROM refunds").fetchall() == [
            (10_000, "succeeded", "Could not come")
        ]
        assert history(conn, order)[-1] == ("refunded", "Could not come")
        invariants.check(conn)

    def test_a_free_order_gives_back_only_its_tickets(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = shop.ticket_type(price=0)
        order = shop.sold(ticket_type)

        answer = refund(api, shop, order, whole=True)

        assert (answer.json["amount"], answer.json["order_status"]) == (0, "refunded")
        assert given_back(conn) == []
        assert invariants.left(conn, ticket_type) == (100, 0, 0)
        invariants.check(conn)

    def test_after_partial_refunds_a_whole_refund_is_all_that_is_left(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        order = shop.sold(shop.ticket_type(), quantity=3)
        refund(api, shop, order, ticket_ids=[str(tickets_of(conn, order)[0])])
        refund(api, shop, order, amount=1000)

        answer = refund(api, shop, order, whole=True)

        assert (answer.json["amount"], len(answer.json["ticket_ids"])) == (9000, 2)
        assert given_back(conn) == [5000, 1000, 9000]
        assert refund(api, shop, order, whole=True).code == "nothing_to_refund"
        invariants.check(conn)

    def test_a_redeemed_voucher_can_be_redeemed_again(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = shop.ticket_type()
        body = {"code": "HALF", "discount": {"kind": "percent", "percent": 50}, "max_redemptions": 1}
        assert api.post(f"/v1/events/{shop.event}/vouchers", body, account=shop.manager).status == 201
        request = factories.order_request(ticket_type, 3, voucher="HALF")
        order = api.post("/v1/orders", request, key="new").json["id"]
        assert sellers.mark_paid(api, shop, order).status == 200

        first = refund(api, shop, order, ticket_ids=[str(tickets_of(conn, order)[0])])
        refused = api.post("/v1/orders", request, key="new")
        rest = refund(api, shop, order, whole=True)

        assert (first.json["amount"], rest.json["amount"]) == (2500, 5000)
        assert refused.code == "voucher_used_up"
        assert api.post("/v1/orders", request, key="new").status == 201
        invariants.check(conn)


class TestTickets:
    def test_tickets_send_back_what_was_paid_for_them_and_the_others_stay_valid(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        ticket_type = shop.ticket_type()
        order = shop.sold(ticket_type, quantity=3)
        first, second, third = tickets_of(conn, order)

        answer = refund(api, shop, order, ticket_ids=[str(second), str(second)])

        assert (answer.json["amount"], answer.json["order_status"]) == (5000, "partially_refunded")
        assert tickets_of(conn, order) == [first, third]
        assert invariants.left(conn, ticket_type) == (98, 0, 2)
        invariants.check(conn)

    def test_refunded_one_by_one_tickets_send_back_exactly_what_was_paid(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        order = shop.sold(shop.ticket_type(price=1000), quantity=3, discount=1000)

        for ticket in tickets_of(conn, order):
            assert refund(api, shop, order, ticket_ids=[str(ticket)]).status == 201

        assert sum(given_back(conn)) == 2000
        assert status_of(conn, order) == "refunded"
        invariants.check(conn)

    def test_a_group_ticket_gives_back_its_whole_quantity_and_capacity(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        ticket_type, single = shop.ticket_type(ticket_mode="group"), shop.ticket_type()
        patched = api.patch(f"/v1/events/{shop.event}", {"capacity": 50}, account=shop.manager)
        assert patched.status == 200, patched.body
        request = factories.order_request(ticket_type, 5)
        request["items"] += factories.order_request(single, 1)["items"]
        order = api.post("/v1/orders", request, key="new").json["id"]
        assert sellers.mark_paid(api, shop, order).status == 200
        group = tickets_of(conn, order)[0]

        answer = refund(api, shop, order, ticket_ids=[str(group)])

        assert answer.json["amount"] == 25_000
        assert invariants.left(conn, ticket_type) == (100, 0, 0)
        available = api.get(f"/v1/events/{shop.event}/availability").json
        assert available["capacity"]["available"] == 49
        invariants.check(conn)

    def test_the_seat_of_a_refunded_ticket_is_free(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = shop.ticket_type(quantity=0)
        (row,) = factories.seats(conn, ticket_type, 3)
        request = factories.order_request(ticket_type, 2)
        request["items"][0]["seat_ids"] = [str(row[0]), str(row[1])]
        order = api.post("/v1/orders", request, key="new").json["id"]
        assert sellers.mark_paid(api, shop, order).status == 200

        refund(api, shop, order, ticket_ids=[str(tickets_of(conn, order)[0])])

        assert conn.execute("SELECT owner_id FROM seats ORDER BY position").fetchall()[0] == (None,)
        invariants.check(conn)
        refund(api, shop, order, whole=True)
        assert conn.execute("SELECT count(*) FROM seats WHERE owner_id IS NULL").fetchone() == (3,)
        invariants.check(conn)

    def test_a_used_ticket_is_refunded_by_force_only(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type())
        used, unused = tickets_of(conn, order)
        factories.scan(conn, used, shop.manager)

        for body in ({"whole": True}, {"ticket_ids": [str(used), str(unused)]}):
            refused = refund(api, shop, order, **body)
            assert (refused.status, refused.code) == (409, "ticket_used")
            assert refused.json["ticket_ids"] == [str(used)]
        assert status_of(conn, order) == "paid"
        assert refund(api, shop, order, whole=True, force=True).json["amount"] == 10_000
        invariants.check(conn)

    def test_freed_stock_is_offered_to_the_waitlist(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = shop.ticket_type(quantity=2)
        order = shop.sold(ticket_type)
        entry = factories.waitlist_entry(conn, ticket_type, quantity=1)

        refund(api, shop, order, ticket_ids=[str(tickets_of(conn, order)[0])])

        assert conn.execute("SELECT id, status FROM waitlist_entries").fetchall() == [(entry, "offered")]
        assert invariants.left(conn, ticket_type) == (0, 1, 1)
        invariants.check(conn)

    def test_tickets_of_other_orders_and_refunded_tickets_are_refused(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        ticket_type = shop.ticket_type()
        order, other = shop.sold(ticket_type), shop.sold(ticket_type)
        mine, foreign = tickets_of(conn, order)[0], tickets_of(conn, other)[0]
        refund(api, shop, order, ticket_ids=[str(mine)])

        assert refund(api, shop, order, ticket_ids=[str(foreign)]).code == "ticket_not_found"
        assert refund(api, shop, order, ticket_ids=[str(uuid4())]).status == 404
        assert refund(api, shop, order, ticket_ids=[str(mine)]).code == "ticket_refunded"

    def test_a_holder_who_is_not_the_buyer_gets_an_email(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type(), buyer_email="ada@example.com")
        ticket = tickets_of(conn, order)[0]
        transfer = factories.transfer(conn, ticket, email="bola@example.com")
        sellers.accept(api, transfer)

        refund(api, shop, order, whole=True)

        assert [to for to, _ in outbox_of(conn, "order_refunded")] == ["ada@example.com"]
        assert outbox_of(conn, "ticket_withdrawn") == [("bola@example.com", {"ticket_id": str(ticket)})]
        invariants.check(conn)


class TestAmount:
    def test_money_goes_back_and_the_tickets_stay_valid(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = shop.ticket_type()
        order = shop.sold(ticket_type)

        answers = [refund(api, shop, order, amount=amount) for amount in (4000, 6000)]

        assert [answer.json["order_status"] for answer in answers] == ["partially_refunded"] * 2
        assert given_back(conn) == [4000, 6000]
        assert len(tickets_of(conn, order)) == 2
        assert invariants.left(conn, ticket_type) == (98, 0, 2)
        assert [status for status, _ in history(conn, order)] == ["paid", "partially_refunded", "partially_refunded"]
        invariants.check(conn)

    def test_an_amount_above_what_is_left_is_refused(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type())
        refund(api, shop, order, amount=9999)

        refused = refund(api, shop, order, amount=2)

        assert (refused.status, refused.code) == (409, "refund_too_large")
        assert given_back(conn) == [9999]


class TestLess:
    """Two tickets of 50.00 each."""

    def test_the_seller_keeps_a_fee_which_can_go_back_later(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = shop.ticket_type()
        order = shop.sold(ticket_type)
        first, _ = tickets_of(conn, order)

        part = refund(api, shop, order, ticket_ids=[str(first)], fee=500)
        rest = refund(api, shop, order, whole=True)
        invariants.check(conn)
        kept = refund(api, shop, order, amount=500)

        assert [(each.json["amount"], each.json["kept"]) for each in (part, rest, kept)] == [
            (4500, 500),
            (5000, 0),
            (500, 0),
        ]
        assert [each.json["order_status"] for each in (part, rest, kept)] == [
            "partially_refunded",
            "refunded",
            "refunded",
        ]
        assert refund(api, shop, order, amount=1).code == "nothing_to_refund"
        assert given_back(conn) == [4500, 5000, 500]
        assert invariants.left(conn, ticket_type) == (100, 0, 0)
        invariants.check(conn)

    def test_tickets_end_for_nothing_and_the_door_refuses_them(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = shop.ticket_type()
        order = shop.sold(ticket_type)
        first, _ = tickets.list_for_order(conn, order)
        scanner = factories.member(conn, shop.organisation, "scanner")
        entry = factories.waitlist_entry(conn, ticket_type, quantity=1)

        answer = refund(api, shop, order, ticket_ids=[str(first.id)], amount=0)

        assert (answer.json["amount"], answer.json["kept"]) == (0, 5000)
        assert given_back(conn) == []
        assert api.post("/v1/scans", {"qr": first.qr}, account=scanner).code == "refunded"
        assert invariants.left(conn, ticket_type) == (98, 1, 1), "the waitlist is offered what came back"
        assert conn.execute("SELECT id, status FROM waitlist_entries").fetchall() == [(entry, "offered")]
        invariants.check(conn)

    def test_an_order_can_end_as_a_whole_for_a_part(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type())

        answer = refund(api, shop, order, whole=True, amount=2500)

        assert (answer.json["amount"], answer.json["kept"], answer.json["order_status"]) == (2500, 7500, "refunded")
        assert refund(api, shop, order, amount=7501).json["refundable"] == 7500
        invariants.check(conn)

    def test_never_more_than_was_paid_for_the_tickets(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type())
        first, _ = map(str, tickets_of(conn, order))

        refused = [
            refund(api, shop, order, ticket_ids=[first], amount=5001),
            refund(api, shop, order, ticket_ids=[first], fee=5001),
        ]

        assert [(each.status, each.code, each.json["refundable"]) for each in refused] == [
            (409, "refund_too_large", 5000),
            (409, "fee_too_large", 5000),
        ]
        assert status_of(conn, order) == "paid"

    def test_amounts_and_fees_are_multiples_of_the_price_step(self, api: Client, conn: Connection, shop: Shop) -> None:
        conn.execute("UPDATE events SET currency = 'KWD'")
        order = shop.sold(shop.ticket_type())

        for body in ({"amount": 4995}, {"fee": 5}):
            refused = refund(api, shop, order, whole=True, **body)
            assert (refused.code, refused.json["step"]) == ("amount_off_step", 10)

    def test_a_preview_says_what_the_same_request_then_does(self, api: Client, conn: Connection, shop: Shop) -> None:
        sellers.enable_webhooks(conn)
        order = shop.sold(shop.ticket_type())
        first, second = map(str, tickets_of(conn, order))
        bodies: list[dict[str, object]] = [
            {"ticket_ids": [first], "fee": 1000},
            {"amount": 300},
            {"ticket_ids": [second], "amount": 0},
        ]

        for body in bodies:
            with unchanged(conn):
                preview = refund(api, shop, order, preview=True, **body)
            done = refund(api, shop, order, **body)
            assert (preview.status, done.status) == (200, 201)
            assert preview.json == {name: value for name, value in done.json.items() if name != "id"}
        assert preview.json["ticket_ids"] == [second]
        with unchanged(conn):
            assert refund(api, shop, order, preview=True, whole=True).code == "nothing_to_refund"
        sent = [each for each in sellers.webhooks(conn) if each["type"] == "order.refunded"]
        assert [(each["data"]["refunded"], each["data"]["kept"]) for each in sent] == [
            (4000, 1000),
            (300, 0),
            (0, 5000),
        ]

    def test_a_preview_refuses_used_tickets_as_the_refund_would(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        order = shop.sold(shop.ticket_type())
        used, _ = tickets_of(conn, order)
        factories.scan(conn, used, shop.manager)

        refused = refund(api, shop, order, preview=True, whole=True)

        assert (refused.code, refused.json["ticket_ids"]) == ("ticket_used", [str(used)])
        assert refund(api, shop, order, preview=True, whole=True, force=True).json["amount"] == 10_000

    def test_a_repeat_gets_the_first_answer(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type())

        first, second = (refund(api, shop, order, key="once", whole=True, amount=0) for _ in range(2))

        assert second.json == first.json
        assert conn.execute("SELECT amount, kept FROM order_refunds").fetchall() == [(0, 10_000)]
        invariants.check(conn)


class TestRequest:
    def test_a_repeat_gets_the_first_answer_and_gives_nothing_back(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        order = shop.sold(shop.ticket_type())

        first, second = (refund(api, shop, order, key="once", amount=100) for _ in range(2))

        assert second.json == first.json
        assert second.headers["idempotent-replayed"] == "true"
        assert given_back(conn) == [100]
        assert refund(api, shop, order, key="once", amount=101).code == "idempotency_key_reused"

    def test_a_stranger_with_the_idempotency_key_finds_nothing(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type())
        refund(api, shop, order, key="once", amount=100)

        path, stranger = f"/v1/orders/{order}/refunds", factories.account(conn)

        assert api.post(path, {"amount": 100}, account=stranger, key="once").status == 404

    @pytest.mark.parametrize("status", ["pending", "cancelled", "expired"])
    def test_an_order_that_was_not_paid_is_not_refunded(
        self, api: Client, conn: Connection, shop: Shop, status: str
    ) -> None:
        order = factories.order(conn, shop.ticket_type(), status=status)

        refused = refund(api, shop, order, whole=True)

        assert (refused.status, refused.code) == (409, "order_not_refundable")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"whole": False},
            {"whole": True, "ticket_ids": [str(uuid4())]},
            {"amount": 0},
            {"fee": 5},
            {"amount": 5, "fee": 5},
            {"whole": True, "amount": 5, "fee": 5},
            {"whole": True, "fee": 0},
            {"whole": True, "preview": "yes"},
            {"amount": -5},
            {"amount": 1.5},
            {"amount": "5"},
            {"ticket_ids": []},
            {"ticket_ids": ["x"]},
            {"ticket_ids": [str(uuid4())] * 1001},
            {"whole": 1},
            {"whole": True, "force": "yes"},
            {"whole": True, "more": 1},
        ],
    )
    def test_an_impossible_request_is_invalid(
        self, api: Client, conn: Connection, shop: Shop, body: dict[str, object]
    ) -> None:
        refused = refund(api, shop, factories.order(conn, shop.ticket_type()), **body)

        assert (refused.status, refused.code) == (422, "invalid")

    def test_a_manager_and_an_idempotency_key_are_required(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type())
        path, body = f"/v1/orders/{order}/refunds", {"whole": True}
        scanner = factories.member(conn, shop.organisation, "scanner")

        assert api.post(path, body, account=shop.manager).status == 422
        assert api.post(path, body, account=scanner, key="new").status == 403
        assert api.post(path, body, order_token=order_token(order), key="new").status == 401
        assert api.post(f"/v1/orders/{uuid4()}/refunds", body, account=shop.manager, key="new").status == 404
        assert given_back(conn) == []

    def test_a_refund_is_in_the_audit_log_and_in_the_history(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type())
        refund(api, shop, order, amount=100, reason="The bar was closed")

        entry = only_entry(conn)
        assert (entry.actor, entry.action, entry.subject) == (shop.manager, "refund_order", f"order {order}")
        assert (entry.details["amount"], entry.details["reason"]) == (100, "The bar was closed")
        assert (entry.details["before"], entry.details["after"]) == (
            {"status": "paid"},
            {"status": "partially_refunded"},
        )
        seen = api.get(f"/v1/orders/{order}", account=shop.manager).json["history"][-1]
        assert (seen["to_status"], seen["reason"]) == ("partially_refunded", "The bar was closed")
        assert seen["actor_id"] == str(shop.manager)
        assert api.get(f"/v1/orders/{order}", order_token=order_token(order)).json["history"] is None

    def test_organisations_with_webhooks_are_owed_one(self, api: Client, conn: Connection, shop: Shop) -> None:
        sellers.enable_webhooks(conn)
        order = shop.sold(shop.ticket_type())

        answer = refund(api, shop, order, amount=100)

        paid, refunded, sent = sellers.webhooks(conn)
        assert [paid["type"], refunded["type"], sent["type"]] == ["order.paid", "order.refunded", "refund.sent"]
        assert refunded["data"]["order_id"] == str(order)
        assert refunded["data"]["refund_id"] == answer.json["id"]
        assert (refunded["data"]["refunded"], refunded["data"]["status"]) == (100, "partially_refunded")
        assert refunded["data"]["event_ids"] == [str(shop.event)]
        invariants.check(conn)
