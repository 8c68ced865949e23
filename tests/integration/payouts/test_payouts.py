"""Owners ask for payouts, admins decide, and the books follow."""

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from psycopg import Connection

from boxoffice import rate_limit
from boxoffice.ids import new_id
from boxoffice.ledger import service as ledger
from boxoffice.ledger.models import Transfer
from tests.helpers import audit, factories
from tests.helpers.invariants import check
from tests.helpers.mailbox import letters_to
from tests.helpers.support import Answer, Client

IBAN = {"kind": "iban", "country": "DE", "currency": "EUR", "bank": "COBADEFFXXX", "number": "DE89370400440532013000"}
SENDER = {"payout_sender_name": "Böxoffice", "payout_sender_iban": "NL91ABNA0417164300"}
SENT = {"decision": "mark_sent", "bank_reference": "RF18539007547034", "value_date": "2026-12-01"}


class Payee:
    """An organisation with an owner, money and a payout method, beside two admins."""

    def __init__(self, api: Client, conn: Connection, **method: Any) -> None:
        self.api, self.conn = api, conn
        self.owner = factories.account(conn)
        self.organisation = factories.organisation(conn, owner=self.owner)
        self.admin, self.other_admin = (factories.account(conn, is_admin=True) for _ in range(2))
        self.method = factories.payout_method(conn, self.organisation, **method)
        factories.funds(conn, self.organisation, 100_000, method.get("currency", "NGN"))

    def ask(self, amount: int | None = None, *, key: str = "new", method: UUID | None = None) -> Answer:
        """Ask for a payout, by default of all."""
        body = {"method_id": str(method or self.method)} | ({} if amount is None else {"amount": amount})
        return self.api.post(f"/v1/organisations/{self.organisation}/payouts", body, account=self.owner, key=key)

    def decide(self, payout: object, by: UUID | None = None, **decision: Any) -> Answer:
        """Decide on a payout, as an admin."""
        return self.api.post(f"/v1/admin/payouts/{payout}/decision", decision, account=by or self.admin)

    def approved(self, amount: int | None = None) -> str:
        """Return a payout that an admin has approved."""
        payout = str(self.ask(amount).json["id"])
        assert self.decide(payout, decision="approve").status == 200
        return payout

    def balances(self) -> dict[str, int]:
        """Return the balances of the organisation's accounts, without where its money came from."""
        balances = ledger.list_balances(self.conn, self.organisation)
        return {each.account: each.amount for each in balances if each.account != "platform_income"}

    def told(self) -> list[str]:
        """Return the texts of the emails to the owner, oldest first."""
        (address,) = self.conn.execute("SELECT email FROM accounts WHERE id = %s", [self.owner]).fetchone() or ("",)
        return [letter.content.text for letter in letters_to(self.conn, address) if letter.content]

    def file(self, kind: str = "csv", currency: str = "NGN", key: str = "new") -> Answer:
        """Make a file for the bank."""
        body = {"format": kind, "currency": currency}
        return self.api.post("/v1/admin/payout-files", body, account=self.admin, key=key)

    def download(self, file: object) -> Answer:
        """Download a file for the bank."""
        return self.api.get(f"/v1/admin/payout-files/{file}", account=self.admin)


@pytest.fixture
def payee(api: Client, conn: Connection) -> Payee:
    return Payee(api, conn)


def test_a_payout_goes_its_way_and_the_books_follow(payee: Payee, conn: Connection) -> None:
    endpoint = factories.webhook_endpoint(conn, payee.organisation)
    payout = payee.ask(30_000).json
    assert (payout["status"], payout["amount"], payout["currency_exponent"]) == ("requested", 30_000, 2)
    assert payout["method"]["ending"] == "4579"
    assert payee.balances() == {"available": 70_000, "in_payout": 30_000}

    approved = payee.decide(payout["id"], decision="approve")
    assert (approved.json["status"], approved.json["decided_by"], approved.version) == ("approved", str(payee.admin), 2)
    assert payee.balances() == {"available": 70_000, "in_payout": 30_000}

    sent = payee.decide(payout["id"], **SENT).json
    assert (sent["status"], sent["bank_reference"], sent["value_date"]) == ("sent", "RF18539007547034", "2026-12-01")
    assert payee.balances() == {"available": 70_000, "bank": 30_000}

    returned = payee.decide(payout["id"], decision="return", reason="Account closed").json
    assert (returned["status"], returned["reason"]) == ("returned", "Account closed")
    assert payee.balances() == {"available": 100_000}

    types = conn.execute("SELECT type FROM webhook_deliveries WHERE endpoint_id = %s ORDER BY id", [endpoint])
    assert [kind for (kind,) in types] == ["payout.requested", "payout.approved", "payout.sent", "payout.returned"]
    assert [entry.action for entry in audit.entries(conn)] == ["request_payout"] + ["decide_payout"] * 3
    check(conn)


