"""POST /v1/organisations"""

import re
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import config
from tests.helpers import factories
from tests.helpers.audit import Entry, only_entry
from tests.helpers.support import Client


def test_the_caller_becomes_its_owner(api: Client, conn: Connection) -> None:
    account = factories.account(conn)

    answer = api.post("/v1/organisations", {"name": "  Freedom Park "}, account=account)

    assert answer.status == 201
    assert (answer.json["name"], answer.json["status"], answer.json["version"]) == ("Freedom Park", "approved", 1)
    assert answer.json["slug"] == "freedom-park"
    assert answer.version == 1
    assert api.get(f"/v1/organisations/{answer.json['id']}", account=account).json == answer.json
    assert api.get("/v1/me", account=account).json["memberships"] == [
        {"organisation_id": answer.json["id"], "name": "Freedom Park", "role": "owner"}
    ]


def test_the_second_of_a_name_has_a_slug_of_its_own(api: Client, conn: Connection) -> None:
    account = factories.account(conn)

    first, second = (api.post("/v1/organisations", {"name": "Freedom Park"}, account=account) for _ in range(2))

    assert first.json["slug"] == "freedom-park"
    assert re.fullmatch(r"freedom-park-[2-9b-z]{6}", second.json["slug"])


NAMES = {
    "تئاتر شهر تهران": "titr-shhr-thrn",
    "කොළඹ නාට්‍ය ශාලාව": "kolmb-naty-salav",
    "🎪 Zirkus": "circus-tent-zirkus",
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz": (
        "rindfleischetikettierungsuberwachungsaufgabenubertrag"
    ),
}


@pytest.mark.parametrize(("name", "slug"), [*NAMES.items()])
def test_a_name_in_any_script_is_kept_and_gives_a_slug(api: Client, conn: Connection, name: str, slug: str) -> None:
    answer = api.post("/v1/organisations", {"name": name}, account=factories.account(conn))

    assert (answer.json["name"], answer.json["slug"]) == (name, slug)


def test_an_account_applies_ten_times_in_a_quarter_of_an_hour(api: Client, conn: Connection) -> None:
    account = factories.account(conn)

    answers = [api.post("/v1/organisations", {"name": "Freedom Park"}, account=account) for _ in range(11)]

    assert [answer.status for answer in answers] == [201] * 10 + [429]
    assert api.post("/v1/organisations", {"name": "Ours"}, account=factories.account(conn)).status == 201


def test_it_is_pending_where_the_deployment_does_not_approve_at_once(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTO_APPROVE_ORGANISATIONS", "false")
    config.settings.cache_clear()

    answer = api.post("/v1/organisations", {"name": "Freedom Park"}, account=factories.account(conn))

    assert answer.json["status"] == "pending"


def test_it_is_the_first_entry_of_its_audit_log(api: Client, conn: Connection) -> None:
    account = factories.account(conn)

    organisation = UUID(api.post("/v1/organisations", {"name": "Freedom Park"}, account=account).json["id"])

    subject, facts = f"organisation {organisation}", {"name": "Freedom Park", "status": "approved"}
    assert only_entry(conn) == Entry(organisation, account, "create_organisation", subject, facts, "203.0.113.7")


def test_a_deleted_account_cannot_make_one(api: Client, conn: Connection) -> None:
    answer = api.post("/v1/organisations", {"name": "Freedom Park"}, account=uuid4())

    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert conn.execute("SELECT FROM organisations").fetchall() == []


OTHER_BODIES = [
    {},
    {"name": ""},
    {"name": "x" * 201},
    {"name": 7},
    {"name": "\n"},
    {"name": "A", "status": "approved"},
]


def test_invalid_bodies_are_refused(api: Client, conn: Connection) -> None:
    account = factories.account(conn)
    for body in OTHER_BODIES:
        assert api.post("/v1/organisations", body, account=account).status == 422, body


def test_only_accounts_can_make_one(api: Client) -> None:
    assert api.post("/v1/organisations", {"name": "Freedom Park"}).status == 401
