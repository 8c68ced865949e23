"""What the platform keeps: its terms, by default and of an organisation, and what orders are charged under them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.errors import StaleVersion
from boxoffice.fees import service
from boxoffice.fees.models import PlatformFeesRequest
from boxoffice.guest_tokens import order_token
from boxoffice.ids import new_id
from tests.helpers import audit, factories, invariants
from tests.helpers.racing import die_everywhere, race
from tests.helpers.sellers import Shop, count_sales, mark_paid, refund, tickets_of
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client, Database

SETTINGS = "/v1/admin/settings"


@pytest.fixture
def shop(conn: Connection) -> Shop:
    return Shop(conn)


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True)


def set_default(api: Client, admin: UUID, **fees: Any) -> Answer:
    return api.put(SETTINGS, {"platform_fees": fees}, account=admin)


def set_own(api: Client, admin: UUID, shop: Shop, fees: Any, **options: Any) -> Answer:
    path = f"/v1/admin/organisations/{shop.organisation}/platform-fees"
    return api.put(path, {"fees": fees, "reason": "As agreed."}, account=admin, **options)


def get(api: Client, shop: Shop, account: UUID | None = None) -> Answer:
    return api.get(f"/v1/organisations/{shop.organisation}/platform-fees", account=account or shop.manager)


def buy(api: Client, *items: tuple[UUID, int], **more: Any) -> UUID:
    wanted = [{"ticket_type_id": str(ticket_type), "quantity": quantity} for ticket_type, quantity in items]
    body = {**factories.order_request(items[0][0]), "items": wanted, **more}
    answer = api.post("/v1/orders", body, key="new")
    assert answer.status == 201, answer.body
    assert "platform_fee" not in answer.json["items"][0]
    return UUID(answer.json["id"])


def fees_of(conn: Connection, order: UUID) -> list[int | None]:
    found = conn.execute("SELECT platform_fee FROM order_items WHERE order_id = %s ORDER BY item_no", [order])
    return [fee for (fee,) in found.fetchall()]


def shown(answer: Answer) -> dict[str, Any]:
    """Return the terms that an answer shows, by currency, without what is 0, null or a time."""
    assert answer.status == 200, answer.body
    return {
        fee["currency"]: {name: value for name, value in fee.items() if value and name not in ("currency", "since")}
        for fee in answer.json["fees"]
    }


# ------------------------------------------------------------------------------------------------- terms that hold


def test_without_terms_the_platform_keeps_nothing(api: Client, conn: Connection, shop: Shop) -> None:
    order = buy(api, (shop.ticket_type(price=5000), 2))

    assert (get(api, shop).json["fees"], fees_of(conn, order)) == ([], [None])
    items = api.get(f"/v1/orders/{order}", account=shop.manager).json["items"]
    assert [item["platform_fee"] for item in items] == [0]


def test_the_default_holds_unless_an_organisation_has_its_own(
    api: Client, conn: Connection, shop: Shop, admin: UUID
) -> None:
    ticket_type = shop.ticket_type(price=5000)
    assert set_default(api, admin, NGN={"basis_points": 250, "fixed": 30}, KES={"fixed": 100}).status == 200
    before = buy(api, (ticket_type, 2))

    answer = set_own(api, admin, shop, {"NGN": {"basis_points": 1000, "return_on_refund": False}})

    naira = {"basis_points": 1000, "currency_exponent": 2, "is_own": True}
    shillings = {"fixed": 100, "currency_exponent": 2, "return_on_refund": True}
    assert shown(answer) == shown(get(api, shop)) == {"NGN": naira, "KES": shillings}
    # 2.5 % of 100.00 and twice 0.30, then 10 %.
    after = buy(api, (ticket_type, 2))
    assert (fees_of(conn, before), fees_of(conn, after)) == ([310], [1000])

    assert shown(set_own(api, admin, shop, {}))["NGN"]["fixed"] == 30, "the default again"
    assert fees_of(conn, buy(api, (ticket_type, 2))) == [310]
    assert shown(set_own(api, admin, shop, {"NGN": {}}))["NGN"]["is_own"], "a fee of 0 exempts"
    assert fees_of(conn, buy(api, (ticket_type, 2))) == [0]
    assert fees_of(conn, before) == [310], "an order keeps its own"
    invariants.check(conn)


def test_an_order_names_the_terms_that_it_was_sold_under(
    api: Client, conn: Connection, shop: Shop, admin: UUID
) -> None:
    ticket_type = shop.ticket_type(price=5000)
    orders = []
    for basis_points in (100, 200):
        set_default(api, admin, NGN={"basis_points": basis_points, "return_on_refund": basis_points == 100})
        orders.append(buy(api, (ticket_type, 1)))

    found = conn.execute(
        """SELECT basis_points, return_on_refund, replaced_at IS NULL FROM order_items
        JOIN fee_terms ON fee_terms.id = terms_id WHERE order_id = ANY(%s) ORDER BY order_id""",
        [orders],
    ).fetchall()
    assert found == [(100, True, False), (200, False, True)]


def test_a_change_replaces_only_terms_that_differ(api: Client, conn: Connection, shop: Shop, admin: UUID) -> None:
    fees: dict[str, Any] = {"NGN": {"fixed": 100}, "EUR": {"basis_points": 250, "maximum": 1500}}
    first = set_default(api, admin, **fees).json

    def held() -> dict[str, datetime]:
        return {fee["currency"]: fee["since"] for fee in get(api, shop).json["fees"]}

    before = held()
    with unchanged(conn):
        assert set_default(api, admin, **fees).json == first
    set_default(api, admin, **fees | {"NGN": {"fixed": 200}})

    after = held()
    assert (after["EUR"], after.keys()) == (before["EUR"], before.keys())
    assert after["NGN"] > before["NGN"]
    set_default(api, admin)
    assert held() == {}
    invariants.check(conn)


# ------------------------------------------------------------------------------------------ what orders are charged


def test_a_cart_has_the_fee_of_what_is_paid_for_each_item(
    api: Client, conn: Connection, shop: Shop, admin: UUID
) -> None:
    other = factories.event(conn, organisation_id=shop.organisation)
    here, there = shop.ticket_type(price=4999), factories.ticket_type(conn, event_id=other, price=10_000)
    free = shop.ticket_type(price=0)
    group = shop.ticket_type(price=2000, ticket_mode="group", max_per_order=10)
    factories.voucher(conn, shop.event, code="ALL", discount_kind="percent", discount_value=100)
    set_default(api, admin, NGN={"basis_points": 250, "fixed": 30})

    # 2.5 % of 149.97 are 3.749…, and thrice 0.30. 2.50 and 0.30. A group of five: 2.50 and five times 0.30.
    assert fees_of(conn, buy(api, (here, 3), (free, 1), (there, 1), (group, 5))) == [465, 0, 280, 400]
    assert fees_of(conn, buy(api, (here, 3), (there, 1), voucher="ALL")) == [0, 280]
    invariants.check(conn)


def test_in_a_currency_of_three_decimals_it_ends_in_a_zero(
    api: Client, conn: Connection, shop: Shop, admin: UUID
) -> None:
    event = factories.event(conn, organisation_id=shop.organisation, currency="KWD")
    set_default(api, admin, KWD={"basis_points": 250}, NGN={"basis_points": 9999})

    # 2.5 % of 5.120 are 0.128.
    assert fees_of(conn, buy(api, (factories.ticket_type(conn, event_id=event, price=5120), 1))) == [130]


def test_managers_see_it_in_the_order_and_buyers_do_not(api: Client, conn: Connection, shop: Shop, admin: UUID) -> None:
    set_default(api, admin, NGN={"basis_points": 250})
    order = buy(api, (shop.ticket_type(price=5000), 2))

    answers = [
        api.get(f"/v1/orders/{order}", account=shop.manager),
        api.get(f"/v1/orders/{order}", order_token=order_token(order)),
    ]

    assert [answer.json["items"][0]["platform_fee"] for answer in answers] == [250, None]
    terms = {"basis_points": 250, "fixed": 0, "minimum": 0, "maximum": None, "return_on_refund": True}
    assert [answer.json["platform_fee_terms"] for answer in answers] == [terms, None]
    assert [answer.json["total"] for answer in answers] == [10_000, 10_000]


def test_it_is_in_the_analytics_of_the_event(api: Client, conn: Connection, shop: Shop, admin: UUID) -> None:
    set_default(api, admin, NGN={"basis_points": 250, "fixed": 30})
    order = buy(api, (shop.ticket_type(price=5000), 2))
    assert mark_paid(api, shop, order).status == 200

    count_sales(conn)

    answer = api.get(f"/v1/events/{shop.event}/analytics", account=shop.manager)
    assert answer.json["platform_fee"] == 310
    invariants.check(conn)


@pytest.mark.parametrize(("returns", "returned"), [(True, [103, 207]), (False, [0, 0])])
def test_a_refund_and_its_preview_say_what_of_it_goes_back(
    api: Client, conn: Connection, shop: Shop, admin: UUID, returns: bool, returned: list[int]
) -> None:
    set_default(api, admin, NGN={"basis_points": 250, "fixed": 20, "return_on_refund": returns})
    order = buy(api, (shop.ticket_type(price=3333), 3))  # 2.5 % of 99.99 are 2.50, and thrice 0.20: 3.10
    assert mark_paid(api, shop, order).status == 200
    set_default(api, admin, NGN={"return_on_refund": not returns})
    first, *others = [str(ticket) for ticket in tickets_of(conn, order)]

    # A third of it is 1.03, and the rest 2.07.
    for tickets, amount in zip([[first], others], returned, strict=True):
        preview = refund(api, shop, order, ticket_ids=tickets, preview=True)
        done = refund(api, shop, order, ticket_ids=tickets)
        assert (preview.status, done.status) == (200, 201)
        assert preview.json["platform_fee_returned"] == done.json["platform_fee_returned"] == amount

    posted = conn.execute("SELECT sum(amount)::int FROM ledger_transfers WHERE kind = 'platform_fee_returned'")
    assert posted.fetchone() == (sum(returned) or None,)
    invariants.check(conn)


# ------------------------------------------------------------------------------------------------- changes


def test_a_change_is_recorded_with_its_reason(api: Client, conn: Connection, shop: Shop, admin: UUID) -> None:
    set_own(api, admin, shop, {"NGN": {"basis_points": 250}})
    with unchanged(conn):
        again = set_own(api, admin, shop, {"NGN": {"basis_points": 250}})

    assert (again.status, again.version) == (200, 2)
    entry = audit.only_entry(conn)
    assert (entry.chain, entry.actor, entry.action) == (shop.organisation, admin, "set_platform_fees")
    fee = {"basis_points": 250, "fixed": 0, "minimum": 0, "maximum": None, "return_on_refund": True}
    assert (entry.details["before"], entry.details["after"]) == ({"fees": {}}, {"fees": {"NGN": fee}})
    assert "reason" in entry.details


def test_an_edit_of_an_old_version_is_refused(api: Client, conn: Connection, shop: Shop, admin: UUID) -> None:
    first = set_own(api, admin, shop, {"NGN": {"fixed": 1}})
    second = set_own(api, admin, shop, {"NGN": {"fixed": 2}}, headers={"If-Match": '"2"'})

    assert (first.version, second.status, second.version) == (2, 200, 4)
    assert set_own(api, admin, shop, {}, headers={"If-Match": '"2"'}).status == 412
    assert get(api, shop).version == 4


def test_only_admins_change_them_and_members_below_managers_see_none(
    api: Client, conn: Connection, shop: Shop, admin: UUID
) -> None:
    scanner = factories.member(conn, shop.organisation, "scanner")
    absent = api.put(f"/v1/admin/organisations/{new_id()}/platform-fees", {"fees": {}, "reason": "Why"}, account=admin)

    assert [set_own(api, shop.manager, shop, {}).status, get(api, shop, scanner).status, absent.status] == [
        403,
        403,
        404,
    ]
    assert [get(api, shop, admin).status, get(api, shop, factories.account(conn)).status] == [200, 404]


IMPOSSIBLE: list[Any] = [
    {"XXX": {}},
    {"BGN": {}},  # withdrawn: nobody pays with it any more
    {"ngn": {}},
    {"NGN": {"basis_points": 10_001}},
    {"NGN": {"basis_points": -1}},
    {"NGN": {"basis_points": 2.5}},
    {"NGN": {"fixed": -1}},
    {"NGN": {"fixed": "0.30"}},
    {"NGN": {"fixed": 10**12}},
    {"NGN": {"minimum": 2, "maximum": 1}},
    {"NGN": None},
    {"KWD": {"fixed": 105}},
    {"KWD": {"minimum": 5}},
    {"KWD": {"maximum": 999}},
    ["NGN"],
]


def test_terms_that_nobody_can_charge_are_refused(
    api: Client, conn: Connection, shop: Shop, admin: UUID, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for fees in IMPOSSIBLE:
            with subtests.test(fees=fees):
                refused = [
                    set_own(api, admin, shop, fees),
                    api.put(SETTINGS, {"platform_fees": fees}, account=admin),
                ]
                assert [(each.status, each.code) for each in refused] == [(422, "invalid")] * 2
                assert all("must" in each.json["errors"][0]["msg"] for each in refused), refused[0].json["errors"]


def test_a_currency_that_was_withdrawn_since_is_still_read(conn: Connection, api: Client, admin: UUID) -> None:
    conn.execute("""INSERT INTO platform_settings VALUES ('platform_fees', '{"BGN": {"fixed": 100}}')""")

    assert api.get(SETTINGS, account=admin).json["values"]["platform_fees"]["BGN"]["fixed"] == 100


# ------------------------------------------------------------------------------------------------- races and crashes


def test_of_racing_changes_of_one_version_one_wins(
    api: Client, conn: Connection, database: Database, shop: Shop, admin: UUID
) -> None:
    def change(racer: Connection, number: int) -> bool:
        request = PlatformFeesRequest(fees={"NGN": {"fixed": number}}, reason="Why")
        try:
            with racer.transaction():
                service.set_fees(racer, Caller(Who.ADMIN, admin), shop.organisation, request, 1)
        except StaleVersion:
            return False
        return True

    won = race(database, 4, change)

    assert won.count(True) == 1
    assert conn.execute("SELECT fixed FROM fee_terms").fetchall() == [(won.index(True),)]
    assert audit.only_entry(conn).action == "set_platform_fees"


def test_a_change_is_made_wholly_or_not_at_all(
    api: Client, conn: Connection, database: Database, shop: Shop, admin: UUID
) -> None:
    def change(child: psycopg.Connection) -> None:
        request = PlatformFeesRequest(fees={"NGN": {"fixed": 2}, "EUR": {"fixed": 2}}, reason="Why")
        with child.transaction():
            service.set_fees(child, Caller(Who.ADMIN, admin), shop.organisation, request, None)

    factories.fee_terms(conn, shop.organisation)
    for _ in die_everywhere(database, conn, change):
        held = conn.execute("SELECT count(*), sum(fixed) FROM fee_terms WHERE replaced_at IS NULL").fetchone()
        entries = conn.execute("SELECT count(*) FROM audit_log").fetchone()
        assert (held, entries) in [((1, 100), (0,)), ((2, 4), (1,))]
    assert get(api, shop).version == 5
