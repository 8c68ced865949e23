"""Later edits change neither what an order cost nor what its tickets send back."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from tests.helpers import factories, invariants, sellers
from tests.helpers.sellers import Shop, given_back, refund, status_of, tickets_of
from tests.helpers.support import Client


class HalfOffA(Shop):
    """A shop that sells A and B at 10,000 each, and a voucher of 50 % on A only."""

    api: Client
    a: UUID
    b: UUID
    voucher: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self.a, self.b = (self.ticket_type(price=10_000, name=name) for name in "AB")

    def open(self, api: Client) -> None:
        body = {"code": "HALF", "discount": {"kind": "percent", "percent": 50}, "ticket_type_ids": [str(self.a)]}
        self.api = api
        self.voucher = self.done(api.post(f"/v1/events/{self.event}/vouchers", body, account=self.manager))["id"]

    def done(self, answer: Any) -> Any:
        assert answer.status < 300, answer.body
        return answer.json

    def buy(self) -> dict[str, Any]:
        """An order of A and B, paid in cash."""
        request = factories.order_request(self.a, 1, voucher="HALF")
        request["items"] += factories.order_request(self.b, 1)["items"]
        placed: dict[str, Any] = self.done(self.api.post("/v1/orders", request, key="new"))
        self.done(sellers.mark_paid(self.api, self, UUID(placed["id"])))
        return placed

    def edit_voucher(self, **fields: Any) -> None:
        self.done(self.api.patch(f"/v1/vouchers/{self.voucher}", fields, account=self.manager))


@pytest.fixture
def shop(api: Client, conn: Connection) -> HalfOffA:
    shop = HalfOffA(conn)
    shop.open(api)
    return shop


def name_b(shop: HalfOffA) -> None:
    shop.edit_voucher(ticket_type_ids=[str(shop.b)])


def name_all(shop: HalfOffA) -> None:
    shop.edit_voucher(ticket_type_ids=None)


def take_less(shop: HalfOffA) -> None:
    shop.edit_voucher(discount={"kind": "percent", "percent": 1})


def take_an_amount(shop: HalfOffA) -> None:
    shop.edit_voucher(discount={"kind": "fixed", "amount": 9000})


def take_everything(shop: HalfOffA) -> None:
    shop.edit_voucher(discount={"kind": "free"}, ticket_type_ids=None)


def only_unlock(shop: HalfOffA) -> None:
    shop.edit_voucher(discount=None, unlocks_hidden=True)


def delete_voucher(shop: HalfOffA) -> None:
    assert shop.api.delete(f"/v1/vouchers/{shop.voucher}", account=shop.manager).status == 204


def delete_and_replace(shop: HalfOffA) -> None:
    delete_voucher(shop)
    shop.open(shop.api)
    name_b(shop)


def raise_prices(shop: HalfOffA) -> None:
    for ticket_type in (shop.a, shop.b):
        shop.done(shop.api.patch(f"/v1/ticket-types/{ticket_type}", {"price": 77_777}, account=shop.manager))


EDITS = [
    name_b,
    name_all,
    take_less,
    take_an_amount,
    take_everything,
    only_unlock,
    delete_voucher,
    delete_and_replace,
    raise_prices,
]


def test_a_ticket_sends_back_the_same_after_the_voucher_names_another_type(
    api: Client, conn: Connection, shop: HalfOffA
) -> None:
    orders = [shop.buy() for _ in range(2)]
    assert [order["total"] for order in orders] == [15_000] * 2

    amounts = []
    for order in orders:
        _, b = tickets_of(conn, UUID(order["id"]))
        amounts.append(shop.done(refund(api, shop, UUID(order["id"]), ticket_ids=[str(b)]))["amount"])
        name_b(shop)

    assert amounts == [10_000, 10_000]
    invariants.check(conn)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("first", ["A", "B"])
def test_no_edit_moves_money_between_tickets(
    api: Client, conn: Connection, shop: HalfOffA, edit: Callable[[HalfOffA], None], first: str
) -> None:
    order = UUID(shop.buy()["id"])
    edit(shop)

    tickets = tickets_of(conn, order)
    for ticket in tickets if first == "A" else reversed(tickets):
        shop.done(refund(api, shop, order, ticket_ids=[str(ticket)]))

    assert given_back(conn) == ([5000, 10_000] if first == "A" else [10_000, 5000])
    assert status_of(conn, order) == "refunded"
    invariants.check(conn)


@pytest.mark.parametrize("edit", EDITS)
def test_no_edit_changes_what_an_order_shows(
    api: Client, conn: Connection, shop: HalfOffA, edit: Callable[[HalfOffA], None]
) -> None:
    placed = shop.buy()
    edit(shop)

    path, token = f"/v1/orders/{placed['id']}", order_token(UUID(placed["id"]))
    shown = api.get(path, order_token=token).json
    (listed,) = api.get(f"/v1/organisations/{shop.organisation}/orders", account=shop.manager).json["items"]

    for each in (placed, shown, listed):
        assert (each["subtotal"], each["discount"], each["total"]) == (20_000, 5000, 15_000)
    for each in (placed, shown):
        assert [(item["unit_price"], item["discount"], item["total"]) for item in each["items"]] == [
            (10_000, 5000, 5000),
            (10_000, 0, 10_000),
        ]
    invariants.check(conn)


def test_late_money_pays_the_price_of_the_order(api: Client, conn: Connection, shop: HalfOffA) -> None:
    request = factories.order_request(shop.a, 3, voucher="HALF")
    order = UUID(shop.done(api.post("/v1/orders", request, key="new"))["id"])
    conn.execute("UPDATE orders SET status = 'expired' WHERE id = %s", [order])
    conn.execute("UPDATE stock SET available = available + held, held = 0")
    take_less(shop)
    raise_prices(shop)

    shop.done(sellers.mark_paid(api, shop, order))

    assert conn.execute("SELECT amount FROM payments").fetchone() == (15_000,)
    shop.done(refund(api, shop, order, ticket_ids=[str(tickets_of(conn, order)[0])]))
    assert given_back(conn) == [5000]
    invariants.check(conn)