def test_each_step_is_told_to_the_owners(payee: Payee) -> None:
    rejected, sent = (payee.ask(10_000).json["id"] for _ in range(2))
    texts = payee.told()
    assert all("NGN\N{NO-BREAK SPACE}100.00" in text and "4579" in text for text in texts)
    payee.decide(rejected, decision="reject", reason="Die Überweisung wartet auf Unterlagen.")
    payee.decide(sent, decision="approve")
    payee.decide(sent, **SENT)

    last = payee.told()[-2:]
    assert "Die Überweisung wartet auf Unterlagen." in last[0]
    assert "RF18539007547034" in last[1]


def test_all_is_what_can_be_paid_out(payee: Payee, conn: Connection) -> None:
    factories.funds(conn, payee.organisation, 5_000, "EUR")
    assert payee.ask().json["amount"] == 100_000
    nothing = payee.ask()
    assert (nothing.status, nothing.code, nothing.json["payable"]) == (409, "balance_too_low", 0)


def test_what_is_due_is_released_first_and_what_is_not_waits(payee: Payee, conn: Connection) -> None:
    over = factories.NOW - timedelta(days=10)
    ended = factories.event(conn, organisation_id=payee.organisation, starts_at=over, ends_at=over + timedelta(hours=4))
    to_come = factories.event(conn, organisation_id=payee.organisation)
    for event in (ended, to_come):
        sale = [Transfer("receipt", 50_000), Transfer("sale", 50_000, event_id=event)]
        fee = Transfer("platform_fee", 1_250, event_id=event)
        ledger.post_difference(payee.conn, payee.organisation, "NGN", new_id(), [*sale, fee])  # type: ignore[arg-type]

    assert payee.ask().json["amount"] == 100_000 + 50_000 - 1_250
    assert payee.balances()["pending"] == 50_000 - 1_250


def test_never_more_than_there_is_and_never_less_than_the_minimum(payee: Payee, conn: Connection) -> None:
    factories.platform_setting(conn, payout_minimums={"NGN": 2_000})
    too_much, too_little = payee.ask(100_001), payee.ask(1_999)
    assert (too_much.code, too_much.json["payable"]) == ("balance_too_low", 100_000)
    assert (too_little.status, too_little.code, too_little.json["minimum"]) == (409, "payout_too_small", 2_000)
    assert payee.ask(2_000).status == 201


def test_a_new_method_waits(payee: Payee, conn: Connection) -> None:
    fresh = factories.payout_method(
        conn, payee.organisation, created_at=factories.NOW, usable_from=factories.NOW + timedelta(hours=48)
    )
    answer = payee.ask(1_000, method=fresh)
    assert (answer.status, answer.code) == (409, "payout_method_waits")
    conn.execute("UPDATE payout_methods SET created_at = now() - interval '3 days', usable_from = now()")
    assert payee.ask(1_000, method=fresh).status == 201


def test_the_method_is_the_organisations_own_and_in_use(payee: Payee, conn: Connection) -> None:
    of_another = factories.payout_method(conn, factories.organisation(conn))
    assert payee.ask(1_000, method=of_another).status == 404
    conn.execute("UPDATE payout_methods SET removed_at = now(), account = NULL, key_id = NULL")
    assert payee.ask(1_000).status == 404


def test_who_is_suspended_is_not_paid(payee: Payee, conn: Connection) -> None:
    payout, approved = payee.ask(1_000).json["id"], payee.approved(2_000)
    suspend = "UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'"
    conn.execute(suspend)
    assert (payee.ask(1_000).code, payee.decide(payout, decision="approve").code) == ("payouts_stopped",) * 2
    assert payee.file().code == "no_payouts_to_send"
    assert payee.decide(approved, decision="reject", reason="Fraud").json["status"] == "rejected"


