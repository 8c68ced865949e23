"""Readers who confirm and unsubscribe at once, and racing runs that write an issue to them."""

import pytest
from psycopg import Connection

from boxoffice import auth, db
from boxoffice.auth import Who
from boxoffice.guest_tokens import subscription_token
from boxoffice.newsletter import sending, subscriptions
from tests.helpers import factories, invariants
from tests.helpers.newsletters import sender, write, written_to
from tests.helpers.racing import race
from tests.helpers.support import Client, Database

ANYBODY = auth.Caller(Who.PUBLIC)


def test_a_mailbox_has_one_row_however_it_comes_and_goes(api: Client, database: Database, conn: db.Connection) -> None:
    """Four open links of one address, while four end its subscription. Last of all it confirms."""
    organisation, _ = sender(conn)
    email = "ada@example.com"
    token = subscription_token(factories.subscription(conn, organisation, email=email))
    links = [[factories.subscription_link_token(conn, organisation, email) for _ in range(10)] for _ in range(4)]

    def act(own: Connection, number: int) -> None:
        assert isinstance(own, db.Connection)
        for turn in range(10):
            with own.transaction():
                if number < 4:
                    confirmed = subscriptions.confirm(own, ANYBODY, links[number][turn])
                    assert confirmed.unsubscribe_token == token
                else:
                    subscriptions.end(own, ANYBODY, token)

    race(database, 8, act)

    assert conn.execute("SELECT count(*) FROM newsletter_subscriptions").fetchone() == (1,)
    subscriptions.confirm(conn, ANYBODY, factories.subscription_link_token(conn, organisation, email))
    assert conn.execute("SELECT email FROM newsletter_subscriptions").fetchall() == [(email,)]


def test_racing_runs_write_one_email_to_each_reader(
    api: Client, database: Database, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation, owner = sender(conn)
    monkeypatch.setattr(sending, "_BATCH", 2)
    readers = [f"reader-{number}@example.com" for number in range(7)]
    rows = [factories.subscription(conn, organisation, email=reader) for reader in readers]
    issue = factories.issue(conn, organisation, owner)

    def act(own: Connection, number: int) -> None:
        assert isinstance(own, db.Connection)
        for _ in range(8):
            if number < 4:
                write(own)
            elif number == 4:
                sending.tally(own, issue)
            else:
                with own.transaction():
                    subscriptions.end(own, ANYBODY, subscription_token(rows[0]))

    race(database, 6, act)
    write(conn)

    written = written_to(conn)
    assert written in (readers, readers[1:])  # the first may have gone before or after
    query = "SELECT recipients, finished_at IS NOT NULL FROM newsletter_issues"
    assert conn.execute(query).fetchall() == [(len(written), True)]
    invariants.check(conn)
