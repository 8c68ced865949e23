"""Vouchers, limits per buyer and capacities hold when buyers race, and nobody is refused what is available."""

import random
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.auth import Caller, Who
from boxoffice.errors import DomainError
from boxoffice.events import service as events
from boxoffice.events.models import EventPatch
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service
from boxoffice.orders.errors import BuyerLimitReached
from boxoffice.orders.models import OrderRequest, PlacedOrder
from boxoffice.payments import service as payments
from boxoffice.payments.models import PaymentByHandRequest
from boxoffice.refunds import service as refunds
from boxoffice.refunds.models import RefundRequest
from boxoffice.stock import service as stock
from boxoffice.stock.errors import QuantityTooLow, SoldOut
from boxoffice.stock.models import Draw
from boxoffice.ticket_types import service as ticket_types
from boxoffice.ticket_types.errors import CapacityNotSettable
from boxoffice.ticket_types.models import TicketTypePatch
from boxoffice.vouchers import service as vouchers
from boxoffice.vouchers.errors import VoucherNotFound, VoucherUsedUp
from boxoffice.vouchers.models import AmountOff, Free, PercentOff, VoucherPatch
from tests.helpers import factories, invariants, sellers
from tests.helpers.factories import order_request
from tests.helpers.racing import deadlocks, race
from tests.helpers.sellers import tickets_of
from tests.helpers.support import Client, Database

ADA = {"name": "Ada", "email": "ada@example.com"}


def place(conn: Connection, wanted: dict[UUID, int], *, account: UUID | None = None, **more: Any) -> PlacedOrder:
    """Place an order."""
    items = [{"ticket_type_id": str(each), "quantity": quantity} for each, quantity in wanted.items()]
    request = OrderRequest.model_validate({**order_request(uuid4()), "items": items, **more})
    return service.place_order(conn, Caller(Who.PUBLIC, account), request, str(uuid4()))


def buy(conn: Connection, wanted: dict[UUID, int], **more: Any) -> type[DomainError] | None:
    """Place an order. Return the class of the error, or None."""
    try:
        place(conn, wanted, **more)
    except DomainError as error:
        return type(error)
    return None


def cancel(conn: Connection, order: PlacedOrder) -> None:
    with conn.transaction():
        service.cancel_order(conn, Caller(Who.GUEST, guest_token=order_token(order.id)), order.id)


def set_capacity(conn: Connection, manager: Caller, event: UUID, capacity: int | None) -> type[DomainError] | None:
    """Change an event's capacity. Return the class of the error, or None."""
    try:
        with conn.transaction():
            events.update_event(conn, manager, event, EventPatch(capacity=capacity), None)
    except DomainError as error:
        return type(error)
    return None


def capacity_left(conn: Connection, event: UUID) -> tuple[int, int, int]:
    """Return how much of an event's capacity is available, held and sold."""
    row = conn.execute(
        """SELECT sum(available)::int, sum(held)::int, sum(sold)::int
        FROM stock JOIN events ON capacity_pool_id = pool_id WHERE id = %s""",
        [event],
    ).fetchone()
    assert row is not None
    return row


