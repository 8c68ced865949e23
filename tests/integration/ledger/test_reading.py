"""What owners read of their books: the balances, and the entries page by page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import ClientCursor, Connection

from boxoffice import db, platform_settings
from boxoffice.ids import first_id, new_id
from boxoffice.ledger import releases, service, words
from boxoffice.ledger.kinds import KINDS
from boxoffice.ledger.models import EntryRow, EventFunds, Transfer
from boxoffice.pagination import encode
from tests.helpers import factories, invariants
from tests.helpers.ledgers import correct, count, end, organisation_of, post, release_funds
from tests.helpers.sellers import Shop
from tests.helpers.support import Answer, Client, as_owner


@pytest.fixture(autouse=True)
def _settings(api: Client) -> Iterator[None]:
    platform_settings.forget()
    yield
    platform_settings.forget()


@pytest.fixture
def shop(conn: Connection) -> Shop:
    shop = Shop(conn)
    conn.execute("UPDATE events SET currency = 'EUR'")
    shop.manager = factories.member(conn, shop.organisation, "owner")
    return shop


def balance(api: Client, shop: Shop, **caller: Any) -> Answer:
    return api.get(f"/v1/organisations/{shop.organisation}/balance", **({"account": shop.manager} | caller))


def entries(api: Client, shop: Shop, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(f"/v1/organisations/{shop.organisation}/ledger", query=query, account=shop.manager)
    assert answer.status == 200, answer.body
    return list(answer.json["items"])


NOTHING = dict.fromkeys(
    (
        *("payable", "available", "pending", "tax", "reserved", "disputed", "owed_to_buyers", "in_payout", "paid_out"),
        *("platform_fees", "corrections", "held_by_you"),
    ),
    0,
)


def test_an_organisation_without_money_has_no_balance(api: Client, shop: Shop) -> None:
    assert balance(api, shop).json["balances"] == []


@pytest.mark.parametrize("is_counted", [False, True])
def test_a_balance_says_where_each_part_of_the_money_is(
    api: Client, conn: Connection, shop: Shop, is_counted: bool
) -> None:
    """A past event earned 1190 with tax, and keeps a tenth for refunds. The next one earns 600, and 40 by hand."""
    factories.platform_setting(conn, refund_reserve_percent=10)
    past = factories.event(conn, organisation_id=shop.organisation, currency="EUR")
    end(conn, past, timedelta(days=6))
    post(conn, past, ("sale", 1190), ("tax", 190), ("platform_fee", 50))
    release_funds()  # 950 less 95, and 190 less 19
    post(conn, shop.event, ("sale", 600), ("refund", 30), ("dispute", 20))
    own = [
        Transfer("receipt", 40, holder="organisation", provider="cash"),
        Transfer("sale", 40, holder="organisation", event_id=shop.event),
        Transfer("platform_fee", 2, event_id=shop.event),
    ]
    paid_out = [Transfer("payout", 300), Transfer("payout_sent", 200)]
    for transfers in (own, paid_out):
        service.post_difference(conn, shop.organisation, "EUR", new_id(), transfers)
    service.post_difference(conn, shop.organisation, "JPY", new_id(), [Transfer("platform_fee", 7, event_id=past)])
    if is_counted:
        count(conn)

    euro, yen = balance(api, shop).json["balances"]

    available = 950 - 95 + 190 - 19 - 300
    assert euro == NOTHING | {
        "currency": "EUR",
        "currency_exponent": 2,
        "payable": available,
        "available": available,
        "pending": 95 + 600 - 30 - 20 - 2,
        "tax": 19,
        "reserved": 95 + 19,
        "disputed": 20,
        "owed_to_buyers": 30,
        "in_payout": 100,
        "paid_out": 200,
        "platform_fees": 52,
        "held_by_you": 40,
    }
    assert yen == NOTHING | {"currency": "JPY", "currency_exponent": 0, "pending": -7, "platform_fees": 7}


def test_a_balance_is_of_one_moment(api: Client, conn: Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An admin corrects the balance while it is read. The answer knows all of that, or nothing."""
    post(conn, shop.event, ("sale", 600), ("platform_fee", 50))
    list_unreleased = releases.list_unreleased

    def meanwhile(*args: Any) -> list[EventFunds]:
        correct(conn, shop.organisation, 70, "EUR")
        return list_unreleased(*args)

    monkeypatch.setattr(releases, "list_unreleased", meanwhile)
    (before,) = balance(api, shop).json["balances"]
    monkeypatch.undo()
    (after,) = balance(api, shop).json["balances"]
    names = ("available", "corrections", "platform_fees")
    assert [before[name] for name in names] == [0, 0, 50]
    assert [after[name] for name in names] == [70, 70, 50]


