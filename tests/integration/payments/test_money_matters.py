"""GET /v1/organisations/{organisation_id}/money-matters, and POST …/{matter_id}"""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants, sellers
from tests.helpers.audit import only_entry
from tests.helpers.payers import prove, started, tell
from tests.helpers.sellers import Shop, status_of
from tests.helpers.support import Answer, Client

NIL = UUID(int=0)
FULL_WIDTH = "".join(chr(ord(each) + 0xFEE0) for each in "K7QW-3MPX")


@pytest.fixture
def shop(conn: Connection) -> Shop:
    return Shop(conn)


@pytest.fixture
def owner(conn: Connection, shop: Shop) -> UUID:
    return factories.member(conn, shop.organisation, "owner")


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True)


def matters(api: Client, organisation: UUID, account: UUID, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(f"/v1/organisations/{organisation}/money-matters", account=account, query=query)
    assert answer.status == 200, answer.body
    return list(answer.json["items"])


def settle(api: Client, organisation: UUID, matter: Any, account: UUID, *, key: str = "new", **body: Any) -> Answer:
    return api.post(f"/v1/organisations/{organisation}/money-matters/{matter}", body, account=account, key=key)


def say(api: Client, order: object, status: str = "PAID", **query: Any) -> str:
    """Send the generic provider's webhook. Return its effect."""
    body = json.dumps({"order": str(order), "status": status}).encode()
    answer = api.post("/v1/webhooks/generic", body, headers=prove("generic", body), query=query)
    assert answer.status == 200, answer.body
    return str(answer.json["effect"])


class TestListing:
    def test_newest_first_a_page_at_a_time_with_what_happened_and_what_to_do(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        order = shop.sold(shop.ticket_type())
        made = [factories.money_matter(conn, order) for _ in range(5)]
        path = f"/v1/organisations/{shop.organisation}/money-matters"

        pages, cursor = [], None
        while True:
            query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = api.get(path, account=shop.manager, query=query).json
            pages.append([each["id"] for each in page["items"]])
            cursor = page["next_cursor"]
            if cursor is None:
                break

        assert [matter for page in pages for matter in page] == [str(each) for each in reversed(made)]
        assert [len(page) for page in pages] == [2, 2, 1]
        (first,) = api.get(path, account=shop.manager, query={"limit": "1"}).json["items"]
        number = api.get(f"/v1/orders/{order}", account=shop.manager).json["number"]
        assert (first["order_id"], first["order_number"]) == (str(order), number)
        assert (
            first["happened"] == "NGN\xa01.00 of this order was refunded at Sandbox, not in Boxoffice (re_elsewhere)."
        )
        assert first["to_do"]
        assert first["actions"] == ["done"]

    def test_open_ones_and_settled_ones(self, api: Client, conn: Connection, shop: Shop, owner: UUID) -> None:
        order = shop.sold(shop.ticket_type())
        first, second = (str(factories.money_matter(conn, order)) for _ in range(2))
        settle(api, shop.organisation, first, owner, action="done", note="Seen")

        def ids(**query: str) -> list[str]:
            return [each["id"] for each in matters(api, shop.organisation, shop.manager, **query)]

        assert (ids(settled="false"), ids(settled="true"), ids()) == ([second], [first], [second, first])

    def test_another_organisations_are_not_found(self, api: Client, conn: Connection, shop: Shop, owner: UUID) -> None:
        theirs = Shop(conn)
        matter = factories.money_matter(conn, theirs.sold(theirs.ticket_type()))

        foreign = api.get(f"/v1/organisations/{theirs.organisation}/money-matters", account=owner)
        assert foreign.status == 404
        done = {"action": "done", "note": "Seen"}
        assert settle(api, shop.organisation, matter, owner, **done).status == 404
        assert settle(api, theirs.organisation, matter, owner, **done).status == 404
        assert conn.execute("SELECT settled_at FROM money_matters").fetchall() == [(None,)]

    def test_the_platforms_exist_for_admins_alone(
        self, api: Client, conn: Connection, shop: Shop, owner: UUID, admin: UUID
    ) -> None:
        say(api, "ZZZZ-ZZZZ")

        assert [each["kind"] for each in matters(api, NIL, admin)] == ["unknown_payment"]
        assert api.get(f"/v1/organisations/{NIL}/money-matters", account=owner).status == 404


class TestSettling:
    @pytest.fixture
    def matter(self, conn: Connection, shop: Shop) -> UUID:
        return factories.money_matter(conn, shop.sold(shop.ticket_type()))

    def test_it_is_done_once_and_audited(
        self, api: Client, conn: Connection, shop: Shop, owner: UUID, matter: UUID
    ) -> None:
        body = {"action": "done", "note": "Checked in the dashboard"}
        first, second = (settle(api, shop.organisation, matter, owner, key="a-key-of-our-own", **body) for _ in "ab")

        assert (first.status, second.json) == (200, first.json)
        assert second.headers["idempotent-replayed"] == "true"
        assert settle(api, shop.organisation, matter, owner, **body).code == "matter_settled"
        entry = only_entry(conn)
        assert (entry.action, entry.actor) == ("settle_money_matter", owner)
        assert entry.details["note"] == "Checked in the dashboard"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"action": "done"},
            {"action": "done", "note": ""},
            {"action": "pay", "note": "x"},
            {"action": "assign"},
            {"action": "retry", "order": "K7QW-3MPX"},
            {"action": "done", "note": "x", "more": 1},
        ],
    )
    def test_a_request_that_makes_no_sense_is_invalid(
        self, api: Client, shop: Shop, owner: UUID, matter: UUID, body: dict[str, Any]
    ) -> None:
        assert settle(api, shop.organisation, matter, owner, **body).code == "invalid"

    @pytest.mark.parametrize("body", [{"action": "retry"}, {"action": "assign", "order": "K7QW-3MPX"}])
    def test_each_kind_has_its_own_actions(
        self, api: Client, shop: Shop, owner: UUID, matter: UUID, body: dict[str, Any]
    ) -> None:
        refused = settle(api, shop.organisation, matter, owner, **body)

        assert (refused.status, refused.code, refused.json["actions"]) == (409, "action_not_possible", ["done"])

    def test_managers_see_and_owners_settle(self, api: Client, shop: Shop, matter: UUID) -> None:
        assert settle(api, shop.organisation, matter, shop.manager, action="done", note="x").status == 403

    def test_a_refund_that_is_being_sent_is_left_alone(
        self, api: Client, conn: Connection, shop: Shop, owner: UUID
    ) -> None:
        order = shop.sold(shop.ticket_type())
        sellers.refund(api, shop, order, whole=True)
        (refund,) = conn.execute("SELECT id FROM refunds").fetchone() or ()
        matter = factories.money_matter(conn, order, kind="refund_failed", subject=str(refund), refund_id=refund)
        conn.execute("UPDATE refunds SET status = 'owed', due_at = now() + interval '1 minute', closed_at = NULL")

        for body in ({"action": "retry"}, {"action": "done", "note": "x"}):
            assert settle(api, shop.organisation, matter, owner, **body).code == "refund_under_way"