class TestVouchers:
    def test_of_200_buyers_with_a_voucher_for_50_exactly_50_redeem_it(
        self, api: Client, database: Database, conn: Connection, event: UUID
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=1000)
        factories.voucher(conn, event, code="FIFTY", max_redemptions=50)

        def try_five_times(conn: Connection, _: int) -> list[type[DomainError] | None]:
            return [buy(conn, {ticket_type: 2}, voucher="FIFTY") for _ in range(5)]

        outcomes = [outcome for tries in race(database, 40, try_five_times) for outcome in tries]

        assert outcomes.count(None) == 50
        assert outcomes.count(VoucherUsedUp) == 150
        assert invariants.left(conn, ticket_type) == (900, 100, 0)
        assert deadlocks(conn) == 0
        invariants.check(conn)

    def test_redemptions_that_are_given_back_are_redeemed_again(
        self, api: Client, database: Database, conn: Connection, event: UUID
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=1000)
        factories.voucher(conn, event, code="TWENTY", max_redemptions=20)

        def redeem_and_change_ones_mind(conn: Connection, number: int) -> None:
            choice = random.Random(number)
            for _ in range(15):
                try:
                    order = place(conn, {ticket_type: 1}, voucher="TWENTY")
                except VoucherUsedUp:
                    continue
                fate = choice.choice(["cancel", "lapse", "keep"])
                if fate == "cancel":
                    cancel(conn, order)
                elif fate == "lapse":
                    conn.execute("UPDATE orders SET expires_at = now() WHERE id = %s", [order.id])
                    sellers.expire_orders(conn, batch=3)

        race(database, 12, redeem_and_change_ones_mind)
        while sellers.expire_orders(conn):
            pass
        while buy(conn, {ticket_type: 1}, voucher="TWENTY") is None:
            pass

        held = "SELECT count(*) FROM orders WHERE status = 'pending' AND voucher_id IS NOT NULL"
        assert conn.execute(held).fetchone() == (20,)
        assert deadlocks(conn) == 0
        invariants.check(conn)

    def test_free_orders_redeem_a_voucher_as_exactly(
        self, api: Client, database: Database, conn: Connection, event: UUID
    ) -> None:
        types = [factories.ticket_type(conn, event_id=event, quantity=500) for _ in range(2)]
        factories.voucher(conn, event, code="GIFT", max_redemptions=30, discount_kind="free", discount_value=None)

        def take(conn: Connection, number: int) -> int:
            wanted = {types[number % 2]: 1, types[1 - number % 2]: 2}
            return sum(buy(conn, wanted, voucher="GIFT") is None for _ in range(4))

        assert sum(race(database, 16, take)) == 30

        assert conn.execute("SELECT count(*) FROM tickets").fetchone() == (90,)
        assert deadlocks(conn) == 0
        invariants.check(conn)

    def test_a_free_voucher_for_one_redemption_gives_one_ticket_to_one_of_many_buyers(
        self, api: Client, database: Database, conn: Connection, event: UUID
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, price=5000)
        free = {"discount_kind": "free", "discount_value": None, "max_tickets_per_redemption": 1}
        factories.voucher(conn, event, code="GUEST", max_redemptions=1, **free)

        outcomes = race(database, 12, lambda conn, _: buy(conn, {ticket_type: 3}, voucher="GUEST"))

        assert (outcomes.count(None), outcomes.count(VoucherUsedUp)) == (1, 11)
        stored = conn.execute("SELECT discount, total, status FROM order_summaries").fetchall()
        assert stored == [(5000, 10_000, "pending")]
        invariants.check(conn)

    def test_the_limit_of_a_voucher_changes_while_it_is_redeemed(
        self, api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=1000)
        voucher = factories.voucher(conn, event, code="SOME", max_redemptions=20)

        def redeem_or_edit(conn: Connection, number: int) -> int:
            if number > 1:
                return sum(buy(conn, {ticket_type: 1}, voucher="SOME") is None for _ in range(12))
            choice = random.Random(number)
            for _ in range(15):
                try:
                    with conn.transaction():
                        patch = VoucherPatch(max_redemptions=choice.choice([0, 15, 40, 90]))
                        vouchers.update_voucher(conn, manager, voucher, patch, None)
                except QuantityTooLow:
                    pass
            return 0

        redeemed = sum(race(database, 10, redeem_or_edit))

        row = conn.execute("SELECT max_redemptions FROM vouchers").fetchone()
        assert row is not None
        assert redeemed <= row[0]
        assert deadlocks(conn) == 0
        invariants.check(conn)

    def test_a_buyer_who_read_a_voucher_before_it_was_deleted_does_not_redeem_it(
        self,
        api: Client,
        database: Database,
        conn: Connection,
        manager: Caller,
        event: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event)
        voucher = factories.voucher(conn, event, code="GONE")
        plans = stock.plans

        def plan_after_the_deed(buyer: Connection, draws: Sequence[Draw]) -> Iterator[Sequence[Draw]]:
            with conn.transaction():
                vouchers.delete_voucher(conn, manager, voucher)
            return plans(buyer, draws)

        monkeypatch.setattr(stock, "plans", plan_after_the_deed)
        with db.Connection.connect(database.api_url, autocommit=True) as buyer:
            assert buy(buyer, {ticket_type: 1}, voucher="GONE") is VoucherNotFound

        assert invariants.left(conn, ticket_type) == (100, 0, 0)
        invariants.check(conn)

    @pytest.mark.parametrize("quantity", [2, 20], ids=["one row has enough", "rows are consolidated"])
    def test_a_buyer_who_read_a_voucher_before_it_was_edited_pays_what_was_read(
        self,
        api: Client,
        database: Database,
        conn: Connection,
        manager: Caller,
        event: UUID,
        monkeypatch: pytest.MonkeyPatch,
        quantity: int,
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, price=1000, max_per_order=100)
        other = factories.ticket_type(conn, event_id=event)
        voucher = factories.voucher(conn, event, code="TENTH")
        plans = stock.plans

        def plan_after_the_deed(buyer: Connection, draws: Sequence[Draw]) -> Iterator[Sequence[Draw]]:
            with conn.transaction():
                patch = VoucherPatch(discount=Free(kind="free"), ticket_type_ids=[other])
                vouchers.update_voucher(conn, manager, voucher, patch, None)
            return plans(buyer, draws)

        monkeypatch.setattr(stock, "plans", plan_after_the_deed)
        with db.Connection.connect(database.api_url, autocommit=True) as buyer:
            placed = place(buyer, {ticket_type: quantity}, voucher="TENTH")

        price = 1000 * quantity
        assert (placed.subtotal, placed.discount, placed.total) == (price, price // 10, price - price // 10)
        (item,) = placed.items
        stored = conn.execute("SELECT unit_price * quantity, discount, total FROM order_items").fetchall()
        assert stored == [(placed.subtotal, item.discount, item.total)]
        invariants.check(conn)

    def test_while_a_voucher_is_edited_orders_cost_and_send_back_what_was_answered(
        self, api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
    ) -> None:
        types = [factories.ticket_type(conn, event_id=event, price=price) for price in (999, 1001)]
        voucher = factories.voucher(conn, event, code="ODD", max_redemptions=1000)
        edits = [
            VoucherPatch(ticket_type_ids=[types[0]]),
            VoucherPatch(ticket_type_ids=[types[1]]),
            VoucherPatch(ticket_type_ids=None, discount=PercentOff(kind="percent", percent=33)),
            VoucherPatch(discount=AmountOff(kind="fixed", amount=777)),
        ]

        def buy_and_give_back(conn: Connection, number: int) -> list[tuple[int, list[int]]]:
            choice = random.Random(number)
            sold = []
            for _ in range(6):
                if number == 0:
                    with conn.transaction():
                        vouchers.update_voucher(conn, manager, voucher, choice.choice(edits), None)
                    continue
                order = place(conn, {types[0]: 2, types[1]: 1}, voucher="ODD")
                by_hand = PaymentByHandRequest(method="cash")
                payments.mark_order_paid(conn, manager, order.id, by_hand, str(order.id))
                tickets = tickets_of(conn, order.id)
                choice.shuffle(tickets)
                amounts = []
                for ticket in tickets:
                    request = RefundRequest(ticket_ids=[ticket])
                    amounts.append(refunds.refund_order(conn, manager, order.id, request, str(ticket)).amount)
                sold.append((order.total, amounts))
            return sold

        for orders in race(database, 6, buy_and_give_back):
            for total, amounts in orders:
                assert sum(amounts) == total
        assert deadlocks(conn) == 0
        invariants.check(conn)


class TestLimitsOfABuyer:
    def test_a_buyer_who_races_gets_exactly_the_limit(
        self, api: Client, database: Database, conn: Connection, event: UUID
    ) -> None:
        limited = factories.ticket_type(conn, event_id=event, quantity=500, max_per_buyer=5)
        free = factories.ticket_type(conn, event_id=event, quantity=500, price=0)

        def try_again_and_again(conn: Connection, number: int) -> list[type[DomainError] | None]:
            wanted = {limited: 1, free: 1} if number % 2 else {limited: 1}
            return [buy(conn, wanted, buyer=ADA) for _ in range(4)]

        outcomes = [outcome for tries in race(database, 16, try_again_and_again) for outcome in tries]

        assert outcomes.count(None) == 5
        assert outcomes.count(BuyerLimitReached) == 59
        assert invariants.left(conn, limited) == (495, 5, 0)
        assert deadlocks(conn) == 0
        invariants.check(conn)

    def test_an_account_with_several_addresses_gets_no_more_than_the_limit(
        self, api: Client, database: Database, conn: Connection, event: UUID
    ) -> None:
        limited = factories.ticket_type(conn, event_id=event, quantity=500, max_per_buyer=4)
        accounts = [factories.account(conn) for _ in range(3)]
        addresses = [{"name": "Ada", "email": f"ada{number}@example.com"} for number in range(3)]

        def try_again_and_again(conn: Connection, number: int) -> None:
            choice = random.Random(number)
            for _ in range(6):
                buy(conn, {limited: 1}, account=choice.choice(accounts), buyer=choice.choice(addresses))

        race(database, 12, try_again_and_again)

        for name in ("account_id", "buyer_email"):
            most = f"SELECT max(n) FROM (SELECT count(*) AS n FROM orders GROUP BY {name})"
            assert conn.execute(most).fetchone() <= (4,)
        assert deadlocks(conn) == 0
        invariants.check(conn)

    def test_many_buyers_with_a_limit_sell_out_exactly(
        self, api: Client, database: Database, conn: Connection, event: UUID
    ) -> None:
        limited = factories.ticket_type(conn, event_id=event, quantity=60, max_per_buyer=3)

        def buy_what_one_may(conn: Connection, number: int) -> list[type[DomainError] | None]:
            ada = {"name": "Ada", "email": f"ada{number}@example.com"}
            return [buy(conn, {limited: 1}, buyer=ada) for _ in range(5)]

        outcomes = race(database, 24, buy_what_one_may)

        assert sum(tries.count(None) for tries in outcomes) == 60
        assert all(tries.count(None) <= 3 for tries in outcomes)
        assert {outcome for tries in outcomes for outcome in tries} <= {None, SoldOut, BuyerLimitReached}
        assert deadlocks(conn) == 0
        invariants.check(conn)

    def test_a_limit_per_buyer_of_a_voucher_holds_too(
        self, api: Client, database: Database, conn: Connection, event: UUID
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=500)
        factories.voucher(conn, event, code="TWICE", max_per_buyer=2, max_redemptions=40)

        def try_again_and_again(conn: Connection, _: int) -> int:
            return sum(buy(conn, {ticket_type: 1}, voucher="TWICE", buyer=ADA) is None for _ in range(4))

        assert sum(race(database, 12, try_again_and_again)) == 2
        invariants.check(conn)


class TestCapacity:
    def test_mixed_carts_sell_a_capacity_exactly_and_never_deadlock(
        self, api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
    ) -> None:
        types = [factories.ticket_type(conn, event_id=event, quantity=150, price=price) for price in (500, 0, 700)]
        assert set_capacity(conn, manager, event, 200) is None

        def buy_at_random(conn: Connection, number: int) -> int:
            choice = random.Random(number)
            refused = bought = 0
            while refused < 3:
                cart = {each: choice.randint(1, 4) for each in choice.sample(types, choice.randint(1, 3))}
                sold_out = buy(conn, cart)
                refused += sold_out is not None
                bought += 0 if sold_out else sum(cart.values())
            for each in types:
                while buy(conn, {each: 1}) is None:
                    bought += 1
            return bought

        assert sum(race(database, 16, buy_at_random)) == 200

        available, held, sold = capacity_left(conn, event)
        assert (available, held + sold) == (0, 200)
        assert deadlocks(conn) == 0
        invariants.check(conn)

    def test_capacity_and_quantities_change_while_they_sell(
        self, api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
    ) -> None:
        types = [factories.ticket_type(conn, event_id=event, quantity=100) for _ in range(2)]
        assert set_capacity(conn, manager, event, 100) is None

        def buy_or_edit(conn: Connection, number: int) -> None:
            choice = random.Random(number)
            for _ in range(12):
                if number == 0:
                    set_capacity(conn, manager, event, choice.choice([0, 60, 120, 900]))
                elif number == 1:
                    try:
                        with conn.transaction():
                            patch = TicketTypePatch(quantity=choice.choice([20, 70, 400]))
                            ticket_types.update_ticket_type(conn, manager, choice.choice(types), patch, None)
                    except QuantityTooLow:
                        pass
                else:
                    try:
                        order = place(conn, {each: choice.randint(1, 3) for each in choice.sample(types, 2)})
                    except SoldOut:
                        continue
                    if choice.random() < 0.4:
                        cancel(conn, order)

        race(database, 12, buy_or_edit)

        assert deadlocks(conn) == 0
        invariants.check(conn)
        held = capacity_left(conn, event)[1]
        assert set_capacity(conn, manager, event, held) is None
        assert buy(conn, {types[0]: 1}) is SoldOut

    def test_an_event_gets_a_capacity_before_its_first_sale_or_not_at_all(
        self, api: Client, database: Database, conn: Connection, manager: Caller, organisation: UUID
    ) -> None:
        given = 0
        for number in range(12):
            event = factories.event(conn, organisation_id=organisation)
            types = [factories.ticket_type(conn, event_id=event, quantity=40) for _ in range(3)]

            def give_or_buy(
                conn: Connection, racer: int, number: int = number, event: UUID = event, types: list[UUID] = types
            ) -> type[DomainError] | None:
                if racer == 0:
                    return set_capacity(conn, manager, event, 7)
                conn.execute("SELECT pg_sleep(%s)", [number / 100])
                return buy(conn, {types[(number + racer) % 3]: 2})

            outcome, *bought = race(database, 6, give_or_buy)

            assert outcome in {None, CapacityNotSettable}
            if outcome is None:
                given += 1
                assert bought.count(None) == 3
                assert bought.count(SoldOut) == 2
                assert capacity_left(conn, event) == (1, 6, 0)
            else:
                assert bought.count(None) == 5
        assert given
        assert deadlocks(conn) == 0
        invariants.check(conn)

    @pytest.mark.parametrize("late", [False, True], ids=["a purchase", "a payment that came late"])
    def test_a_buyer_who_read_the_terms_before_takes_from_the_capacity_too(
        self,
        api: Client,
        database: Database,
        conn: Connection,
        manager: Caller,
        event: UUID,
        monkeypatch: pytest.MonkeyPatch,
        late: bool,
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=40)
        lapsed = place(conn, {ticket_type: 3})
        cancel(conn, lapsed)
        plans = stock.plans

        def plan_after_the_deed(buyer: Connection, draws: Sequence[Draw]) -> Iterator[Sequence[Draw]]:
            monkeypatch.setattr(stock, "plans", plans)
            assert set_capacity(conn, manager, event, 5) is None
            return plans(buyer, draws)

        monkeypatch.setattr(stock, "plans", plan_after_the_deed)
        with db.Connection.connect(database.api_url, autocommit=True) as buyer:
            if late:
                with buyer.transaction():
                    order = service.lock_order(buyer, lapsed.id)
                    assert service.retake_stock(buyer, order)
                    service.pay(buyer, order, reason="test")
            else:
                assert buy(buyer, {ticket_type: 3}) is None

        assert capacity_left(conn, event) == ((2, 0, 3) if late else (2, 3, 0))
        assert buy(conn, {ticket_type: 3}) is SoldOut
        invariants.check(conn)

    def test_a_removed_capacity_is_no_reason_to_answer_sold_out(
        self,
        api: Client,
        database: Database,
        conn: Connection,
        manager: Caller,
        event: UUID,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        ticket_type = factories.ticket_type(conn, event_id=event, quantity=40)
        assert set_capacity(conn, manager, event, 2) is None
        plans = stock.plans

        def plan_after_the_deed(buyer: Connection, draws: Sequence[Draw]) -> Iterator[Sequence[Draw]]:
            monkeypatch.setattr(stock, "plans", plans)
            assert set_capacity(conn, manager, event, None) is None
            return plans(buyer, draws)

        monkeypatch.setattr(stock, "plans", plan_after_the_deed)
        with db.Connection.connect(database.api_url, autocommit=True) as buyer:
            assert buy(buyer, {ticket_type: 3}) is None

        assert invariants.left(conn, ticket_type) == (37, 3, 0)
        invariants.check(conn)


def test_vouchers_limits_and_capacity_hold_together(
    api: Client, database: Database, conn: Connection, manager: Caller, event: UUID
) -> None:
    types = [
        factories.ticket_type(conn, event_id=event, quantity=60, max_per_buyer=8),
        factories.ticket_type(conn, event_id=event, quantity=60, hidden=True),
        factories.ticket_type(conn, event_id=event, quantity=60, price=0, ticket_mode="group"),
    ]
    assert set_capacity(conn, manager, event, 110) is None
    factories.voucher(conn, event, code="OPEN", max_redemptions=25, unlocks_hidden=True, max_per_buyer=3)

    def act(conn: Connection, number: int) -> None:
        choice = random.Random(number)
        ada = {"name": "Ada", "email": f"ada{number % 5}@example.com"}
        for _ in range(12):
            cart = {each: choice.randint(1, 3) for each in choice.sample(types, choice.randint(1, 3))}
            code = "OPEN" if types[1] in cart or choice.random() < 0.2 else None
            try:
                order = place(conn, cart, voucher=code, buyer=ada)
            except (SoldOut, VoucherUsedUp, BuyerLimitReached):
                continue
            if order.status == "pending" and choice.random() < 0.3:
                cancel(conn, order)

    race(database, 14, act)

    most = """SELECT max(n) FROM (SELECT sum(quantity) AS n FROM orders JOIN order_items ON order_id = id
        WHERE ticket_type_id = %s AND status <> 'cancelled' GROUP BY buyer_email)"""
    assert conn.execute(most, [types[0]]).fetchone() <= (8,)
    assert sum(capacity_left(conn, event)) == 110
    assert deadlocks(conn) == 0
    invariants.check(conn)
