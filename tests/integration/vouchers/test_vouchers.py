"""GET and POST /v1/events/{event_id}/vouchers, PATCH and DELETE /v1/vouchers/{voucher_id}"""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants
from tests.helpers.factories import NOW, order_request
from tests.helpers.support import Answer, Client


def create(api: Client, manager: UUID, event: UUID, **fields: Any) -> Answer:
    """Create a voucher for 10 %."""
    body = {"code": "tenth", "discount": {"kind": "percent", "percent": 10}, **fields}
    return api.post(f"/v1/events/{event}/vouchers", body, account=manager)


class TestCreate:
    def test_a_voucher_has_the_fields_it_was_given(
        self, api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
    ) -> None:
        until = (NOW + timedelta(days=3)).isoformat().replace("+00:00", "Z")

        answer = create(
            api,
            manager,
            event,
            valid_until=until,
            max_redemptions=50,
            max_per_buyer=2,
            max_tickets_per_redemption=4,
            unlocks_hidden=True,
            ticket_type_ids=[str(ticket_type)],
        )

        assert answer.status == 201
        assert answer.version == 1
        assert answer.json == {
            "id": answer.json["id"],
            "event_id": str(event),
            "code": "TENTH",
            "discount": {"kind": "percent", "percent": 10},
            "currency": "NGN",
            "currency_exponent": 2,
            "valid_from": None,
            "valid_until": until,
            "max_redemptions": 50,
            "redemptions": 0,
            "max_per_buyer": 2,
            "max_tickets_per_redemption": 4,
            "unlocks_hidden": True,
            "ticket_type_ids": [str(ticket_type)],
            "version": 1,
            "created_at": answer.json["created_at"],
        }
        assert conn.execute("SELECT action, subject FROM audit_log").fetchall() == [
            ("create_voucher", f"voucher {answer.json['id']}")
        ]
        invariants.check(conn)

    @pytest.mark.parametrize("discount", [{"kind": "fixed", "amount": 500}, {"kind": "free"}, None])
    def test_a_discount_is_an_amount_or_all_or_none(
        self, api: Client, manager: UUID, event: UUID, discount: dict[str, Any] | None
    ) -> None:
        answer = create(api, manager, event, discount=discount, unlocks_hidden=True)

        assert (answer.status, answer.json["discount"]) == (201, discount)

    def test_only_a_free_voucher_is_for_one_ticket_unless_its_manager_says_otherwise(
        self, api: Client, manager: UUID, event: UUID
    ) -> None:
        free, tenth, fixed = {"kind": "free"}, {"kind": "percent", "percent": 10}, {"kind": "fixed", "amount": 5}

        def limit(code: str, **fields: Any) -> int | None:
            limit: int | None = create(api, manager, event, code=code, **fields).json["max_tickets_per_redemption"]
            return limit

        assert limit("ONE", discount=free) == 1
        assert limit("FOUR", discount=free, max_tickets_per_redemption=4) == 4
        assert limit("ALL", discount=free, max_tickets_per_redemption=None) is None
        assert limit("TENTH", discount=tenth) is None
        assert limit("FIXED", discount=fixed) is None
        assert limit("KEY", discount=None, unlocks_hidden=True) is None
        assert limit("TWO", discount=tenth, max_tickets_per_redemption=2) == 2

    def test_an_event_has_a_code_once_however_it_is_written(
        self, api: Client, conn: Connection, manager: UUID, event: UUID, draft: UUID
    ) -> None:
        first = create(api, manager, event)

        again = create(api, manager, event, code=" Tenth ")
        elsewhere = create(api, manager, draft)

        assert (again.status, again.code) == (409, "code_taken")
        assert elsewhere.status == 201
        assert api.delete(f"/v1/vouchers/{first.json['id']}", account=manager).status == 204
        assert create(api, manager, event).status == 201

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"discount": None}, "voucher_without_use"),
            ({"valid_from": NOW.isoformat(), "valid_until": NOW.isoformat()}, "validity_empty"),
        ],
    )
    def test_fields_that_contradict_each_other_are_refused(
        self, api: Client, manager: UUID, event: UUID, fields: dict[str, Any], code: str
    ) -> None:
        refused = create(api, manager, event, **fields)

        assert (refused.status, refused.code) == (422, code)

    @pytest.mark.parametrize(
        "fields",
        [
            {"code": "NO SPACES"},
            {"code": "AB"},
            {"code": "Ä" * 10},
            {"code": "A" * 41},
            {"discount": {"kind": "percent", "percent": 0}},
            {"discount": {"kind": "percent", "percent": 101}},
            {"discount": {"kind": "percent", "percent": 12.5}},
            {"discount": {"kind": "percent", "amount": 10}},
            {"discount": {"kind": "fixed", "amount": 0}},
            {"discount": {"kind": "fixed", "amount": 10**12}},
            {"discount": {"kind": "fixed"}},
            {"discount": {"kind": "free", "percent": 100}},
            {"discount": {"kind": "double"}},
            {"discount": {}},
            {"discount": "free"},
            {"max_redemptions": -1},
            {"max_redemptions": 10**8},
            {"max_redemptions": True},
            {"max_per_buyer": 0},
            {"max_tickets_per_redemption": 0},
            {"max_tickets_per_redemption": 1001},
            {"max_tickets_per_redemption": 1.0},
            {"ticket_type_ids": []},
            {"ticket_type_ids": ["1"]},
            {"unlocks_hidden": 1},
            {"surprise": 1},
        ],
        ids=repr,
    )
    def test_a_malformed_request_is_refused(
        self, api: Client, conn: Connection, manager: UUID, event: UUID, fields: dict[str, Any]
    ) -> None:
        refused = create(api, manager, event, **fields)

        assert (refused.status, refused.code) == (422, "invalid")
        assert conn.execute("SELECT count(*) FROM vouchers").fetchone() == (0,)

    def test_a_voucher_cannot_cover_ticket_types_of_other_events(
        self, api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
    ) -> None:
        foreign = [factories.ticket_type(conn), factories.ticket_type(conn, event_id=event, deleted_at=NOW), uuid4()]

        for each in foreign:
            assert create(api, manager, event, ticket_type_ids=[str(ticket_type), str(each)]).status == 404
        assert create(api, manager, uuid4()).status == 404


