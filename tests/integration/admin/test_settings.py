"""The settings that admins change while the platform runs."""

import time
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from boxoffice import config, platform_settings
from boxoffice.admin import settings
from boxoffice.auth import Caller, Who
from boxoffice.errors import StaleVersion
from boxoffice.platform_settings import PlatformFee, PlatformSettings
from tests.helpers import audit, factories
from tests.helpers.racing import die_everywhere, race
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client, Database

PATH = "/v1/admin/settings"


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True)


def put(api: Client, admin: UUID, values: dict[str, Any], **options: Any) -> Answer:
    return api.put(PATH, values, account=admin, **options)


def stored(conn: Connection) -> dict[str, Any]:
    return dict(conn.execute("SELECT name, value FROM platform_settings").fetchall())


def test_they_are_shown_with_their_defaults(api: Client, conn: Connection, admin: UUID) -> None:
    conn.execute("INSERT INTO platform_settings VALUES ('sms_per_day', '7')")

    answer = api.get(PATH, account=admin)

    assert (answer.status, answer.version, answer.json["version"]) == (200, 1, 1)
    assert answer.json["values"] == answer.json["defaults"] | {"sms_per_day": 7}
    assert answer.json["defaults"]["sms_countries"] == []


def test_every_setting_has_a_description_and_a_default() -> None:
    fields = PlatformSettings.model_fields

    assert [name for name, field in fields.items() if not field.description or field.is_required()] == []


def test_a_change_holds_at_once_where_it_is_made(api: Client, conn: Connection, admin: UUID) -> None:
    assert platform_settings.current(conn).sms_per_day == 500

    answer = put(api, admin, {"sms_per_day": 7, "sms_countries": ["US", "NG"]})

    assert (answer.status, answer.version, answer.json["version"]) == (200, 2, 2)
    assert (answer.json["values"]["sms_per_day"], answer.json["values"]["sms_countries"]) == (7, ["NG", "US"])
    assert platform_settings.current(conn).sms_per_day == 7
    entry = audit.only_entry(conn)
    assert (entry.chain, entry.actor, entry.action) == (UUID(int=0), admin, "update_settings")
    assert entry.details == {
        "before": {"sms_per_day": 500, "sms_countries": []},
        "after": {"sms_per_day": 7, "sms_countries": ["NG", "US"]},
    }


def test_elsewhere_it_holds_after_ten_seconds(api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    assert platform_settings.current(conn).sms_per_day == 500
    conn.execute("INSERT INTO platform_settings VALUES ('sms_per_day', '7')")
    now = time.monotonic()

    monkeypatch.setattr(time, "monotonic", lambda: now + 9)
    cached = platform_settings.current(conn).sms_per_day
    monkeypatch.setattr(time, "monotonic", lambda: now + 11)

    assert (cached, platform_settings.current(conn).sms_per_day) == (500, 7)


def test_what_is_left_out_has_its_default_again(api: Client, conn: Connection, admin: UUID) -> None:
    put(api, admin, {"sms_per_day": 7, "sms_to_country_per_day": 8})

    put(api, admin, {"sms_per_day": 9})

    assert stored(conn) == {"sms_per_day": 9}, "and what is as by default is not stored"


def test_the_same_again_changes_nothing(api: Client, conn: Connection, admin: UUID) -> None:
    first = put(api, admin, {"sms_per_day": 7})
    with unchanged(conn):
        again = put(api, admin, {"sms_per_day": 7})

    assert (again.status, again.json, again.version) == (200, first.json, 2)


@pytest.mark.parametrize(
    "values",
    [
        {"sms_per_day": -1},
        {"sms_per_day": "many"},
        {"sms_per_day": None},
        {"sms_per_day": 10**9},
        {"sms_countries": ["XX"]},
        {"sms_countries": "NG"},
        {"verify_emails": "perhaps"},
        {"hold_minutes": 15},
    ],
)
def test_what_is_unknown_or_out_of_bounds_is_refused(
    api: Client, conn: Connection, admin: UUID, values: dict[str, Any]
) -> None:
    with unchanged(conn):
        refused = put(api, admin, values)

    assert (refused.status, refused.code) == (422, "invalid")


def test_an_edit_of_an_old_version_is_refused(api: Client, conn: Connection, admin: UUID) -> None:
    put(api, admin, {"sms_per_day": 7})

    assert put(api, admin, {"sms_per_day": 8}, headers={"If-Match": '"1"'}).status == 412
    assert put(api, admin, {"sms_per_day": 8}, headers={"If-Match": '"2"'}).status == 200


def test_only_admins_see_and_change_them(api: Client, conn: Connection) -> None:
    account = factories.account(conn)

    assert [api.get(PATH, account=account).status, put(api, account, {}).status, api.get(PATH).status] == [
        403,
        403,
        401,
    ]


def test_parameters_of_the_deployment_are_defaults(
    api: Client, conn: Connection, admin: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTO_APPROVE_ORGANISATIONS", "false")
    monkeypatch.setenv("BLOCK_DISPUTED_TICKETS", "true")
    config.settings.cache_clear()

    defaults = api.get(PATH, account=admin).json["defaults"]
    assert (defaults["auto_approve_organisations"], defaults["block_disputed_tickets"]) == (False, True)
    assert apply(api, conn) == "pending"
    put(api, admin, {"auto_approve_organisations": True})
    assert apply(api, conn) == "approved"


def apply(api: Client, conn: Connection) -> str:
    answer = api.post("/v1/organisations", {"name": "Freedom Park"}, account=factories.account(conn))
    return str(answer.json["status"])


def test_what_another_release_has_stored_counts_as_not_set(
    api: Client, conn: Connection, admin: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in {"from_the_future": 1, "sms_per_day": -5, "sms_to_country_per_day": 8}.items():
        conn.execute("INSERT INTO platform_settings VALUES (%s, %s)", [name, Jsonb(value)])

    values = api.get(PATH, account=admin).json["values"]

    assert (values["sms_per_day"], values["sms_to_country_per_day"]) == (500, 8)
    assert "stored settings are not valid" in caplog.text


def test_of_racing_changes_of_one_version_one_wins(
    api: Client, conn: Connection, database: Database, admin: UUID
) -> None:
    def change(racer: Connection, number: int) -> bool:
        try:
            with racer.transaction():
                settings.update_settings(racer, Caller(Who.ADMIN, admin), PlatformSettings(sms_per_day=number), 1)
        except StaleVersion:
            return False
        return True

    won = race(database, 6, change)

    assert won.count(True) == 1
    assert stored(conn) == {"sms_per_day": won.index(True)}
    assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (1,)


def test_a_change_is_made_wholly_or_not_at_all(api: Client, conn: Connection, database: Database, admin: UUID) -> None:
    new = PlatformSettings(sms_per_day=7, platform_fees={"NGN": PlatformFee(fixed=1)})

    def change(child: psycopg.Connection) -> None:
        with child.transaction():
            settings.update_settings(child, Caller(Who.ADMIN, admin), new, None)

    for _ in die_everywhere(database, conn, change):
        (version,) = conn.execute("SELECT version FROM platform_settings_version").fetchone() or ()
        entries = conn.execute("SELECT count(*) FROM audit_log").fetchone()
        assert (version == 2, entries) == (stored(conn).keys() == {"sms_per_day", "platform_fees"}, (version - 1,))
    assert stored(conn)["sms_per_day"] == 7
    assert conn.execute("SELECT fixed FROM fee_terms").fetchall() == [(1,)]