def test_a_negative_balance_is_shown_and_nothing_is_payable(api: Client, conn: Connection, shop: Shop) -> None:
    end(conn, shop.event, timedelta(days=6))
    post(conn, shop.event, ("platform_fee", 80))
    release_funds()
    (euro,) = balance(api, shop).json["balances"]
    assert (euro["available"], euro["payable"]) == (-80, 0)


def test_owners_alone_read_the_books_of_their_organisation(api: Client, conn: Connection, shop: Shop) -> None:
    manager, rival = factories.member(conn, shop.organisation, "manager"), factories.account(conn)
    factories.organisation(conn, owner=rival)
    for path in ("balance", "ledger"):
        of = {
            account: api.get(f"/v1/organisations/{shop.organisation}/{path}", account=account).status
            for account in (shop.manager, manager, rival)
        }
        assert of == {shop.manager: 200, manager: 403, rival: 404}


def test_each_entry_says_in_words_what_happened(api: Client, conn: Connection, shop: Shop) -> None:
    order = factories.order(conn, shop.ticket_type(price=1000), quantity=1)
    payment, incoming = factories.payment(conn, order), new_id()
    conn.execute(
        """INSERT INTO incoming_payments (id, payment_id, provider, merchant_id, reference, amount, currency)
        VALUES (%s, %s, 'sandbox', gen_random_uuid(), 'ch_3Q', 1000, 'EUR')""",
        [incoming, payment],
    )
    (number,) = conn.execute("SELECT number FROM orders WHERE id = %s", [order]).fetchone() or ()
    conn.execute("UPDATE events SET title = 'ජාස් රාත්‍රිය 🎷 شب جاز' WHERE id = %s", [shop.event])
    transfers = [
        Transfer("receipt", 1000, order_id=order, provider="sandbox"),
        Transfer("sale", 1000, order_id=order, event_id=shop.event),
    ]
    service.post_difference(conn, shop.organisation, "EUR", incoming, transfers)

    found = entries(api, shop, order_id=order)

    assert [(each["kind"], each["account"], each["amount"]) for each in found] == [
        *(("sale", "pending", 1000), ("sale", "received", -1000)),
        *(("receipt", "received", 1000), ("receipt", "at_provider", -1000)),
    ]
    sale = found[0]
    assert sale["happened"] == "A buyer paid for tickets."
    assert sale["event_title"] == "ජාස් රාත්‍රිය 🎷 شب جاز"
    assert (sale["order_number"], sale["reference"], sale["currency_exponent"]) == (number, "ch_3Q", 2)
    assert {each["provider"] for each in found if each["kind"] == "receipt"} == {"sandbox"}


