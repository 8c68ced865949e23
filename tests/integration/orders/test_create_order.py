"""POST /v1/orders"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants
from tests.helpers.factories import NOW, order_request
from tests.helpers.support import Client


def test_an_order_holds_stock_for_15_minutes(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=100, price=2500)

    answer = api.post("/v1/orders", order_request(ticket_type, 3), key="new")

    assert answer.status == 201
    assert answer.json["status"] == "pending"
    assert answer.json["total"] == 7500
    assert answer.json["currency"] == "NGN"
    assert answer.json["items"][0]["quantity"] == 3
    assert invariants.left(conn, ticket_type) == (97, 3, 0)
    (held_for,) = conn.execute("SELECT expires_at - created_at FROM orders").fetchone() or (None,)
    assert held_for == timedelta(minutes=15)
    invariants.check(conn)


def test_a_guest_reads_the_order_with_the_token_of_the_answer(api: Client, conn: Connection) -> None:
    placed = api.post("/v1/orders", order_request(factories.ticket_type(conn)), key="new").json

    assert api.get(f"/v1/orders/{placed['id']}", order_token=placed["access_token"]).status == 200


def test_an_account_reads_its_own_order(api: Client, conn: Connection) -> None:
    buyer = factories.account(conn)

    placed = api.post("/v1/orders", order_request(factories.ticket_type(conn)), key="new", account=buyer).json

    assert api.get(f"/v1/orders/{placed['id']}", account=buyer).status == 200


def test_a_free_order_is_paid_at_once_with_its_tickets_and_its_email(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, price=0)

    placed = api.post("/v1/orders", order_request(ticket_type, 2), key="new").json

    assert placed["status"] == "paid"
    order = api.get(f"/v1/orders/{placed['id']}", order_token=placed["access_token"]).json
    assert order["status"] == "paid"
    assert len(order["tickets"]) == 2
    assert invariants.left(conn, ticket_type) == (98, 0, 2)
    invariants.check(conn)


def test_one_cart_holds_several_ticket_types_of_several_events(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    types = [
        factories.ticket_type(conn, event_id=factories.event(conn, organisation_id=organisation)) for _ in range(3)
    ]
    request = order_request(types[0])
    request["items"] = [{"ticket_type_id": str(each), "quantity": 2} for each in types]

    answer = api.post("/v1/orders", request, key="new")

    assert answer.status == 201
    assert answer.json["total"] == 30000
    assert all(invariants.left(conn, each) == (98, 2, 0) for each in types)


def test_items_of_the_same_ticket_type_are_added_up(api: Client, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, max_per_order=5)
    request = order_request(ticket_type, 3)
    request["items"] *= 2

    refused = api.post("/v1/orders", request, key="new")

    assert (refused.status, refused.code) == (422, "quantity_not_allowed")


class TestIdempotency:
    def test_a_repeat_gets_the_first_answer_and_has_no_effect(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn)
        request = order_request(ticket_type)
        first = api.post("/v1/orders", request, key="abc")

        again = api.post("/v1/orders", request, key="abc")

        assert again.json == first.json
        assert again.status == 201
        assert again.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers
        assert invariants.left(conn, ticket_type) == (98, 2, 0)

    def test_a_repeat_is_answered_although_the_sale_is_over(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn, quantity=2)
        request = order_request(ticket_type)
        first = api.post("/v1/orders", request, key="abc")
        conn.execute("UPDATE ticket_types SET sales_end = now()")

        assert api.post("/v1/orders", request, key="abc").json == first.json

    def test_a_repeat_is_answered_although_its_own_order_took_the_last(self, api: Client, conn: Connection) -> None:
        request = order_request(factories.ticket_type(conn, quantity=2))
        first = api.post("/v1/orders", request, key="abc")

        assert api.post("/v1/orders", request, key="abc").json == first.json

    def test_the_same_key_for_another_request_is_refused(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn)
        request = order_request(ticket_type)
        api.post("/v1/orders", request, key="abc")

        refused = api.post("/v1/orders", {**request, "items": order_request(ticket_type, 3)["items"]}, key="abc")

        assert (refused.status, refused.code) == (422, "idempotency_key_reused")
        assert invariants.left(conn, ticket_type) == (98, 2, 0)

    @pytest.mark.parametrize("logged_in", [False, True], ids=["guest", "account"])
    def test_a_corrected_address_with_the_same_key_is_another_request(
        self, api: Client, conn: Connection, logged_in: bool
    ) -> None:
        ticket_type = factories.ticket_type(conn)
        request = order_request(ticket_type)
        account = factories.account(conn) if logged_in else None
        api.post("/v1/orders", request, key="abc", account=account)

        corrected = {**request, "buyer": {"name": "Ada Buyer", "email": "ada@example.org"}}
        refused = api.post("/v1/orders", corrected, key="abc", account=account)

        assert (refused.status, refused.code) == (422, "idempotency_key_reused")
        assert invariants.left(conn, ticket_type) == (98, 2, 0)

    def test_a_guests_key_belongs_to_the_organisation_they_buy_from(self, api: Client, conn: Connection) -> None:
        here, elsewhere = factories.ticket_type(conn), factories.ticket_type(conn)

        answers = [api.post("/v1/orders", order_request(each), key="abc") for each in (here, elsewhere)]

        assert [answer.status for answer in answers] == [201, 201]
        assert api.post("/v1/orders", order_request(here), key="abc").code == "idempotency_key_reused"

    def test_an_accounts_key_belongs_to_the_account(self, api: Client, conn: Connection) -> None:
        ticket_type, elsewhere = factories.ticket_type(conn), factories.ticket_type(conn)
        ada, bola = factories.account(conn), factories.account(conn)
        request = order_request(ticket_type)

        first = api.post("/v1/orders", request, key="abc", account=ada)

        assert api.post("/v1/orders", request, key="abc", account=bola).json["id"] != first.json["id"]
        assert api.post("/v1/orders", request, key="abc").json["id"] != first.json["id"]
        reused = api.post("/v1/orders", order_request(elsewhere), key="abc", account=ada)
        assert reused.code == "idempotency_key_reused"
        assert invariants.left(conn, ticket_type) == (94, 6, 0)

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE events SET status = 'cancelled', cancelled_at = now()",
            "UPDATE events SET deleted_at = now()",
            "UPDATE ticket_types SET deleted_at = now()",
            "UPDATE ticket_types SET hidden = true",
            "UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'",
        ],
    )
    def test_a_repeat_is_answered_whatever_has_become_of_the_sale(
        self, api: Client, conn: Connection, change: str
    ) -> None:
        request = order_request(factories.ticket_type(conn))
        first = api.post("/v1/orders", request, key="abc")
        conn.execute(change)

        again = api.post("/v1/orders", request, key="abc")
        corrected = {**request, "buyer": {"name": "Ada Buyer", "email": "ada@example.org"}}

        assert (again.status, again.json) == (201, first.json)
        assert api.post("/v1/orders", corrected, key="abc").code == "idempotency_key_reused"

    def test_a_refused_request_with_a_new_key_gets_its_own_refusal(self, api: Client, conn: Connection) -> None:
        assert api.post("/v1/orders", order_request(uuid4()), key="abc").code == "ticket_type_not_found"

    @pytest.mark.parametrize("key", ["k" * 16, "k" * 255, "~!" * 8])
    def test_a_key_has_16_to_255_visible_characters(self, api: Client, conn: Connection, key: str) -> None:
        request = order_request(factories.ticket_type(conn))

        assert api.post("/v1/orders", request, headers={"Idempotency-Key": key}).status == 201

    @pytest.mark.parametrize(
        ("key", "because"),
        [
            ("k" * 15, "at least 16 characters"),
            ("", "at least 16 characters"),
            ("k" * 256, "at most 255 characters"),
            ("sixteen letters and spaces", "visible ASCII"),
            ("کلید یکتای خریدار", "visible ASCII"),
        ],
    )
    def test_other_keys_are_refused(self, api: Client, conn: Connection, key: str, because: str) -> None:
        ticket_type = factories.ticket_type(conn)

        refused = api.post("/v1/orders", order_request(ticket_type), headers={"Idempotency-Key": key})

        assert (refused.status, refused.code) == (422, "invalid")
        (error,) = refused.json["errors"]
        assert error["loc"][-1].lower() == "idempotency-key"
        assert because in error["msg"]
        assert invariants.left(conn, ticket_type) == (100, 0, 0)

    def test_the_key_is_required(self, api: Client, conn: Connection) -> None:
        assert api.post("/v1/orders", order_request(factories.ticket_type(conn))).status == 422


class TestRefusals:
    def test_more_than_there_is_is_sold_out(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn, quantity=3, max_per_order=4)

        refused = api.post("/v1/orders", order_request(ticket_type, 4), key="new")

        assert (refused.status, refused.code) == (409, "sold_out")
        assert invariants.left(conn, ticket_type) == (3, 0, 0)

    def test_if_one_ticket_type_is_sold_out_nothing_is_held_of_the_others(self, api: Client, conn: Connection) -> None:
        event = factories.event(conn)
        plenty = factories.ticket_type(conn, event_id=event)
        few = factories.ticket_type(conn, event_id=event, quantity=1)
        request = order_request(plenty)
        request["items"] += order_request(few)["items"]

        assert api.post("/v1/orders", request, key="new").code == "sold_out"

        assert invariants.left(conn, plenty) == (100, 0, 0)
        assert conn.execute("SELECT count(*) FROM orders").fetchone() == (0,)

    @pytest.mark.parametrize(
        "terms",
        [
            {"sales_start": NOW + timedelta(hours=1)},
            {"sales_end": NOW - timedelta(hours=1)},
        ],
        ids=["not yet", "no more"],
    )
    def test_outside_of_the_sale_window_it_is_not_on_sale(
        self, api: Client, conn: Connection, terms: dict[str, Any]
    ) -> None:
        ticket_type = factories.ticket_type(conn, **terms)

        refused = api.post("/v1/orders", order_request(ticket_type), key="new")

        assert (refused.status, refused.code) == (409, "not_on_sale")

    def test_a_past_event_is_not_on_sale(self, api: Client, conn: Connection) -> None:
        past = factories.event(conn, starts_at=NOW - timedelta(days=2), ends_at=NOW - timedelta(days=1))
        ticket_type = factories.ticket_type(conn, event_id=past)

        assert api.post("/v1/orders", order_request(ticket_type), key="new").code == "not_on_sale"

    @pytest.mark.parametrize("quantity", [1, 5])
    def test_a_quantity_below_or_above_the_limits_per_order_is_refused(
        self, api: Client, conn: Connection, quantity: int
    ) -> None:
        ticket_type = factories.ticket_type(conn, min_per_order=2, max_per_order=4)

        refused = api.post("/v1/orders", order_request(ticket_type, quantity), key="new")

        assert (refused.status, refused.code) == (422, "quantity_not_allowed")

    def test_a_ticket_type_that_is_not_public_is_not_found(self, api: Client, conn: Connection) -> None:
        not_for_sale = [
            factories.ticket_type(conn, hidden=True),
            factories.ticket_type(conn, deleted_at=NOW),
            factories.ticket_type(conn, event_id=factories.event(conn, status="draft")),
            factories.ticket_type(conn, event_id=factories.event(conn, status="cancelled")),
            uuid4(),
        ]

        answers = [api.post("/v1/orders", order_request(each), key="new") for each in not_for_sale]

        assert [answer.status for answer in answers] == [404] * 5

    def test_two_organisations_cannot_share_an_order(self, api: Client, conn: Connection) -> None:
        request = order_request(factories.ticket_type(conn))
        request["items"] += order_request(factories.ticket_type(conn))["items"]

        refused = api.post("/v1/orders", request, key="new")

        assert (refused.status, refused.code) == (422, "mixed_order")

    @pytest.mark.parametrize(
        "change",
        [
            {"items": []},
            {"items": None},
            {"items": [{"ticket_type_id": "1", "quantity": 1}]},
            {"extra": 1},
            {"buyer": {"name": "Ada", "email": "ada@example.com\nBcc: all@example.com"}},
            {"buyer": {"name": "See www.evil.example", "email": "ada@example.com"}},
            {"buyer": {"name": " ", "email": "ada@example.com"}},
            {"buyer": {"name": "Ada", "email": "ada"}},
            {"buyer": {"name": "Ada", "email": "ada@example.com", "phone": "0800"}},
            {"voucher": "NO SPACES"},
            {"voucher": 7},
            {"ticket_mode": "choice"},
        ],
        ids=repr,
    )
    def test_a_malformed_request_is_refused_and_changes_nothing(
        self, api: Client, conn: Connection, change: dict[str, Any]
    ) -> None:
        ticket_type = factories.ticket_type(conn)

        refused = api.post("/v1/orders", {**order_request(ticket_type), **change}, key="new")

        assert (refused.status, refused.code) == (422, "invalid")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json["errors"][0]["loc"][0] == "body"
        assert invariants.left(conn, ticket_type) == (100, 0, 0)

    @pytest.mark.parametrize("quantity", [0, -1, 1.5, "2", 10**30, None, True])
    def test_an_impossible_quantity_is_refused(self, api: Client, conn: Connection, quantity: Any) -> None:
        request = order_request(factories.ticket_type(conn))
        request["items"][0]["quantity"] = quantity

        assert api.post("/v1/orders", request, key="new").status == 422
