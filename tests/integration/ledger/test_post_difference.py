"""Sources post to the ledger what is missing there."""

from uuid import UUID

import pytest

from boxoffice import db
from boxoffice.ids import new_id
from boxoffice.ledger import service
from boxoffice.ledger.kinds import KINDS
from boxoffice.ledger.models import Balance, Transfer

ORGANISATION, SOURCE, EVENT = new_id(), new_id(), new_id()
SALE = (Transfer("receipt", 100, provider="stripe"), Transfer("sale", 100, event_id=EVENT))


def post(conn: db.Connection, *transfers: Transfer, organisation: UUID = ORGANISATION, source: UUID = SOURCE) -> int:
    return service.post_difference(conn, organisation, "EUR", source, transfers)


def balances(conn: db.Connection) -> dict[str, int]:
    return {balance.account: balance.amount for balance in service.list_balances(conn, ORGANISATION)}


def test_what_is_new_is_posted_and_a_repeat_posts_nothing(conn: db.Connection) -> None:
    assert post(conn, *SALE) == 2
    assert post(conn, *SALE) == 0
    assert balances(conn) == {"at_provider": -100, "pending": 100}


def test_what_has_changed_is_posted_as_the_difference(conn: db.Connection) -> None:
    post(conn, *SALE)
    assert post(conn, *SALE, Transfer("refund", 30, event_id=EVENT)) == 1
    assert post(conn, *SALE, Transfer("refund", 20, event_id=EVENT)) == 1
    assert post(conn, *SALE) == 1
    rows = conn.execute(
        "SELECT kind, amount, posting_no FROM ledger_transfers WHERE posting_no > 1 ORDER BY posting_no"
    )
    assert rows.fetchall() == [("refund", 30, 2), ("refund", -10, 3), ("refund", -20, 4)]
    assert balances(conn) == {"at_provider": -100, "pending": 100}


def test_organisations_currencies_and_holders_have_books_of_their_own(conn: db.Connection) -> None:
    other = new_id()
    post(conn, *SALE)
    post(conn, *SALE, organisation=other, source=new_id())
    service.post_difference(conn, ORGANISATION, "NGN", new_id(), [Transfer("correction", 7)])
    post(conn, Transfer("sale", 5, holder="organisation", event_id=EVENT), source=new_id())
    assert service.list_balances(conn, ORGANISATION) == [
        Balance("EUR", "organisation", "pending", 5),
        Balance("EUR", "organisation", "received", -5),
        Balance("EUR", "platform", "at_provider", -100),
        Balance("EUR", "platform", "pending", 100),
        Balance("NGN", "platform", "available", 7),
        Balance("NGN", "platform", "platform_income", -7),
    ]


def test_the_schema_has_the_kinds_that_are_declared(conn: db.Connection) -> None:
    declared = {(name, kind.from_account, kind.to_account) for name, kind in KINDS.items()}
    assert set(conn.execute("SELECT kind, from_account, to_account FROM transfer_kinds()").fetchall()) == declared


@pytest.mark.parametrize("transfer", [("sale", None), ("payout", EVENT)])
def test_a_kind_says_if_it_names_an_event(transfer: tuple[str, UUID | None]) -> None:
    kind, event_id = transfer
    with pytest.raises(AssertionError, match="the event of a"):
        Transfer(kind, 1, event_id=event_id)
