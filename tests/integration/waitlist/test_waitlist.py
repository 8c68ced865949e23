"""The waitlist: people get offers in the order of the line, accept them and leave. `test_joining` lets them in."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token, waitlist_token
from boxoffice.waitlist import service
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import NOW
from tests.helpers.support import Answer, Client
from tests.integration.waitlist.conftest import emails, run_job


def cancel(conn: Connection, api: Client, ticket_type: UUID) -> None:
    """Cancel the oldest pending order."""
    row = conn.execute("SELECT id FROM orders WHERE status = 'pending' ORDER BY id LIMIT 1").fetchone()
    assert row is not None
    assert api.post(f"/v1/orders/{row[0]}/cancel", order_token=order_token(row[0])).status == 200


def entries(conn: Connection) -> list[tuple[str, int]]:
    """Return the status and the quantity of each entry, in order of joining."""
    return conn.execute("SELECT status, quantity FROM waitlist_entries ORDER BY id").fetchall()


def accept(api: Client, conn: Connection, entry: UUID, quantity: int = 2, **overrides: Any) -> Answer:
    """Order what the waitlist offers to an entry."""
    email, ticket_type = conn.execute(
        "SELECT email, ticket_type_id FROM waitlist_entries WHERE id = %s", [entry]
    ).fetchone() or ("", "")
    request = factories.order_request(
        ticket_type, quantity, buyer={"name": "Ada", "email": email}, waitlist_token=waitlist_token(entry)
    )
    return api.post("/v1/orders", request | overrides, key="new")


class TestOffers:
    def test_freed_stock_is_offered_before_the_public_can_buy_it(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        for _ in range(2):
            factories.waitlist_entry(conn, ticket_type)

        cancel(conn, api, ticket_type)

        assert entries(conn) == [("offered", 2), ("waiting", 2)]
        assert invariants.left(conn, ticket_type) == (0, 4, 0)
        assert [template for template, _ in emails(conn)] == ["waitlist_offer"]
        assert api.post("/v1/orders", factories.order_request(ticket_type), key="new").code == "sold_out"
        invariants.check(conn)

        cancel(conn, api, ticket_type)
        assert entries(conn) == [("offered", 2), ("offered", 2)]

    def test_stock_of_expired_orders_is_offered_in_order_of_joining(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        for quantity in (3, 1, 2):
            factories.waitlist_entry(conn, ticket_type, quantity=quantity)
        conn.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")

        assert sellers.expire_orders(conn, batch=1) == 1
        assert entries(conn) == [("waiting", 3), ("offered", 1), ("waiting", 2)]
        assert invariants.left(conn, ticket_type) == (1, 3, 0)
        invariants.check(conn)

        sellers.expire_orders(conn)
        run_job()
        assert entries(conn) == [("offered", 3), ("offered", 1), ("waiting", 2)]
        invariants.check(conn)

    def test_a_remainder_too_small_for_every_entry_is_on_sale(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        factories.waitlist_entry(conn, ticket_type, quantity=3)
        cancel(conn, api, ticket_type)

        assert api.post("/v1/orders", factories.order_request(ticket_type), key="new").status == 201

    def test_added_quantity_is_offered_at_once(
        self, api: Client, conn: Connection, manager: UUID, ticket_type: UUID
    ) -> None:
        for _ in range(3):
            factories.waitlist_entry(conn, ticket_type)
        api.patch(f"/v1/ticket-types/{ticket_type}", {"quantity": 9}, account=manager)

        assert [status for status, _ in entries(conn)] == ["offered", "offered", "waiting"]
        assert invariants.left(conn, ticket_type) == (1, 8, 0)

    def test_an_added_capacity_is_offered_at_once(self, api: Client, conn: Connection) -> None:
        shop = sellers.Shop(conn)
        assert api.patch(f"/v1/events/{shop.event}", {"capacity": 2}, account=shop.manager).status == 200
        ticket_type = shop.ticket_type()
        assert api.post("/v1/orders", factories.order_request(ticket_type), key="new").status == 201
        factories.waitlist_entry(conn, ticket_type)

        assert api.patch(f"/v1/events/{shop.event}", {"capacity": 4}, account=shop.manager).status == 200

        assert entries(conn) == [("offered", 2)]
        invariants.check(conn)

    def test_the_job_offers_stock_that_lies_in_several_rows(self, api: Client, conn: Connection, event: UUID) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=100, max_per_order=50)
        factories.waitlist_entry(conn, ticket_type, quantity=45)
        conn.execute("UPDATE waitlist_entries SET status = 'waiting'")

        assert run_job() == {"closed": 0, "lapsed": 0, "offered": 1, "units_failed": 0}
        assert run_job() == {"closed": 0, "lapsed": 0, "offered": 0, "units_failed": 0}
        assert invariants.left(conn, ticket_type) == (55, 45, 0)
        invariants.check(conn)

    def test_a_lapsed_offer_goes_to_the_next_entry(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        for _ in range(2):
            factories.waitlist_entry(conn, ticket_type)
        cancel(conn, api, ticket_type)
        conn.execute("UPDATE waitlist_entries SET expires_at = now() - interval '1 second' WHERE status = 'offered'")

        assert run_job()["lapsed"] == 1

        assert entries(conn) == [("lapsed", 2), ("offered", 2)]
        assert [template for template, _ in emails(conn)] == ["waitlist_offer", "waitlist_lapsed", "waitlist_offer"]
        assert invariants.left(conn, ticket_type) == (0, 4, 0)
        invariants.check(conn)

    def test_an_offer_lapses_at_the_end_of_the_sale_at_the_latest(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        soon = NOW + timedelta(hours=1)
        conn.execute("UPDATE ticket_types SET sales_end = %s", [soon])
        factories.waitlist_entry(conn, ticket_type)
        cancel(conn, api, ticket_type)
        assert conn.execute("SELECT expires_at FROM waitlist_entries").fetchone() == (soon,)

    def test_nothing_is_offered_after_the_sale_has_ended(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        factories.waitlist_entry(conn, ticket_type)
        conn.execute("UPDATE ticket_types SET sales_end = now()")
        cancel(conn, api, ticket_type)
        assert run_job() == {"closed": 0, "lapsed": 0, "offered": 0, "units_failed": 0}
        assert entries(conn) == [("waiting", 2)]

    @pytest.mark.parametrize("end", ["status = 'cancelled'", "starts_at = now() - interval '1 hour', ends_at = now()"])
    def test_waiting_entries_are_closed_when_the_event_is_cancelled_or_over(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID, end: str
    ) -> None:
        other = factories.ticket_type(conn, quantity=0)
        for each in (ticket_type, ticket_type, other):
            factories.waitlist_entry(conn, each)
        conn.execute(f"UPDATE events SET {end} WHERE id = %s", [event])

        assert run_job() == {"closed": 2, "lapsed": 0, "offered": 0, "units_failed": 0}
        assert run_job() == {"closed": 0, "lapsed": 0, "offered": 0, "units_failed": 0}
        assert entries(conn) == [("closed", 2), ("closed", 2), ("waiting", 2)]

    def test_an_offer_ends_when_the_event_is_cancelled(
        self, api: Client, conn: Connection, event: UUID, manager: UUID, ticket_type: UUID
    ) -> None:
        for _ in range(2):
            factories.waitlist_entry(conn, ticket_type)
        cancel(conn, api, ticket_type)
        api.post(f"/v1/events/{event}/cancel", {"reason": "The singer is ill."}, account=manager)

        assert run_job() == {"closed": 1, "lapsed": 1, "offered": 0, "units_failed": 0}
        assert entries(conn) == [("lapsed", 2), ("closed", 2)]
        assert [template for template, _ in emails(conn)] == ["waitlist_offer", "waitlist_lapsed"]
        assert invariants.left(conn, ticket_type) == (2, 2, 0)
        invariants.check(conn)

    def test_an_offer_of_a_seated_ticket_type_holds_seats(self, api: Client, conn: Connection, event: UUID) -> None:
        seated = factories.ticket_type(conn, event_id=event, price=0)
        factories.seats(conn, seated, 4)
        entry = factories.waitlist_entry(conn, seated, quantity=3)
        assert run_job()["offered"] == 1
        invariants.check(conn)
        refused = accept(api, conn, entry, 2, items=[{"ticket_type_id": str(seated), "quantity": 2, "seat_ids": ["x"]}])
        assert refused.status == 422

        order = accept(api, conn, entry, 2)

        assert [seat["label"][-1] for seat in order.json["items"][0]["seats"]] == ["1", "2"]
        row = api.get(f"/v1/ticket-types/{seated}/seats").json["items"][0]
        assert row["states"] == "ssff"
        invariants.check(conn)


class TestAccepting:
    def test_an_accepted_offer_becomes_an_order(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        entry = factories.waitlist_entry(conn, ticket_type)
        cancel(conn, api, ticket_type)

        answer = accept(api, conn, entry)

        assert answer.status == 201
        assert entries(conn) == [("accepted", 2)]
        assert invariants.left(conn, ticket_type) == (0, 4, 0)
        assert accept(api, conn, entry).code == "no_offer"
        invariants.check(conn)

    def test_a_repeated_request_has_the_same_answer(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        entry = factories.waitlist_entry(conn, ticket_type, email="ada@example.com")
        cancel(conn, api, ticket_type)
        request = factories.order_request(
            ticket_type, 2, buyer={"name": "Ada", "email": "ada@example.com"}, waitlist_token=waitlist_token(entry)
        )
        first, second = (api.post("/v1/orders", request, key="again") for _ in range(2))
        assert (second.status, second.json) == (201, first.json)

    def test_the_rest_of_an_offer_goes_to_the_next_entry(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        first = factories.waitlist_entry(conn, ticket_type)
        factories.waitlist_entry(conn, ticket_type, quantity=1)
        cancel(conn, api, ticket_type)

        assert accept(api, conn, first, 1).status == 201

        assert entries(conn) == [("accepted", 2), ("offered", 1)]
        assert invariants.left(conn, ticket_type) == (0, 4, 0)
        invariants.check(conn)

    def test_an_offer_draws_from_the_capacity_of_the_event_too(
        self, api: Client, conn: Connection, event: UUID
    ) -> None:
        from boxoffice.stock import service as stock

        capacity = stock.create_pool(conn, 2)
        conn.execute("UPDATE events SET capacity_pool_id = %s", [capacity])
        ticket_type = factories.ticket_type(conn, event_id=event)
        entry = factories.waitlist_entry(conn, ticket_type)
        assert run_job()["offered"] == 1
        invariants.check(conn)

        assert accept(api, conn, entry).status == 201
        invariants.check(conn)

    def test_nobody_else_can_accept_an_offer(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        entry, other = (factories.waitlist_entry(conn, ticket_type) for _ in range(2))
        cancel(conn, api, ticket_type)
        somebody = {"name": "Eve", "email": "eve@example.com"}

        assert accept(api, conn, other).code == "no_offer"
        assert accept(api, conn, entry, waitlist_token=waitlist_token(other)).code == "no_offer"
        assert accept(api, conn, entry, waitlist_token="").code == "sold_out"
        assert accept(api, conn, entry, buyer=somebody).code == "no_offer"
        assert accept(api, conn, entry, 3).code == "offer_too_small"
        conn.execute("UPDATE waitlist_entries SET expires_at = now() WHERE id = %s", [entry])
        assert accept(api, conn, entry).code == "no_offer"
        assert invariants.left(conn, ticket_type) == (0, 4, 0)

    def test_an_offer_does_not_lift_the_limit_of_its_buyer(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        conn.execute("UPDATE ticket_types SET max_per_buyer = 3")
        entry = factories.waitlist_entry(conn, ticket_type, email="ada@example.com")
        cancel(conn, api, ticket_type)
        conn.execute("UPDATE orders SET buyer_email = 'ada@example.com' WHERE status = 'pending'")

        assert accept(api, conn, entry).code == "buyer_limit_reached"
        assert accept(api, conn, entry, quantity=1).status == 201
        invariants.check(conn)

    def test_an_offer_cannot_be_ordered_with_other_ticket_types(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID
    ) -> None:
        entry = factories.waitlist_entry(conn, ticket_type)
        cancel(conn, api, ticket_type)
        types = (ticket_type, factories.ticket_type(conn, event_id=event))
        items = [{"ticket_type_id": str(each), "quantity": 1} for each in types]
        assert accept(api, conn, entry, items=items).code == "offer_mismatch"


class TestLeaving:
    def test_an_open_offer_goes_to_the_next_entry(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        first, second = (factories.waitlist_entry(conn, ticket_type) for _ in range(2))
        cancel(conn, api, ticket_type)

        for _ in range(2):  # to leave again changes nothing
            assert api.delete(f"/v1/waitlist/{first}", order_token=waitlist_token(first)).status == 204

        assert entries(conn) == [("left", 2), ("offered", 2)]
        assert api.delete(f"/v1/waitlist/{second}", order_token=waitlist_token(second)).status == 204
        assert invariants.left(conn, ticket_type) == (2, 2, 0)
        invariants.check(conn)

    def test_only_the_token_or_a_manager_can_end_an_entry(
        self, api: Client, conn: Connection, manager: UUID, ticket_type: UUID
    ) -> None:
        first, second = (factories.waitlist_entry(conn, ticket_type) for _ in range(2))
        assert api.delete(f"/v1/waitlist/{first}", order_token=waitlist_token(second)).status == 404
        assert api.delete(f"/v1/waitlist/{uuid4()}", order_token=waitlist_token(second)).status == 404
        assert api.delete(f"/v1/waitlist/{first}").status == 401
        assert api.delete(f"/v1/waitlist/{first}", account=manager).status == 204
        assert entries(conn) == [("left", 2), ("waiting", 2)]
        invariants.check(conn)

    def test_a_person_who_left_can_join_again(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        entry = factories.waitlist_entry(conn, ticket_type, email="ada@example.com")
        api.delete(f"/v1/waitlist/{entry}", order_token=waitlist_token(entry))
        token = factories.waitlist_token(conn, ticket_type, email="ada@example.com")
        assert api.post("/v1/waitlist/confirm", {"token": token}).status == 200
        assert entries(conn) == [("left", 2), ("waiting", 2)]


def test_managers_see_the_entries_in_order_of_joining(
    api: Client, conn: Connection, event: UUID, manager: UUID, ticket_type: UUID
) -> None:
    ids = [str(factories.waitlist_entry(conn, ticket_type)) for _ in range(5)]
    cancel(conn, api, ticket_type)
    path = f"/v1/events/{event}/waitlist"

    page = api.get(path, account=manager, query={"limit": 3}).json
    rest = api.get(path, account=manager, query={"limit": 3, "cursor": page["next_cursor"]}).json

    assert [entry["id"] for entry in page["items"] + rest["items"]] == ids
    assert rest["next_cursor"] is None
    offered = api.get(path, account=manager, query={"status": "offered"}).json["items"]
    assert [entry["id"] for entry in offered] == ids[:1]
    assert offered[0]["expires_at"]
    assert api.get(path, account=factories.account(conn)).status == 404
    assert api.get(path).status == 401
    assert api.get(path, account=manager, query={"status": "lost"}).status == 422
    assert api.get(f"/v1/events/{uuid4()}/waitlist", account=manager).status == 404
    assert service.list_awaited(conn) == [ticket_type]
