"""Owners add the accounts that their organisation is paid out to, see their ends, and remove them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.encryption import Encrypted
from boxoffice.payouts import methods
from boxoffice.payouts.rules import MOST_METHODS
from tests.helpers import audit, factories
from tests.helpers.invariants import check
from tests.helpers.mailbox import letters_to
from tests.helpers.support import Answer, Client

IBAN = {"kind": "iban", "iban": "DE89 3704 0044 0532 0130 00"}  # of the registry of IBANs
NUBAN = {"kind": "bank_account", "country": "NG", "bank_code": "011", "account_number": "0000014579"}
WALLET = {"kind": "mobile_money", "country": "UG", "provider": "mtn", "phone": "+256772123456"}
SECRETS = ("DE89370400440532013000", "0000014579", "256772123456", "0532 0130", "772123")


@pytest.fixture
def owner(conn: Connection, organisation: UUID) -> UUID:
    return factories.member(conn, organisation, "owner")


def add(
    api: Client, owner: UUID, organisation: UUID, account: object, currency: str = "EUR", holder: str = "Ada Ltd"
) -> Answer:
    body = {"account": account, "holder": holder, "currency": currency}
    return api.post(f"/v1/organisations/{organisation}/payout-methods", body, account=owner)


def listed(api: Client, owner: UUID, organisation: UUID) -> Any:
    return api.get(f"/v1/organisations/{organisation}/payout-methods", account=owner).json["items"]


def remove(api: Client, owner: UUID, organisation: UUID, method: object) -> Answer:
    return api.delete(f"/v1/organisations/{organisation}/payout-methods/{method}", account=owner)


@pytest.mark.parametrize(
    ("account", "currency", "shown"),
    [
        (IBAN, "EUR", {"kind": "iban", "country": "DE", "bank": "COBADEFFXXX", "ending": "3000"}),
        (NUBAN, "NGN", {"kind": "bank_account", "country": "NG", "bank": "011", "ending": "4579"}),
        (
            NUBAN | {"bank_code": "0-1 1", "account_number": "0000 014579"},
            "USD",
            {"kind": "bank_account", "country": "NG", "bank": "011", "ending": "4579"},
        ),
        (
            {"kind": "bank_account", "country": "US", "bank_code": "021000021", "account_number": "9182"},
            "USD",
            {"kind": "bank_account", "country": "US", "bank": "021000021", "ending": "82"},
        ),
        (WALLET, "UGX", {"kind": "mobile_money", "country": "UG", "bank": "mtn", "ending": "3456"}),
    ],
)
def test_only_the_end_of_a_number_is_shown_and_nothing_else_has_it(
    api: Client,
    conn: Connection,
    owner: UUID,
    organisation: UUID,
    account: dict[str, str],
    currency: str,
    shown: dict[str, str],
) -> None:
    answer = add(api, owner, organisation, account, currency)

    assert answer.status == 201, answer.body
    method = answer.json
    assert method.items() >= {**shown, "currency": currency, "holder": "Ada Ltd", "created_by": str(owner)}.items()
    assert listed(api, owner, organisation) == [method]
    wait = datetime.fromisoformat(method["usable_from"]) - datetime.fromisoformat(method["created_at"])
    assert wait == timedelta(hours=48)
    tables = ("payout_methods", "outbox", "audit_log", "audit_values", "webhook_deliveries")
    stored = [row for table in tables for (row,) in conn.execute(f"SELECT t::text FROM {table} AS t")]
    assert [row for row in [*stored, answer.body.decode()] for secret in SECRETS if secret in row] == []


def test_each_owner_is_told_who_has_added_what(api: Client, conn: Connection, owner: UUID, organisation: UUID) -> None:
    conn.execute("UPDATE accounts SET name = 'Bola' WHERE id = %s", [owner])
    other = factories.member(conn, organisation, "owner")
    factories.member(conn, organisation, "manager")
    add(api, owner, organisation, NUBAN, "NGN", "آدا")

    addresses = [row[0] for row in conn.execute("SELECT email FROM accounts WHERE id = ANY(%s)", [[owner, other]])]
    assert conn.execute("SELECT count(*) FROM outbox WHERE template = 'payout_method_added'").fetchone() == (3,)
    for address in addresses:
        (letter,) = letters_to(conn, address)
        assert letter.content is not None
        for said in ("Bola has added", "آدا", "NG", "4579", "NGN", "UTC", "remove the payout method at once"):
            assert said in letter.content.text
        assert "01457" not in letter.content.text
    entry = audit.only_entry(conn)
    assert (entry.action, entry.actor, entry.chain) == ("add_payout_method", owner, organisation)
    assert entry.details == {"kind": "bank_account", "country": "NG", "currency": "NGN", "ending": "4579"}


def test_the_same_again_changes_nothing(api: Client, conn: Connection, owner: UUID, organisation: UUID) -> None:
    first = add(api, owner, organisation, IBAN)
    again = add(api, owner, organisation, IBAN | {"iban": "de89370400440532013000"})
    other_currency = add(api, owner, organisation, IBAN, "CHF")
    other_holder = add(api, owner, organisation, IBAN, holder="Bola Ltd")

    assert again.json == first.json
    ids = {first.json["id"], other_currency.json["id"], other_holder.json["id"]}
    assert {method["id"] for method in listed(api, owner, organisation)} == ids
    assert len(ids) == 3
    assert len(audit.entries(conn)) == 3


@pytest.mark.parametrize(
    ("change", "currency", "loc"),
    [
        ({"iban": "DE88370400440532013000"}, "EUR", ["body", "account", "iban"]),
        ({"iban": "DE89"}, "EUR", ["body", "account", "iban"]),
        ({"iban": "😀" * 20}, "EUR", ["body", "account", "iban"]),
        (NUBAN | {"account_number": "0000014578"}, "NGN", ["body", "account"]),
        (NUBAN | {"country": "DE"}, "EUR", ["body", "account", "country"]),
        (NUBAN | {"bank_code": "abc"}, "NGN", ["body", "account", "bank_code"]),
        (WALLET | {"provider": "mpesa"}, "UGX", ["body", "account"]),
        (WALLET | {"phone": "+254712345678"}, "UGX", ["body", "account"]),
        (WALLET | {"phone": "0772123456"}, "UGX", ["body", "account", "phone"]),
        (WALLET, "EUR", ["body"]),
        ({}, "XTS", ["body", "currency"]),
        ({"kind": "cash"}, "EUR", ["body", "account", "kind"]),
    ],
)
def test_what_cannot_be_right_is_refused(
    api: Client,
    conn: Connection,
    owner: UUID,
    organisation: UUID,
    change: dict[str, str],
    currency: str,
    loc: list[str],
) -> None:
    account = change if change.get("kind") in ("bank_account", "mobile_money") else IBAN | change

    answer = add(api, owner, organisation, account, currency)

    assert (answer.status, answer.code) == (422, "invalid")
    assert [error["loc"] for error in answer.json["errors"]] == [loc]
    assert listed(api, owner, organisation) == []


@pytest.mark.parametrize("holder", ["ශ්‍රී ලංකා සංගීතය", "آدا اوبی", "🎷 Ada", "Veranstaltungskartenverkaufsgesellschaft"])
def test_a_holder_is_called_as_they_write_it(api: Client, owner: UUID, organisation: UUID, holder: str) -> None:
    assert add(api, owner, organisation, IBAN, holder=holder).json["holder"] == holder


@pytest.mark.parametrize("holder", ["", "\u200b", "a\u0301" * 200, "www.example.com"])
def test_a_holder_is_a_name(api: Client, owner: UUID, organisation: UUID, holder: str) -> None:
    assert add(api, owner, organisation, IBAN, holder=holder).code == "invalid"


def test_an_organisation_has_ten_at_the_most(api: Client, conn: Connection, owner: UUID, organisation: UUID) -> None:
    for number in range(MOST_METHODS):
        factories.payout_method(conn, organisation, number=f"{number:010}")

    answer = add(api, owner, organisation, IBAN)
    assert (answer.status, answer.code, answer.json["most"]) == (409, "too_many_payout_methods", 10)
    remove(api, owner, organisation, listed(api, owner, organisation)[0]["id"])
    assert add(api, owner, organisation, IBAN).status == 201


def test_to_remove_one_erases_its_number_and_stops_what_waits(
    api: Client, conn: Connection, owner: UUID, organisation: UUID
) -> None:
    factories.funds(conn, organisation, 50_000)
    method = factories.payout_method(conn, organisation)
    payout = factories.payout(conn, method, owner)
    sent = factories.payout(conn, method, owner, status="sent")

    assert remove(api, owner, organisation, method).status == 204

    assert listed(api, owner, organisation) == []
    assert conn.execute("SELECT account, key_id, ending FROM payout_methods").fetchone() == (None, None, "4579")
    payouts = dict(conn.execute("SELECT id, status FROM payouts").fetchall())
    assert payouts == {payout: "rejected", sent: "sent"}
    shown = api.get(f"/v1/organisations/{organisation}/payouts", account=owner).json["items"]
    assert {each["reason"] for each in shown} == {None, "The payout method was removed."}
    assert remove(api, owner, organisation, method).status == 404
    check(conn)


def test_one_whose_payout_is_approved_stays(api: Client, conn: Connection, owner: UUID, organisation: UUID) -> None:
    factories.funds(conn, organisation, 50_000)
    method = factories.payout_method(conn, organisation)
    factories.payout(conn, method, owner)
    approved = factories.payout(conn, method, owner, status="approved")

    answer = remove(api, owner, organisation, method)

    assert (answer.status, answer.code, answer.json["payout_id"]) == (409, "payout_method_in_use", str(approved))
    assert dict(conn.execute("SELECT status, count(*) FROM payouts GROUP BY 1").fetchall()) == {
        "requested": 1,
        "approved": 1,
    }


def test_a_number_is_bound_to_its_organisation_and_its_row(conn: Connection, api: Client, organisation: UUID) -> None:
    other = factories.organisation(conn)
    method = factories.payout_method(conn, organisation)
    key_id, account = conn.execute("SELECT key_id, account FROM payout_methods").fetchone() or (0, b"")
    tampered = account[:-1] + bytes([account[-1] ^ 1])

    assert methods.decrypted(organisation, method, Encrypted(key_id, account)) == "0000014579"
    assert methods.decrypted(other, method, Encrypted(key_id, account)) is None
    assert methods.decrypted(organisation, other, Encrypted(key_id, account)) is None
    assert methods.decrypted(organisation, method, Encrypted(key_id, tampered)) is None
    assert methods.decrypted(organisation, method, Encrypted(key_id + 1, account)) is None
    assert b"0000014579" not in account