class TestList:
    def test_the_newest_come_first_page_by_page(
        self, api: Client, conn: Connection, manager: UUID, event: UUID
    ) -> None:
        codes = [create(api, manager, event, code=f"CODE-{number}").json["code"] for number in range(5)]
        factories.voucher(conn, event, deleted_at=NOW)
        factories.voucher(conn, factories.event(conn))

        first = api.get(f"/v1/events/{event}/vouchers", query={"limit": 3}, account=manager).json
        second = api.get(
            f"/v1/events/{event}/vouchers", query={"limit": 3, "cursor": first["next_cursor"]}, account=manager
        ).json

        assert [each["code"] for each in first["items"] + second["items"]] == codes[::-1]
        assert second["next_cursor"] is None

    def test_the_list_shows_how_many_orders_redeem_a_voucher(
        self, api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
    ) -> None:
        create(api, manager, event)
        for _ in range(3):
            assert api.post("/v1/orders", order_request(ticket_type, voucher="tenth"), key="new").status == 201

        (voucher,) = api.get(f"/v1/events/{event}/vouchers", account=manager).json["items"]

        assert (voucher["redemptions"], voucher["max_redemptions"]) == (3, None)
        invariants.check(conn)


class TestUpdate:
    def test_fields_that_are_sent_change_and_the_others_do_not(
        self, api: Client, conn: Connection, manager: UUID, event: UUID
    ) -> None:
        voucher = create(api, manager, event, max_redemptions=5).json
        changes = {"code": "half", "discount": {"kind": "percent", "percent": 50}, "max_redemptions": 400}

        answer = api.patch(f"/v1/vouchers/{voucher['id']}", changes, account=manager, headers={"if-match": '"1"'})

        assert answer.json == {**voucher, **changes, "code": "HALF", "version": 2}
        assert answer.version == 2
        invariants.check(conn)

    def test_the_limit_cannot_be_less_than_the_redemptions(
        self, api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
    ) -> None:
        voucher = create(api, manager, event, max_redemptions=5).json
        for _ in range(3):
            api.post("/v1/orders", order_request(ticket_type, voucher="tenth"), key="new")
        path = f"/v1/vouchers/{voucher['id']}"

        refused = api.patch(path, {"max_redemptions": 2}, account=manager)

        assert (refused.status, refused.code) == (409, "quantity_too_low")
        assert api.patch(path, {"max_redemptions": 3}, account=manager).json["redemptions"] == 3
        used_up = api.post("/v1/orders", order_request(ticket_type, voucher="tenth"), key="new")
        assert used_up.code == "voucher_used_up"
        assert api.patch(path, {"max_redemptions": None}, account=manager).status == 200
        assert api.post("/v1/orders", order_request(ticket_type, voucher="tenth"), key="new").status == 201
        invariants.check(conn)

    def test_a_discount_that_becomes_free_is_for_one_ticket_unless_a_limit_is_set(
        self, api: Client, manager: UUID, event: UUID
    ) -> None:
        path = f"/v1/vouchers/{create(api, manager, event).json['id']}"
        tenth = {"discount": {"kind": "percent", "percent": 10}}

        def limit_after(**changes: Any) -> int | None:
            limit: int | None = api.patch(path, changes, account=manager).json["max_tickets_per_redemption"]
            return limit

        free = {"discount": {"kind": "free"}}
        assert limit_after(**free) == 1
        assert limit_after(max_tickets_per_redemption=None) is None
        assert limit_after(**free) is None  # it was free before
        assert limit_after(**tenth) is None
        assert limit_after(**free, max_tickets_per_redemption=None) is None
        assert limit_after(**tenth, max_tickets_per_redemption=5) == 5
        assert limit_after(**free) == 5
        assert limit_after(code="other") == 5

    def test_orders_that_redeemed_it_keep_their_discount(
        self, api: Client, manager: UUID, event: UUID, ticket_type: UUID
    ) -> None:
        voucher = create(api, manager, event).json
        order = api.post("/v1/orders", order_request(ticket_type, voucher="tenth"), key="new").json

        api.patch(f"/v1/vouchers/{voucher['id']}", {"discount": {"kind": "free"}}, account=manager)

        shown = api.get(f"/v1/orders/{order['id']}", order_token=order["access_token"]).json
        assert (shown["subtotal"], shown["discount"], shown["total"]) == (10_000, 1000, 9000)

    def test_a_stale_version_is_refused(self, api: Client, manager: UUID, event: UUID) -> None:
        voucher = create(api, manager, event).json

        refused = api.patch(
            f"/v1/vouchers/{voucher['id']}", {"code": "OTHER"}, account=manager, headers={"if-match": '"7"'}
        )

        assert (refused.status, refused.code) == (412, "stale_version")

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"discount": None}, 422, "voucher_without_use"),
            ({"valid_until": "2020-01-01T00:00:00Z"}, 422, "validity_empty"),
            ({"code": "taken"}, 409, "code_taken"),
            ({"ticket_type_ids": ["0192a3b4-c5d6-7e7f-8a9b-0123456789ab"]}, 404, "not_found"),
            ({"code": None}, 422, "invalid"),
            ({"unlocks_hidden": None}, 422, "invalid"),
        ],
    )
    def test_changes_that_contradict_the_other_fields_are_refused(
        self, api: Client, manager: UUID, event: UUID, changes: dict[str, Any], status: int, code: str
    ) -> None:
        create(api, manager, event, code="taken")
        voucher = create(api, manager, event, valid_from=NOW.isoformat()).json

        refused = api.patch(f"/v1/vouchers/{voucher['id']}", changes, account=manager)

        assert (refused.status, refused.code) == (status, code)
        items = api.get(f"/v1/events/{event}/vouchers", account=manager).json["items"]
        assert items[0] == voucher


