"""A process that dies while it writes an issue, or confirms a subscription, does all of it once in the end."""

import pytest

from boxoffice import auth, db
from boxoffice.accounts.errors import LinkOver
from boxoffice.auth import Who
from boxoffice.newsletter import sending, subscriptions
from tests.helpers import factories, invariants
from tests.helpers.newsletters import sender, write, written_to
from tests.helpers.racing import die_everywhere
from tests.helpers.support import Client, Database


def test_killed_anywhere_each_reader_gets_one_email(
    api: Client, database: Database, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation, owner = sender(conn)
    monkeypatch.setattr(sending, "_BATCH", 2)
    readers = [f"reader-{number}@example.com" for number in range(3)]
    for reader in readers:
        factories.subscription(conn, organisation, email=reader)
    factories.issue(conn, organisation, owner)

    assert len(list(die_everywhere(database, conn, write))) >= 8
    write(conn)

    assert written_to(conn) == readers
    assert conn.execute("SELECT recipients FROM newsletter_issues").fetchall() == [(3,)]
    invariants.check(conn)


def test_killed_anywhere_a_link_subscribes_once(api: Client, database: Database, conn: db.Connection) -> None:
    organisation, _ = sender(conn)
    link = factories.subscription_link_token(conn, organisation, "ada@example.com")

    def confirm(own: db.Connection) -> None:
        try:
            with own.transaction():
                subscriptions.confirm(own, auth.Caller(Who.PUBLIC), link)
        except LinkOver:
            assert own.execute("SELECT count(*) FROM newsletter_subscriptions").fetchone() == (1,)

    assert len(list(die_everywhere(database, conn, confirm))) >= 3
    confirm(conn)

    assert conn.execute("SELECT email FROM newsletter_subscriptions").fetchall() == [("ada@example.com",)]
