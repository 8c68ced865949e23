"""The accounts of the platform, as admins find them."""

from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.factories import NOW
from tests.helpers.support import Client, Database

PATH = "/v1/admin/accounts"


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True, email="root@example.com", name="Root")


def found(api: Client, admin: UUID, **query: object) -> list[str]:
    answer = api.get(PATH, account=admin, query=query)
    assert answer.status == 200, answer.body
    return [item["name"] for item in answer.json["items"]]


def test_an_account_is_shown_with_all_that_an_admin_decides_on(api: Client, conn: Connection, admin: UUID) -> None:
    account = factories.account(conn, email="ada@example.com", name="Ada", blocked_at=NOW, block_reason="Fraud")
    organisation = factories.organisation(conn, owner=account, name="Freedom Park")

    (item, *_) = api.get(PATH, account=admin).json["items"]

    moment = NOW.isoformat().replace("+00:00", "Z")
    assert item | {"created_at": ""} == {
        "id": str(account),
        "email": "ada@example.com",
        "email_verified_at": None,
        "name": "Ada",
        "phone": None,
        "phone_verified_at": None,
        "locale": None,
        "version": 1,
        "created_at": "",
        "status": "blocked",
        "blocked_at": moment,
        "block_reason": "Fraud",
        "is_admin": False,
        "memberships": [{"organisation_id": str(organisation), "name": "Freedom Park", "role": "owner"}],
    }


NAMES = {
    "Ada O'Hara-Smith": "ada_1@example.com",
    "بهار بی\u200cدرنگ": "bahar@example.com",
    "අමිලා පෙරේරා": "amila@example.com",
    "Donaudampfschifffahrt Käthe": "kaethe@example.com",
    "Adaeze 👩🏽\u200d🎤": "stage@example.com",
}
SEARCHES = [
    ("ada", ["Adaeze 👩🏽\u200d🎤", "Ada O'Hara-Smith"]),
    ("ADA o'har", ["Ada O'Hara-Smith"]),
    ("smi", ["Ada O'Hara-Smith"]),
    ("ada_1@", ["Ada O'Hara-Smith"]),
    ("_da_", []),
    ("adax", []),
    ("%", []),
    ("بی\u200cد", ["بهار بی\u200cدرنگ"]),
    ("පෙරේ", ["අමිලා පෙරේරා"]),
    ("käth", ["Donaudampfschifffahrt Käthe"]),
    ("kath", ["Donaudampfschifffahrt Käthe"]),
    ("a", ["අමිලා පෙරේරා", "Ada O'Hara-Smith"]),  # by their addresses; of a name, three letters are wanted
    ("stage@example.com", ["Adaeze 👩🏽\u200d🎤"]),
    ("'", []),
    ("\\", []),
    ("a & !b | (", []),
    (":*", []),
]


def test_a_search_finds_beginnings_of_addresses_and_of_words(
    api: Client, conn: Connection, admin: UUID, subtests: pytest.Subtests
) -> None:
    for name, email in NAMES.items():
        factories.account(conn, name=name, email=email)
    for text, names in SEARCHES:
        with subtests.test(text=text):
            assert found(api, admin, q=text) == names


def test_each_filter_finds_what_it_names(api: Client, conn: Connection, admin: UUID) -> None:
    factories.account(conn, name="Blocked", blocked_at=NOW)
    factories.account(conn, name="Erased", email=None, erased_at=NOW)
    factories.account(conn, name="Verified", email_verified_at=NOW)
    factories.account(conn, name="Phone", email=None, phone="+2348012345678", phone_verified_at=NOW)

    assert found(api, admin, status="active") == ["Phone", "Verified", "Root"]
    assert found(api, admin, status="blocked") == ["Blocked"]
    assert found(api, admin, status="erased") == ["Erased"]
    assert found(api, admin, verified="true") == ["Phone", "Verified"]
    assert found(api, admin, verified="false") == ["Erased", "Blocked", "Root"]
    assert found(api, admin, is_admin="true") == ["Root"]
    assert found(api, admin, is_admin="false", status="active") == ["Phone", "Verified"]
    assert found(api, admin, q="ver", verified="false") == []
    for query in ({"status": "lost"}, {"is_admin": "perhaps"}, {"q": ""}, {"q": "\0"}, {"cursor": "x"}):
        assert api.get(PATH, account=admin, query=query).status == 422, query


def test_pages_follow_each_other(api: Client, conn: Connection, admin: UUID) -> None:
    for number in range(4):
        factories.account(conn, name=f"Ada {number}")
    first = api.get(PATH, account=admin, query={"limit": 3, "q": "ada"}).json

    assert [item["name"] for item in first["items"]] == ["Ada 3", "Ada 2", "Ada 1"]
    assert found(api, admin, limit=3, q="ada", cursor=first["next_cursor"]) == ["Ada 0"]


def test_only_admins_find_accounts(api: Client, conn: Connection) -> None:
    assert api.get(PATH, account=factories.account(conn)).status == 403
    assert api.get(PATH).status == 401


MANY = """
    INSERT INTO accounts (id, email, name, email_verified_at, blocked_at, is_admin, created_at)
    SELECT uuidv7(), 'person' || n || '@example.com', 'Person' || n || ' Family' || n / 10,
        CASE WHEN n % 5000 <> 0 THEN now() END, CASE WHEN n % 6000 = 0 THEN now() END, n % 9000 = 0, now()
    FROM generate_series(1, 30000) AS n"""


def test_a_page_reads_little_more_than_it_shows(
    api: Client, conn: Connection, database: Database, admin: UUID, subtests: pytest.Subtests
) -> None:
    conn.execute(MANY)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE accounts, members")
    searches: list[tuple[dict[str, object], int]] = [
        ({}, 20),
        ({"status": "active"}, 20),
        ({"status": "blocked"}, 5),
        ({"status": "erased"}, 0),
        ({"verified": "false"}, 7),
        ({"is_admin": "true"}, 4),
        ({"q": "person1234"}, 11),
        ({"q": "family77"}, 20),
        ({"q": "p"}, 20),
        ({"q": "person"}, 20),
        ({"q": "f"}, 0),
        ({"q": "person2999", "status": "blocked"}, 0),
    ]
    for search, expected in searches:
        with subtests.test(search=search):
            rows = rows_read(conn)

            assert len(found(api, admin, **search)) == expected

            assert rows_read(conn) - rows <= 1500


def rows_read(conn: Connection) -> int:
    """Return how many rows of the table were read so far."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    row = conn.execute(
        "SELECT seq_tup_read::int + idx_tup_fetch::int FROM pg_stat_user_tables WHERE relname = 'accounts'"
    ).fetchone()
    assert row is not None
    return int(row[0])