class TestDelete:
    def test_nobody_redeems_a_deleted_voucher_and_orders_keep_their_discount(
        self, api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
    ) -> None:
        voucher = create(api, manager, event).json
        order = api.post("/v1/orders", order_request(ticket_type, voucher="tenth"), key="new").json

        assert api.delete(f"/v1/vouchers/{voucher['id']}", account=manager).status == 204

        refused = api.post("/v1/orders", order_request(ticket_type, voucher="tenth"), key="new")
        assert (refused.status, refused.code) == (404, "voucher_not_found")
        shown = api.get(f"/v1/orders/{order['id']}", order_token=order["access_token"]).json
        assert (shown["voucher"], shown["total"]) == ("TENTH", 9000)
        assert api.post(f"/v1/orders/{order['id']}/cancel", order_token=order["access_token"]).status == 200
        assert api.delete(f"/v1/vouchers/{voucher['id']}", account=manager).status == 404
        assert api.get(f"/v1/events/{event}/vouchers", account=manager).json["items"] == []
        assert [row[0] for row in conn.execute("SELECT action FROM audit_log ORDER BY entry").fetchall()] == [
            "create_voucher",
            "delete_voucher",
        ]
        invariants.check(conn)

    def test_a_voucher_of_another_organisation_is_not_found(self, api: Client, conn: Connection, manager: UUID) -> None:
        foreign = factories.voucher(conn, factories.event(conn))

        assert api.delete(f"/v1/vouchers/{foreign}", account=manager).status == 404
        assert api.patch(f"/v1/vouchers/{foreign}", {"code": "MINE"}, account=manager).status == 404
        assert api.patch(f"/v1/vouchers/{uuid4()}", {"code": "MINE"}, account=manager).status == 404