class TestRefundsByHand:
    def test_a_person_sends_it_and_says_so_and_then_the_buyer_is_told(
        self, api: Client, conn: Connection, shop: Shop, owner: UUID
    ) -> None:
        from boxoffice.payments import emails

        order = factories.order(conn, shop.ticket_type())
        sellers.mark_paid(api, shop, order)
        sellers.refund(api, shop, order, whole=True)
        (matter,) = matters(api, shop.organisation, shop.manager)
        assert (matter["kind"], matter["amount"], matter["actions"]) == ("refund_by_hand", 10_000, ["done"])

        settled = settle(api, shop.organisation, matter["id"], owner, action="done", note="Cash at the box office")

        assert settled.status == 200, settled.body
        ((refund, status),) = conn.execute("SELECT id, status FROM refunds").fetchall()
        assert status == "succeeded"
        assert sellers.outbox_of(conn, "refund_sent")[0][1] == {"refund_id": str(refund)}
        assert "says that they have sent you NGN\xa0100.00 themselves" in emails.refund_sent(conn, str(refund)).text
        invariants.check(conn)


class TestMoneyThatNamesNoOrder:
    @pytest.mark.parametrize(
        "spelling",
        [
            "#K7QW-3MPX",
            "k7qw 3mpx",
            FULL_WIDTH,
            "Order K7QW\u20133MPX",
            "K7QW\u20143MPX.",
            "order no. k7qw3mpx",
        ],
    )
    def test_a_number_in_any_spelling_names_its_order(
        self, api: Client, conn: Connection, shop: Shop, spelling: str
    ) -> None:
        order = factories.order(conn, shop.ticket_type(), number="K7QW3MPX")

        assert say(api, spelling) == "paid"

        assert status_of(conn, order) == "paid"
        invariants.check(conn)

    def test_it_is_kept_shown_and_counted_and_no_repeat_adds_to_it(
        self, api: Client, conn: Connection, admin: UUID
    ) -> None:
        for _ in range(2):
            assert say(api, "ZZZZ-ZZZZ") == "unknown_payment"

        (matter,) = matters(api, NIL, admin)
        assert (matter["kind"], matter["provider"], matter["amount"]) == ("unknown_payment", "generic", None)
        assert matter["details"] == {"order": "ZZZZ-ZZZZ", "status": "PAID"}
        assert matter["actions"] == ["assign", "done"]
        invariants.check(conn)

    def test_news_of_no_money_is_no_matter(self, api: Client, conn: Connection) -> None:
        assert say(api, "ZZZZ-ZZZZ", "REJECTED") == "unknown_payment"

        assert conn.execute("SELECT count(*) FROM money_matters").fetchone() == (0,)

    def test_assigned_to_an_order_it_pays_it(self, api: Client, conn: Connection, shop: Shop, admin: UUID) -> None:
        order = factories.order(conn, shop.ticket_type(), number="K7QW3MPX")
        say(api, "K7QW-3MP")
        (matter,) = matters(api, NIL, admin)
        no_owner = api.post(
            f"/v1/organisations/{NIL}/money-matters/{matter['id']}", {}, account=shop.manager, key="new"
        )
        assert no_owner.status in (404, 422)

        settled = settle(api, NIL, matter["id"], admin, action="assign", order="K7QW-3MPX")

        assert (settled.status, settled.json["resolution"]) == (200, "assigned: paid")
        assert settled.json["order_id"] == str(order)
        assert status_of(conn, order) == "paid"
        invariants.check(conn)

    def test_assigned_to_an_order_that_is_paid_it_goes_back(
        self, api: Client, conn: Connection, shop: Shop, admin: UUID
    ) -> None:
        order = factories.order(conn, shop.ticket_type(), number="K7QW3MPX")
        assert say(api, order) == "paid"
        say(api, "K7QW-3MP")
        (matter,) = matters(api, NIL, admin)

        settled = settle(api, NIL, matter["id"], admin, action="assign", order=str(order))

        assert settled.json["resolution"] == "assigned: returned"
        assert sellers.given_back(conn) == [10_000]
        assert [each["kind"] for each in matters(api, shop.organisation, shop.manager)] == ["refund_by_hand"]
        invariants.check(conn)

    def test_assigned_to_no_order_it_stays(self, api: Client, conn: Connection, admin: UUID) -> None:
        say(api, "ZZZZ-ZZZZ")
        (matter,) = matters(api, NIL, admin)

        refused = settle(api, NIL, matter["id"], admin, action="assign", order=str(uuid4()))

        assert (refused.status, refused.json["errors"][0]["loc"]) == (422, ["body", "order"])
        assert matters(api, NIL, admin, settled="false") == [matter]

    def test_money_for_a_payment_that_we_do_not_know_has_its_amount(
        self, api: Client, conn: Connection, shop: Shop, admin: UUID
    ) -> None:
        order = factories.order(conn, shop.ticket_type())
        unknown = {**started(api, order), "id": str(uuid4())}
        assert tell(api, unknown).json["effect"] == "unknown_payment"

        (matter,) = matters(api, NIL, admin)
        assert (matter["amount"], matter["currency"]) == (10_000, "NGN")
        settled = settle(api, NIL, matter["id"], admin, action="assign", order=str(order))

        assert settled.json["resolution"] == "assigned: paid"
        assert status_of(conn, order) == "paid"
        invariants.check(conn)
