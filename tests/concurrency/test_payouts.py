"""Racing payouts never take more than there is, and racing decisions have one effect."""

from typing import Any
from uuid import UUID

from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.ids import new_id
from boxoffice.ledger import releases
from boxoffice.ledger import service as ledger
from boxoffice.ledger.models import Transfer
from boxoffice.payouts import files, methods, service
from boxoffice.payouts.models import PayoutDecisionRequest, PayoutFileRequest, PayoutRequest
from tests.helpers import factories
from tests.helpers.invariants import check
from tests.helpers.owners import outcome, owner
from tests.helpers.racing import attempt, deadlocks, die_at, race, wait_for_rollbacks
from tests.helpers.support import Client, Database


class Money:
    """An organisation with 100,000 minor units that it can be paid out."""

    def __init__(self, conn: Connection) -> None:
        self.account = factories.account(conn)
        self.organisation = factories.organisation(conn, owner=self.account)
        self.admin = factories.account(conn, is_admin=True)
        self.method = factories.payout_method(conn, self.organisation)
        factories.funds(conn, self.organisation, 100_000)

    def ask(self, conn: Any, amount: int, key: str | None = None) -> str:
        """Ask for a payout. Return "done", or the code of the error."""
        request = PayoutRequest.model_validate({"method_id": str(self.method), "amount": amount})
        caller = owner(self.account)
        return attempt(lambda: service.request_payout(conn, caller, self.organisation, request, key or new_id().hex))

    def decide(self, conn: Any, payout: UUID, **decision: str) -> str:
        """Decide on a payout as an admin."""
        request = PayoutDecisionRequest.model_validate(decision)
        caller = Caller(Who.ADMIN, self.admin)
        return outcome(conn, lambda: service.decide_payout(conn, caller, payout, request, None))

    def remove_method(self, conn: Any) -> str:
        """Remove the payout method."""
        return outcome(conn, lambda: methods.remove_method(conn, owner(self.account), self.organisation, self.method))

    def balances(self, conn: Any) -> dict[str, int]:
        """Return the balances of the organisation, without where its money came from."""
        found = ledger.list_balances(conn, self.organisation)
        return {each.account: each.amount for each in found if each.account != "platform_income"}


def statuses(conn: Connection) -> dict[str, int]:
    """Return how many payouts there are in each status."""
    return dict(conn.execute("SELECT status, count(*) FROM payouts GROUP BY status").fetchall())


def test_sixteen_requests_take_what_there_is_and_no_more(api: Client, database: Database, conn: Connection) -> None:
    money = Money(conn)

    outcomes = race(database, 16, lambda racer, _: money.ask(racer, 30_000))

    assert sorted(set(outcomes)) == ["balance_too_low", "done"]
    assert outcomes.count("done") == 3
    assert money.balances(conn) == {"available": 10_000, "in_payout": 90_000}
    assert deadlocks(conn) == 0
    check(conn)


def test_one_key_is_one_payout(api: Client, database: Database, conn: Connection) -> None:
    money, key = Money(conn), new_id().hex

    assert race(database, 8, lambda racer, _: money.ask(racer, 10_000, key)) == ["done"] * 8

    assert money.balances(conn) == {"available": 90_000, "in_payout": 10_000}


def test_what_buyers_get_back_meanwhile_is_not_paid_out(api: Client, database: Database, conn: Connection) -> None:
    """A refund after the release beside a payout may leave less than nothing, as one right after the payout would.

    No later payout adds to that.
    """
    money = Money(conn)
    event = factories.event(conn, organisation_id=money.organisation)

    def act(racer: Any, number: int) -> str:
        if number % 2:
            return money.ask(racer, 30_000)
        refund = [Transfer("refund", 10_000, event_id=event)]
        ledger.post_difference(racer, money.organisation, "NGN", new_id(), refund)
        return "refunded"

    outcomes = race(database, 8, act)

    paid = outcomes.count("done")
    assert 2 <= paid <= 3
    assert money.balances(conn)["in_payout"] == 30_000 * paid
    left = 100_000 - 40_000 - 30_000 * paid
    assert releases.get_payable(conn, money.organisation, "NGN") == max(0, left)
    assert money.ask(conn, 1) == "balance_too_low"
    assert deadlocks(conn) == 0


def test_of_two_admins_one_decides(api: Client, database: Database, conn: Connection) -> None:
    money = Money(conn)
    payout = factories.payout(conn, money.method, money.account)

    def act(racer: Any, number: int) -> str:
        decision = {"decision": "approve"} if number % 2 else {"decision": "reject", "reason": "No"}
        return money.decide(racer, payout, **decision)

    outcomes = race(database, 8, act)

    # To reject one that is approved is possible, but not the other way round.
    assert set(outcomes) <= {"done", "payout_decision_not_possible"}
    assert statuses(conn) == {"rejected": 1}
    assert money.balances(conn) == {"available": 100_000}
    assert deadlocks(conn) == 0


def test_a_method_that_is_removed_takes_no_approved_payout_with_it(
    api: Client, database: Database, conn: Connection
) -> None:
    money = Money(conn)
    payouts = [factories.payout(conn, money.method, money.account, amount=1_000) for _ in range(4)]

    def act(racer: Any, number: int) -> str:
        if number < 4:
            return money.decide(racer, payouts[number], decision="approve")
        return money.remove_method(racer) if number == 4 else money.ask(racer, 1_000)

    outcomes = race(database, 8, act)

    removed = outcomes[4] == "done"
    approved = statuses(conn).get("approved", 0)
    assert (approved == 0) if removed else (outcomes[4] == "payout_method_in_use" and approved)
    assert removed != (conn.execute("SELECT removed_at FROM payout_methods").fetchone() == (None,))
    assert deadlocks(conn) == 0
    check(conn)


def test_two_files_share_no_payout(api: Client, database: Database, conn: Connection) -> None:
    money = Money(conn)
    for _ in range(6):
        factories.payout(conn, money.method, money.account, amount=1_000, status="approved")
    request = PayoutFileRequest(format="csv", currency="NGN")
    caller = Caller(Who.ADMIN, money.admin)

    outcomes = race(
        database, 4, lambda racer, _: attempt(lambda: files.create_file(racer, caller, request, new_id().hex))
    )

    assert sorted(outcomes) == ["done"] + ["no_payouts_to_send"] * 3
    assert conn.execute("SELECT count(DISTINCT file_id), count(file_id) FROM payouts").fetchone() == (1, 6)
    assert deadlocks(conn) == 0


def test_killed_anywhere_a_repeat_with_the_key_ends_in_one_payout(
    api: Client, database: Database, conn: Connection
) -> None:
    kills = 0
    for round_trip in range(0, 90, 4):
        money, key = Money(conn), new_id().hex
        died = die_at(database, round_trip, lambda racer, m=money, k=key: m.ask(racer, 30_000, k))
        wait_for_rollbacks(conn)
        assert money.ask(conn, 30_000, key) == "done"
        assert money.balances(conn) == {"available": 70_000, "in_payout": 30_000}
        kills += died
        if not died:
            break
    check(conn)
    assert kills >= 8