def test_a_repeat_has_one_effect(payee: Payee) -> None:
    first, again = (payee.ask(30_000, key="once") for _ in range(2))
    assert again.json == first.json
    assert again.headers["idempotent-replayed"] == "true"
    assert payee.balances() == {"available": 70_000, "in_payout": 30_000}
    other = payee.ask(20_000, key="once")
    assert (other.status, other.code) == (422, "idempotency_key_reused")


def test_an_organisation_asks_for_fifty_a_day(payee: Payee, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "PAYOUTS", 1)
    assert payee.ask(1, key="first").status == 201

    answer = payee.ask(1)

    assert (answer.status, answer.code) == (429, "too_many_requests")
    assert payee.balances() == {"available": 99_999, "in_payout": 1}
    assert payee.ask(1, key="first").status == 201, "a repeat counts no second time"


def test_nobody_approves_their_own_if_there_is_another_admin(payee: Payee, conn: Connection) -> None:
    conn.execute("UPDATE accounts SET is_admin = true WHERE id = %s", [payee.owner])
    payout = payee.ask(1_000).json["id"]

    answer = payee.decide(payout, payee.owner, decision="approve")
    assert (answer.status, answer.code) == (409, "own_payout")
    conn.execute("UPDATE accounts SET blocked_at = now() WHERE id = ANY(%s)", [[payee.admin, payee.other_admin]])
    assert payee.decide(payout, payee.owner, decision="approve").status == 200


def test_no_member_approves_if_there_is_an_admin_who_is_none(payee: Payee, conn: Connection) -> None:
    conn.execute("UPDATE accounts SET is_admin = true WHERE id = %s", [payee.owner])
    partner = factories.member(conn, payee.organisation, "owner")
    conn.execute("UPDATE accounts SET is_admin = true WHERE id = %s", [partner])
    payout = payee.ask(1_000).json["id"]

    assert payee.decide(payout, partner, decision="approve").code == "own_payout"
    conn.execute("UPDATE accounts SET blocked_at = now() WHERE id = ANY(%s)", [[payee.admin, payee.other_admin]])
    assert payee.decide(payout, payee.owner, decision="approve").code == "own_payout"
    assert payee.decide(payout, partner, decision="approve").status == 200


def test_to_repeat_a_decision_changes_nothing(payee: Payee, conn: Connection) -> None:
    payout = payee.approved(1_000)
    again = payee.decide(payout, payee.other_admin, decision="approve")
    assert (again.status, again.json["decided_by"]) == (200, str(payee.admin))
    payee.decide(payout, **SENT)
    assert payee.decide(payout, **SENT).version == 3
    other = payee.decide(payout, **SENT | {"bank_reference": "RF2"})
    assert (other.status, other.code, other.json["decisions"]) == (409, "payout_decision_not_possible", ["return"])
    assert len(audit.entries(conn)) == 3


def test_a_decision_has_what_it_takes_and_no_more(payee: Payee) -> None:
    payout = payee.ask(1_000).json["id"]
    wrong: list[dict[str, str]] = [
        {"decision": "reject"},
        {"decision": "approve", "reason": "why not"},
        {"decision": "mark_sent", "bank_reference": "RF1"},
        {"decision": "return"},
        {"decision": "reject", "reason": "\u200b"},
        {"decision": "pay"},
    ]
    for decision in wrong:
        assert payee.decide(payout, **decision).code == "invalid", decision
    stale = payee.api.post(
        f"/v1/admin/payouts/{payout}/decision",
        {"decision": "approve"},
        account=payee.admin,
        headers={"If-Match": '"7"'},
    )
    assert (stale.status, stale.code) == (412, "stale_version")
    assert payee.decide(payee.organisation, decision="approve").status == 404


def test_admins_list_the_payouts_of_all(api: Client, conn: Connection, payee: Payee) -> None:
    other = Payee(api, conn)
    first, second = payee.ask(1_000).json["id"], other.ask(2_000).json["id"]
    payee.decide(first, decision="approve")

    def ids(**query: Any) -> list[str]:
        answer = api.get("/v1/admin/payouts", account=payee.admin, query=query)
        return [each["id"] for each in answer.json["items"]]

    assert ids() == [second, first]
    assert (ids(status="requested"), ids(status="approved"), ids(status="sent")) == ([second], [first], [])
    page = api.get("/v1/admin/payouts", account=payee.admin, query={"limit": 1}).json
    assert ids(limit=1, cursor=page["next_cursor"]) == [first]
    own = api.get(f"/v1/organisations/{payee.organisation}/payouts", account=payee.owner).json["items"]
    assert [each["id"] for each in own] == [first]


