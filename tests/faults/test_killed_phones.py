"""A process that dies at any round trip of a log-in by phone leaves nothing half done, and no code is used in vain."""

from psycopg import Connection

from boxoffice.accounts import phone_codes, proven_phones
from boxoffice.accounts.models import PhoneLogInRequest
from boxoffice.auth import Caller, Who
from tests.helpers import factories
from tests.helpers.racing import die_everywhere_afresh
from tests.helpers.support import Client, Database


def test_a_code_is_owed_together_with_its_message(api: Client, database: Database, conn: Connection) -> None:
    factories.phone_code(conn)  # reads the secrets, which the child cannot

    def make(_: Connection) -> object:
        phone = factories.phone()

        def act(child: Connection) -> None:
            with child.transaction():
                phone_codes.send(child, Caller(Who.PUBLIC), phone)

        return act

    for _ in die_everywhere_afresh(database, conn, make):
        codes = conn.execute("SELECT id::text FROM phone_codes ORDER BY 1").fetchall()
        owed = conn.execute("SELECT payload->>'code_id' FROM outbox ORDER BY 1").fetchall()
        assert codes == owed


def test_a_first_log_in_is_done_wholly_or_not_at_all(api: Client, database: Database, conn: Connection) -> None:
    asked = []

    def make(_: Connection) -> object:
        phone, code = factories.phone_code(conn)
        asked.append((phone, code))
        request = PhoneLogInRequest(phone=phone, code=code)
        return lambda child: proven_phones.log_in(child, Caller(Who.PUBLIC), request)

    kills = list(die_everywhere_afresh(database, conn, make))
    assert len(kills) > 8
    rows = conn.execute(
        """SELECT code.phone, code.used_at IS NOT NULL, accounts.id IS NOT NULL, count(sessions.id), count(token_hash)
        FROM phone_codes AS code LEFT JOIN accounts USING (phone) LEFT JOIN sessions ON account_id = accounts.id
            LEFT JOIN refresh_tokens ON session_id = sessions.id
        GROUP BY 1, 2, 3"""
    ).fetchall()
    assert {row[1:] for row in rows} == {(True, True, 1, 1), (False, False, 0, 0)}
    for phone, used, *_ in rows:
        if not used:
            code = dict(asked)[phone]
            assert proven_phones.log_in(conn, Caller(Who.PUBLIC), PhoneLogInRequest(phone=phone, code=code))
