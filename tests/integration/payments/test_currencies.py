"""Money in currencies with other decimals or steps: from the price to the provider, the email and back."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import order_request
from tests.helpers.mailbox import deliver, inbox
from tests.helpers.payers import started, tell
from tests.helpers.provider_servers import Stripe, send_webhook
from tests.helpers.sellers import Shop
from tests.helpers.support import Client


@pytest.fixture
def shop(api: Client, conn: Connection) -> Shop:
    return Shop(conn)


def sell_in(conn: Connection, shop: Shop, currency: str, price: int, **fields: Any) -> UUID:
    """Make a ticket type of a published event in this currency."""
    event = factories.event(conn, organisation_id=shop.organisation, currency=currency)
    return factories.ticket_type(conn, event_id=event, price=price, **fields)


def buy(api: Client, ticket_type: UUID, quantity: int = 1, **more: Any) -> dict[str, Any]:
    """Place an order, as a buyer whom no other test writes to."""
    answer = api.post("/v1/orders", order_request(ticket_type, quantity, **more), key="new")
    assert answer.status == 201, answer.body
    return dict(answer.json)


def confirmation(conn: Connection, aws_url: str, order: dict[str, Any]) -> str:
    """Send the confirmation of an order. Return its text, on one line."""
    found = conn.execute("SELECT id FROM outbox WHERE payload->>'order_id' = %s", [order["id"]]).fetchone()
    assert found is not None
    assert deliver(found[0]) == []
    (mail,) = inbox(aws_url, order["buyer"]["email"])
    body = mail.get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())


# What Stripe's documentation makes of each price, and the price as people write it.
@pytest.mark.parametrize(
    ("currency", "exponent", "price", "at_stripe", "written"),
    [
        ("RSD", 2, 150_000, 150_000, "RSD 1,500.00"),
        ("MGA", 2, 150_000, 1500, "MGA 1,500.00"),
        ("UGX", 0, 5000, 500_000, "UGX 5,000"),
    ],
)
def test_a_price_reaches_stripe_and_the_buyer_as_the_seller_meant_it(
    stripe: Stripe,
    api: Client,
    conn: Connection,
    aws_url: str,
    shop: Shop,
    currency: str,
    exponent: int,
    price: int,
    at_stripe: int,
    written: str,
) -> None:
    order = buy(api, sell_in(conn, shop, currency, price))
    payment = started(api, UUID(order["id"]), "stripe")

    charged = stripe.pay(payment)

    assert (charged["amount"], charged["currency"]) == (at_stripe, currency.lower())
    for shown in (order, payment):
        assert (shown["currency"], shown["currency_exponent"]) == (currency, exponent)
    assert send_webhook(api, "stripe", stripe.event_of(payment)).json["effect"] == "paid"
    assert f"Total: {written}" in confirmation(conn, aws_url, order)
    refunded = sellers.refund(api, shop, UUID(order["id"]), whole=True).json
    assert (refunded["amount"], refunded["currency_exponent"]) == (price, exponent)
    assert [refund["amount"] for refund in stripe.refunds(payment)] == [at_stripe]
    invariants.check(conn)


def test_a_discount_in_three_decimals_can_be_paid_and_sent_back(
    stripe: Stripe, api: Client, conn: Connection, aws_url: str, shop: Shop
) -> None:
    ticket_type = sell_in(conn, shop, "KWD", 5120)
    (event,) = conn.execute("SELECT event_id FROM ticket_types WHERE id = %s", [ticket_type]).fetchone() or ()
    factories.voucher(conn, event, code="FIFTEEN", discount_value=15)

    order = buy(api, ticket_type, 3, voucher="FIFTEEN")

    # 15 % of KWD 15.360 are 2.304, and 2.300 can be paid.
    assert (order["subtotal"], order["discount"], order["total"]) == (15_360, 2300, 13_060)
    payment = started(api, UUID(order["id"]), "stripe")
    assert stripe.pay(payment)["amount"] == 13_060
    send_webhook(api, "stripe", stripe.event_of(payment))
    assert "Voucher FIFTEEN: -KWD 2.300" in confirmation(conn, aws_url, order)

    # Up to each ticket the discount is 0.7666…, 1.5333… and 2.300, rounded up to 0.770, 1.540 and 2.300.
    first, second, third = sellers.tickets_of(conn, UUID(order["id"]))
    off_step = sellers.refund(api, shop, UUID(order["id"]), amount=4355)
    assert (off_step.status, off_step.code) == (422, "amount_off_step")
    assert (off_step.json["amount"], off_step.json["currency"], off_step.json["step"]) == (4355, "KWD", 10)
    answers = [
        sellers.refund(api, shop, UUID(order["id"]), ticket_ids=[str(each)]).json for each in (third, first, second)
    ]
    assert [answer["amount"] for answer in answers] == [4360, 4350, 4350]
    assert sorted(refund["amount"] for refund in stripe.refunds(payment)) == [4350, 4350, 4360]
    invariants.check(conn)


def test_the_largest_orders_of_small_currencies_are_paid_shown_and_sent_back(
    api: Client, conn: Connection, aws_url: str, shop: Shop, subtests: pytest.Subtests
) -> None:
    largest = [
        ("IDR", "IDR 2,000,000,000.00", "IDR 1,999,999,999.99"),
        ("VND", "₫200,000,000,000", "₫199,999,999,999"),
        ("IQD", "IQD 200,000,000.000", "IQD 199,999,999.999"),
    ]
    for currency, written, less in largest:
        with subtests.test(currency=currency):
            order = buy(api, sell_in(conn, shop, currency, 100_000_000_000), 2)

            tell(api, started(api, UUID(order["id"])))

            assert order["total"] == 200_000_000_000
            assert f"Total: {written}" in confirmation(conn, aws_url, order)
            assert sellers.refund(api, shop, UUID(order["id"]), amount=199_999_999_999).status == 201
            (message,) = conn.execute(
                "SELECT id FROM outbox WHERE template = 'order_refunded' AND recipient = %s", [order["buyer"]["email"]]
            ).fetchone() or (None,)
            assert deliver(message) == []
            _, mail = inbox(aws_url, order["buyer"]["email"])
            body = mail.get_body(("plain",))
            assert body is not None
            assert less in " ".join(str(body.get_content()).split())
    invariants.check(conn)


class TestSteps:
    """Nobody can pay KWD 5.125, so nothing is priced so."""

    def refused(self, answer: Any, amount: int) -> bool:
        return (answer.status, answer.json) == (
            422,
            answer.json | {"code": "amount_off_step", "amount": amount, "currency": "KWD", "step": 10},
        )

    def test_prices(self, api: Client, conn: Connection, shop: Shop) -> None:
        fresh = {"organisation_id": str(shop.organisation), "currency": "KWD"}
        kept = sell_in(conn, shop, "KWD", 5120)
        (event,) = conn.execute("SELECT event_id FROM ticket_types WHERE id = %s", [kept]).fetchone() or ()
        body = {"name": "Odd", "price": 5125, "quantity": 1}

        created = api.post("/v1/events", self.event(fresh, 5125), account=shop.manager)
        added = api.post(f"/v1/events/{event}/ticket-types", body, account=shop.manager)
        edited = api.patch(f"/v1/ticket-types/{kept}", {"price": 5125}, account=shop.manager)

        assert all(self.refused(answer, 5125) for answer in (created, added, edited))
        assert api.post("/v1/events", self.event(fresh, 5120), account=shop.manager).status == 201
        assert api.patch(f"/v1/ticket-types/{kept}", {"price": 5130}, account=shop.manager).json["price"] == 5130

    def event(self, fields: dict[str, Any], price: int) -> dict[str, Any]:
        """Return a request for an event with one ticket type."""
        return {
            "title": "Jazz",
            "category": "concert",
            "venue": {
                "name": "Opera",
                "address": "Gulf Road",
                "city": "Kuwait",
                "country": "KW",
                "time_zone": "Asia/Kuwait",
            },
            "starts_at": "2100-01-01T18:00:00Z",
            "ends_at": "2100-01-01T22:00:00Z",
            "ticket_types": [{"name": "Stalls", "price": price, "quantity": 10}],
            **fields,
        }

    def test_fixed_discounts(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = sell_in(conn, shop, "KWD", 5120)
        (event,) = conn.execute("SELECT event_id FROM ticket_types WHERE id = %s", [ticket_type]).fetchone() or ()
        off, on = ({"discount": {"kind": "fixed", "amount": amount}} for amount in (1005, 1000))
        path = f"/v1/events/{event}/vouchers"

        refused = api.post(path, {"code": "ODD", **off}, account=shop.manager)
        kept = api.post(path, {"code": "EVEN", **on}, account=shop.manager)
        edited = api.patch(f"/v1/vouchers/{kept.json['id']}", off, account=shop.manager)

        assert self.refused(refused, 1005)
        assert (kept.status, kept.json["currency"], kept.json["currency_exponent"]) == (201, "KWD", 3)
        assert self.refused(edited, 1005)

    def test_a_change_of_the_currency(self, api: Client, conn: Connection, shop: Shop) -> None:
        def to_dinar(event: UUID) -> Any:
            return api.patch(f"/v1/events/{event}", {"currency": "KWD"}, account=shop.manager)

        priced, discounted, clean = (
            factories.event(conn, organisation_id=shop.organisation, status="draft") for _ in range(3)
        )
        factories.ticket_type(conn, event_id=priced, price=5005)
        factories.voucher(conn, discounted, discount_kind="fixed", discount_value=1005)
        factories.ticket_type(conn, event_id=clean, price=5010)
        factories.ticket_type(conn, event_id=clean, price=5005, deleted_at=factories.NOW)
        factories.voucher(conn, clean, discount_kind="percent", discount_value=15)
        factories.voucher(conn, clean, discount_kind="fixed", discount_value=1005, deleted_at=factories.NOW)

        assert self.refused(to_dinar(priced), 5005)
        assert self.refused(to_dinar(discounted), 1005)
        assert to_dinar(clean).json["currency_exponent"] == 3