def test_filters_narrow_the_list(api: Client, conn: Connection, shop: Shop) -> None:
    other = factories.event(conn, organisation_id=shop.organisation, currency="NGN")
    post(conn, shop.event, ("sale", 10), ("refund", 3))
    post(conn, other, ("sale", 500))

    def amounts(**query: Any) -> list[int]:
        return sorted(each["amount"] for each in entries(api, shop, **query))

    assert amounts() == [-500, -10, -3, 3, 10, 500]
    assert amounts(currency="NGN") == amounts(event_id=other) == [-500, 500]
    assert amounts(account="pending", event_id=shop.event) == [-3, 10]
    assert amounts(account="pending", kind="sale") == [10, 500]
    assert amounts(account="available", kind="sale") == []
    assert amounts(order_id=new_id()) == []
    assert amounts(**{"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}) == amounts()
    assert amounts(**{"from": "2100-01-01T00:00:00Z"}) == amounts(to="2020-01-01T00:00:00Z") == []


def test_the_bounds_of_time_are_exact(api: Client, conn: Connection, shop: Shop) -> None:
    with conn.transaction():
        conn.execute("SELECT pg_sleep(0.02)")
        post(conn, shop.event, ("sale", 10))  # posted as of the begin of the transaction, with a later id
    (posted_at,) = {each["posted_at"] for each in entries(api, shop)}
    assert len(entries(api, shop, **{"from": posted_at})) == 2
    assert entries(api, shop, to=posted_at) == []


def test_bad_filters_are_told(api: Client, shop: Shop) -> None:
    for name, value in (("kind", "gift"), ("account", "purse"), ("currency", "EURO"), ("cursor", "WzFd")):
        path = f"/v1/organisations/{shop.organisation}/ledger"
        answer = api.get(path, query={name: value}, account=shop.manager)
        assert (answer.status, answer.json["errors"][0]["loc"]) == (422, ["query", name])


def test_pages_leave_nothing_out(api: Client, conn: Connection, shop: Shop) -> None:
    for number in range(1, 5):
        post(conn, shop.event, ("sale", number * 10), ("platform_fee", number))
    for query, size in (({}, 16), ({"account": "pending"}, 8), ({"kind": "sale"}, 8)):
        whole = entries(api, shop, limit=100, **query)
        assert len(whole) == size
        for limit in (1, 2, 3, 7):
            assert list(page_by_page(api, shop, limit=limit, **query)) == whole


def page_by_page(api: Client, shop: Shop, **query: Any) -> Iterator[dict[str, Any]]:
    for _ in range(20):
        answer = api.get(f"/v1/organisations/{shop.organisation}/ledger", query=query, account=shop.manager)
        yield from answer.json["items"]
        if answer.json["next_cursor"] is None:
            return
        assert len(answer.json["items"]) == query["limit"]
        query["cursor"] = answer.json["next_cursor"]
    raise AssertionError("the list does not end")


def test_ids_begin_at_a_moment_in_sql_as_in_python(conn: Connection) -> None:
    for moment in ("1970-01-01T00:00:00Z", "2026-02-28T23:59:59.999Z", "2100-01-01T00:00:00+05:45"):
        (found,) = conn.execute("SELECT first_id(%s)", [moment]).fetchone() or ()
        assert found == first_id(datetime.fromisoformat(moment))


def test_each_kind_has_words() -> None:
    assert {kind for kind in KINDS if not words.describe(kind, 1)} == set()
    assert words.describe("tax", -1) == "Taken back: the tax in the price of tickets was set aside."
    assert words.describe("payout", -1) == "A payout was rejected."


# A shop has half of all transfers until 100 days ago, and none since. The rest is of others in turn.
_SALES = """INSERT INTO ledger_transfers (id, organisation_id, kind, holder, currency, amount, source_id, posting_no,
    line_no, event_id, posted_at)
SELECT first_id(posted_at), organisation_id, 'sale', 'platform', 'EUR', 1, gen_random_uuid(), 1, 1, events.id, posted_at
FROM generate_series(1, 20000) AS number CROSS JOIN LATERAL (
    SELECT now() - interval '200 days' + number * interval '14 minutes' AS posted_at,
        CASE WHEN number < 10000 AND number %% 2 = 0 THEN %(shop)s
            ELSE (%(others)s::uuid[])[1 + number %% cardinality(%(others)s)] END AS event_id
) AS sales JOIN events ON events.id = event_id"""


def test_a_page_reads_what_it_shows_alone(
    api: Client, conn: Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    """However much others have sold since, and however much came after the page."""
    others = [factories.event(conn, currency="EUR") for _ in range(3)]
    with as_owner(conn) as platform:
        platform.execute(_SALES, {"shop": shop.event, "others": others})
        platform.execute("ANALYZE ledger_transfers")
    other = organisation_of(conn, others[0])
    owner = factories.member(conn, other, "owner")
    long_ago = datetime.now(UTC) - timedelta(days=150)
    pages: dict[str, tuple[UUID, UUID, dict[str, Any]]] = {
        "the first": (shop.organisation, shop.manager, {}),
        "a late one": (other, owner, {"cursor": encode(first_id(long_ago), 1)}),
        "until a day": (other, owner, {"to": f"{long_ago:%Y-%m-%dT%H:%M:%SZ}"}),
    }
    asked: list[tuple[Any, dict[str, Any]]] = []
    search = db.search

    def listening(conn: db.Connection, row: type[Any], query: Any, **params: Any) -> list[Any]:
        asked.extend([(query, params)] if row is EntryRow else [])
        return search(conn, row, query, **params)

    monkeypatch.setattr(db, "search", listening)
    for name, (organisation, account, query) in pages.items():
        with subtests.test(page=name):
            answer = api.get(f"/v1/organisations/{organisation}/ledger", query=query, account=account)
            assert len(answer.json["items"]) == 20
            statement, params = asked.pop()
            with as_owner(conn) as platform:
                ((plan,),) = ClientCursor(platform).execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", params)
            assert sum(rows_read(plan[0]["Plan"])) < 100, plan


def rows_read(plan: dict[str, Any]) -> Iterator[int]:
    """Yield how many transfers each part of a plan reads, also those that it leaves out."""
    if plan.get("Relation Name") == "ledger_transfers":
        yield int(plan["Actual Rows"]) + plan.get("Rows Removed by Filter", 0)
    for part in plan.get("Plans", ()):
        yield from rows_read(part)


class TestCorrections:
    """An admin corrects what an organisation has available."""

    @pytest.fixture
    def admin(self, conn: Connection) -> UUID:
        return factories.account(conn, is_admin=True)

    def correct(self, api: Client, shop: Shop, admin: UUID, key: str = "new", **body: Any) -> Answer:
        body = {"currency": "EUR", "amount": 500, "reason": "Für die Umstände 🎁"} | body
        return api.post(f"/v1/admin/organisations/{shop.organisation}/corrections", body, account=admin, key=key)

    def test_the_organisation_reads_it_with_the_reason(
        self, api: Client, conn: Connection, shop: Shop, admin: UUID
    ) -> None:
        assert self.correct(api, shop, admin).status == 201
        assert self.correct(api, shop, admin, amount=-700, reason="Sent twice").status == 201

        (euro,) = balance(api, shop).json["balances"]
        expected = {"available": -200, "corrections": -200, "platform_fees": 0, "payable": 0}
        assert expected.items() <= euro.items()
        found = entries(api, shop, account="available")
        assert [(each["amount"], each["reason"]) for each in found] == [
            (-700, "Sent twice"),
            (500, "Für die Umstände 🎁"),
        ]
        logged = conn.execute(
            "SELECT details ->> 'amount' FROM audit_log WHERE action = 'create_correction' ORDER BY entry"
        )
        assert logged.fetchall() == [("500",), ("-700",)]
        invariants.check(conn)

    def test_what_is_left_in_a_withdrawn_currency_is_corrected(self, api: Client, shop: Shop, admin: UUID) -> None:
        """Bulgaria has paid in euros since January 2026."""
        assert self.correct(api, shop, admin, currency="BGN", amount=-100).status == 201
        assert [each["amount"] for each in entries(api, shop, account="available", currency="BGN")] == [-100]

    def test_a_repeat_has_no_second_effect(self, api: Client, conn: Connection, shop: Shop, admin: UUID) -> None:
        key = "correction-of-4-May"
        first, again = (self.correct(api, shop, admin, key) for _ in range(2))
        assert (again.status, again.json) == (201, first.json)
        assert self.correct(api, shop, admin, key, amount=501).json["code"] == "idempotency_key_reused"
        assert len(entries(api, shop)) == 2

    def test_bad_input_is_told(self, api: Client, shop: Shop, admin: UUID) -> None:
        wrong = {"amount": (0, 4.99, 10**18), "currency": ("XXX",), "reason": (" ", "\u200b", "a" * 201)}
        for field, values in wrong.items():
            for value in values:
                answer = self.correct(api, shop, admin, **{field: value})
                assert (answer.status, answer.json["errors"][0]["loc"]) == (422, ["body", field])

    def test_it_is_for_admins_and_needs_an_organisation(self, api: Client, shop: Shop, admin: UUID) -> None:
        assert self.correct(api, shop, shop.manager).status == 403
        shop.organisation = new_id()
        assert self.correct(api, shop, admin).status == 404
