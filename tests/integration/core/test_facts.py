"""What refusals say: the fact that stands in the way, in the words for people and beside the code for programs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.factories import order_request
from tests.helpers.support import Answer, Client

ADA = {"name": "Ada", "email": "ada@example.com"}
FEBRUARY = datetime(2031, 2, 1, 19, tzinfo=UTC)
LAST_MAY = datetime(2024, 5, 1, 8, 30, tzinfo=UTC)


class Seller:
    """An organisation with one event, and a manager who acts."""

    def __init__(self, conn: Connection, api: Client) -> None:
        self.conn, self.api = conn, api
        self.organisation = factories.organisation(conn)
        self.manager = factories.member(conn, self.organisation, "manager")
        self.event = factories.event(conn, organisation_id=self.organisation)

    def ticket_type(self, **fields: Any) -> UUID:
        return factories.ticket_type(self.conn, **{"event_id": self.event, "name": "Standing", **fields})

    def buy(self, ticket_type: UUID, quantity: int, **more: Any) -> Answer:
        return self.api.post("/v1/orders", order_request(ticket_type, quantity, buyer=ADA, **more), key="new")

    def delete(self, path: str) -> Answer:
        return self.api.delete(path, account=self.manager)


def too_many(seller: Seller) -> Answer:
    return seller.buy(seller.ticket_type(quantity=3), 4)


def none_left(seller: Seller) -> Answer:
    return seller.buy(seller.ticket_type(quantity=0), 1)


def too_early(seller: Seller) -> Answer:
    return seller.buy(seller.ticket_type(sales_start=FEBRUARY), 1)


def too_late(seller: Seller) -> Answer:
    return seller.buy(seller.ticket_type(sales_end=LAST_MAY), 1)


def more_than_an_order_takes(seller: Seller) -> Answer:
    return seller.buy(seller.ticket_type(min_per_order=2, max_per_order=4), 5)


def more_than_a_buyer_gets(seller: Seller) -> Answer:
    ticket_type = seller.ticket_type(max_per_buyer=4)
    assert seller.buy(ticket_type, 3).status == 201
    return seller.buy(ticket_type, 2)


def with_an_old_voucher(seller: Seller) -> Answer:
    factories.voucher(seller.conn, seller.event, code="MAY", valid_until=LAST_MAY)
    return seller.buy(seller.ticket_type(), 1, voucher="may")


def with_another_ticket_mode(seller: Seller) -> Answer:
    return seller.buy(seller.ticket_type(), 2, ticket_mode="group")


def delete_what_is_sold(seller: Seller) -> Answer:
    seller.ticket_type(name="Seated")
    ticket_type = seller.ticket_type()
    factories.order(seller.conn, ticket_type, quantity=3)
    return seller.delete(f"/v1/ticket-types/{ticket_type}")


def delete_an_event_that_is_sold(seller: Seller) -> Answer:
    seller.ticket_type(name="Seated")
    factories.order(seller.conn, seller.ticket_type(), quantity=3)
    return seller.delete(f"/v1/events/{seller.event}")


def lower_than_what_is_sold(seller: Seller) -> Answer:
    ticket_type = seller.ticket_type()
    factories.order(seller.conn, ticket_type, quantity=3)
    return seller.api.patch(f"/v1/ticket-types/{ticket_type}", {"quantity": 2}, account=seller.manager)


def pay_what_has_lapsed(seller: Seller) -> Answer:
    order = factories.order(seller.conn, seller.ticket_type(), expires_at=LAST_MAY)
    path = f"/v1/orders/{order}/payments"
    return seller.api.post(path, {"provider": "sandbox"}, account=seller.manager, key="new")


def pay_twice(seller: Seller) -> Answer:
    order = factories.paid_order(seller.conn, seller.ticket_type())
    path = f"/v1/orders/{order}/payments"
    return seller.api.post(path, {"provider": "sandbox"}, account=seller.manager, key="new")


def cancel_what_is_paid(seller: Seller) -> Answer:
    order = factories.paid_order(seller.conn, seller.ticket_type())
    return seller.api.post(f"/v1/orders/{order}/cancel", account=seller.manager)


def publish_what_is_over(seller: Seller) -> Answer:
    times = {"starts_at": LAST_MAY - timedelta(hours=2), "ends_at": LAST_MAY}
    event = factories.event(seller.conn, organisation_id=seller.organisation, status="draft", **times)
    return seller.api.post(f"/v1/events/{event}/publish", account=seller.manager)


def check_in_where_all_is_taken(seller: Seller) -> Answer:
    place = factories.place(seller.conn, organisation_id=seller.organisation, capacity=1, name="Cloakroom")
    factories.claim(seller.conn, place)
    body = {"customer": {"email": "bola@example.com"}}
    return seller.api.post(f"/v1/services/{place}/claims", body, account=seller.manager, key="new")


def edit_what_others_have_edited(seller: Seller) -> Answer:
    path = f"/v1/events/{seller.event}"
    return seller.api.patch(path, {"title": "Rock"}, account=seller.manager, headers={"If-Match": '"7"'})


def invite_as_a_manager(seller: Seller) -> Answer:
    path = f"/v1/organisations/{seller.organisation}/members"
    return seller.api.post(path, {"email": "bola@example.com", "role": "scanner"}, account=seller.manager)


def sell_with_a_key_to_scan(seller: Seller) -> Answer:
    _, key = factories.api_key(seller.conn, seller.organisation, "scan", "slots")
    request = order_request(seller.ticket_type(), 1)
    return seller.api.post("/v1/orders", request, key="new", headers={"X-Api-Key": key})


def settle_twice(seller: Seller) -> Answer:
    owner = factories.account(seller.conn)
    factories.member(seller.conn, seller.organisation, "owner", account_id=owner)
    order = factories.paid_order(seller.conn, seller.ticket_type())
    matter = factories.money_matter(seller.conn, order, settled_at=LAST_MAY, resolution="done")
    path = f"/v1/organisations/{seller.organisation}/money-matters/{matter}"
    return seller.api.post(path, {"action": "done", "note": "Paid in cash"}, account=owner, key="new")


# Who asks, the code, the detail, and some of the facts.
REFUSALS: list[tuple[Callable[[Seller], Answer], str, str, dict[str, Any]]] = [
    (
        too_many,
        "sold_out",
        "Standing: 3 left. Ask for fewer of those in `ticket_types`, or join their waitlist.",
        {},
    ),
    (
        none_left,
        "sold_out",
        "Standing: none left. Ask for fewer of those in `ticket_types`, or join their waitlist.",
        {},
    ),
    (
        too_early,
        "not_on_sale",
        "The sale of Standing begins at 2031-02-01T19:00:00Z.",
        {"ticket_type_name": "Standing", "on_sale_from": "2031-02-01T19:00:00Z"},
    ),
    (
        too_late,
        "not_on_sale",
        "The sale of Standing ended at 2024-05-01T08:30:00Z.",
        {"on_sale_from": None, "on_sale_until": "2024-05-01T08:30:00Z"},
    ),
    (
        more_than_an_order_takes,
        "quantity_not_allowed",
        "An order takes 2 to 4 of Standing, not 5. Change the quantity.",
        {"ticket_type_name": "Standing", "quantity": 5, "min_per_order": 2, "max_per_order": 4},
    ),
    (
        more_than_a_buyer_gets,
        "buyer_limit_reached",
        "A buyer may have at most 4 of Standing in all orders together. This buyer has 3. Order fewer.",
        {"name": "Standing", "max_per_buyer": 4, "taken": 3},
    ),
    (
        with_an_old_voucher,
        "voucher_expired",
        "The voucher was valid until 2024-05-01T08:30:00Z. Order without it.",
        {"valid_until": "2024-05-01T08:30:00Z"},
    ),
    (
        with_another_ticket_mode,
        "ticket_mode_not_offered",
        "None of the ticket types has this ticket mode. They have: separate. Leave `ticket_mode` out.",
        {"offered": ["separate"]},
    ),
    (
        delete_what_is_sold,
        "tickets_taken",
        "3 tickets of Standing are sold, or held by orders or offers of the waitlist. Refund or cancel those orders "
        "first, or cancel the event.",
        {"ticket_type_name": "Standing", "taken": 3},
    ),
    (
        delete_an_event_that_is_sold,
        "tickets_taken",
        "3 tickets of Standing are sold, or held by orders or offers of the waitlist. Refund or cancel those orders "
        "first, or cancel the event.",
        {"ticket_type_name": "Standing", "taken": 3},
    ),
    (
        lower_than_what_is_sold,
        "quantity_too_low",
        "3 are sold, held or redeemed already. Set a quantity of 3 at least.",
        {"taken": 3},
    ),
    (
        pay_what_has_lapsed,
        "order_expired",
        "The order's hold lapsed at 2024-05-01T08:30:00Z. Place a new order.",
        {"expired_at": "2024-05-01T08:30:00Z"},
    ),
    (
        pay_twice,
        "order_not_pending",
        "Only a pending order can be cancelled or paid. This one is paid. Read the order to see its state.",
        {"order_status": "paid"},
    ),
    (
        cancel_what_is_paid,
        "order_not_pending",
        "Only a pending order can be cancelled or paid. This one is paid. Read the order to see its state.",
        {"order_status": "paid"},
    ),
    (
        publish_what_is_over,
        "event_over",
        "The event ended at 2024-05-01T08:30:00Z. Its tickets can no longer be sold, transferred or used.",
        {"ended_at": "2024-05-01T08:30:00Z"},
    ),
    (
        check_in_where_all_is_taken,
        "service_full",
        "Every slot of Cloakroom is taken; it has 1. Wait until a slot is released, or raise the capacity.",
        {"service_name": "Cloakroom", "capacity": 1},
    ),
    (
        edit_what_others_have_edited,
        "stale_version",
        "Somebody has changed it since you read it: its version is 1 now. Read it again, then repeat your change.",
        {"version": 1},
    ),
    (
        invite_as_a_manager,
        "forbidden",
        "The request needs the role owner. Yours is manager. Ask somebody who has that role.",
        {"required_role": "owner", "your_role": "manager"},
    ),
    (
        sell_with_a_key_to_scan,
        "out_of_scope",
        "The API key lacks the scope orders:write. It has scan, slots. Use a key that has it.",
        {"required_scope": "orders:write", "scopes": ["scan", "slots"]},
    ),
    (
        settle_twice,
        "matter_settled",
        "Somebody settled this matter at 2024-05-01T08:30:00Z. Read it again to see how.",
        {"settled_at": "2024-05-01T08:30:00Z"},
    ),
]


def test_a_refusal_states_its_facts(api: Client, conn: Connection, subtests: pytest.Subtests) -> None:
    for ask, code, detail, facts in REFUSALS:
        with subtests.test(ask=ask.__name__):
            answer = ask(Seller(conn, api))

            assert (answer.code, answer.json["detail"]) == (code, detail)
            assert {name: answer.json[name] for name in facts} == facts


def test_a_sold_out_ticket_type_is_named_with_what_is_left(api: Client, conn: Connection) -> None:
    seller = Seller(conn, api)
    few, plenty = seller.ticket_type(quantity=3), seller.ticket_type(name="Seated")
    request = order_request(few, 4, buyer=ADA)
    request["items"] += order_request(plenty, 4)["items"]

    answer = api.post("/v1/orders", request, key="new")

    assert answer.json["ticket_types"] == [{"id": str(few), "name": "Standing", "available": 3}]