def test_a_payout_stands_in_one_file(payee: Payee, conn: Connection) -> None:
    payee.ask(500)
    payouts = {payee.approved(1_000), payee.approved(2_000)}

    file = payee.file(key="file")
    assert (file.status, file.json["payouts"], file.json["total"]) == (201, 2, 3_000)
    assert payee.file(key="file").json == file.json
    reused = payee.file(currency="EUR", key="file")
    assert (reused.status, reused.code) == (422, "idempotency_key_reused")
    nothing = payee.file()
    assert (nothing.status, nothing.code) == (409, "no_payouts_to_send")

    for _ in range(2):
        content = payee.download(file.json["id"])
        rows = list(csv.DictReader(io.StringIO(content.body.decode("utf-8-sig"))))
        assert {row["payout"] for row in rows} == payouts
        accounts = {(row["account"], row["bank"], row["holder"]) for row in rows}
        assert accounts == {("0000014579", "011", "Freedom Park Ltd")}
        assert sorted(row["amount"] for row in rows) == ["10.00", "20.00"]
    for payout in payouts:
        payee.decide(payout, **SENT)
    over = payee.download(file.json["id"])
    assert (over.status, over.code) == (409, "payout_file_over")
    assert payee.download(payee.method).status == 404
    actions = [entry.action for entry in audit.entries(conn)]
    assert (actions.count("create_payout_file"), actions.count("get_payout_file")) == (1, 2)


def test_a_sepa_file_has_euros_to_ibans(api: Client, conn: Connection) -> None:
    payee = Payee(api, conn, **IBAN)
    local = factories.payout_method(conn, payee.organisation, currency="EUR")
    factories.payout(conn, local, payee.owner, status="approved")
    payout = payee.approved(12_345)
    unknown = payee.file("pain.001", "EUR")
    assert (unknown.status, unknown.code) == (409, "payout_sender_unknown")
    assert payee.file("pain.001", "NGN").code == "invalid"
    factories.platform_setting(conn, **SENDER)

    file = payee.file("pain.001", "EUR").json
    answer = payee.download(file["id"])

    assert answer.headers["content-type"].startswith("application/xml")
    assert f"payouts-{file['id']}.xml" in answer.headers["content-disposition"]
    texts = {each.tag.partition("}")[2]: each.text for each in ElementTree.fromstring(answer.body).iter()}
    assert (texts["InstdAmt"], texts["NbOfTxs"], texts["EndToEndId"]) == ("123.45", "1", UUID(payout).hex)
    assert b"<IBAN>NL91ABNA0417164300</IBAN>" in answer.body
    assert b"<IBAN>DE89370400440532013000</IBAN>" in answer.body
    conn.execute("DELETE FROM platform_settings")
    factories.platform_setting(conn)
    assert payee.download(file["id"]).code == "payout_sender_unknown"


def test_the_settings_take_ibans_and_currencies_alone(api: Client, conn: Connection) -> None:
    admin = factories.account(conn, is_admin=True)
    put = api.put("/v1/admin/settings", {**SENDER, "payout_minimums": {"EUR": 100}}, account=admin)
    assert put.json["values"].items() >= {**SENDER, "payout_minimums": {"EUR": 100}}.items()
    for wrong in ({"payout_sender_iban": "NL92ABNA0417164300"}, {"payout_minimums": {"EURO": 1}}):
        assert api.put("/v1/admin/settings", wrong, account=admin).code == "invalid"
    for wrong in ({"payout_minimums": {"EUR": 0}}, {"payout_sender_name": "\u200b"}):
        assert api.put("/v1/admin/settings", wrong, account=admin).code == "invalid"


def test_an_account_that_was_tampered_with_stops_its_file(payee: Payee, conn: Connection) -> None:
    payout = payee.approved(1_000)
    file = payee.file().json["id"]
    other = factories.payout_method(conn, factories.organisation(conn), number="0000000220")
    conn.execute(
        "UPDATE payout_methods SET account = (SELECT account FROM payout_methods WHERE id = %s) WHERE id = %s",
        [other, payee.method],
    )

    answer = payee.download(file)

    assert (answer.status, answer.code) == (409, "payout_account_unreadable")
    assert answer.json["payout_id"] == payout
    assert b"0000000220" not in answer.body
