"""POST /v1/events/{event_id}/duplicate"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from boxoffice import rate_limit
from boxoffice.ids import new_id
from boxoffice.stock import service as stock
from tests.helpers import factories, invariants
from tests.helpers.factories import NOW
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client

WEEK = timedelta(days=7)
START = (NOW + timedelta(days=30)).replace(hour=18, minute=0)
SEATS = {"rows": [{"section": "Stalls", "row": row, "numbers": ["1", "2", None, "4"]} for row in "AB"]}


def duplicate(
    api: Client, manager: UUID | None, event: UUID, *starts: datetime, key: str = "new", **fields: Any
) -> Answer:
    body = {"starts_at": [start.isoformat() for start in starts], **fields}
    return api.post(f"/v1/events/{event}/duplicate", body, account=manager, key=key)


def rows(conn: Connection, table: str, column: str, value: Any) -> list[dict[str, Any]]:
    """Return the rows of a table that have this value in a column, in the order of their ids."""
    found = conn.execute(f"SELECT to_jsonb({table}) FROM {table} WHERE {column} = %s ORDER BY id", [value]).fetchall()
    return [row for (row,) in found]


def differences(copy: dict[str, Any], source: dict[str, Any]) -> set[str]:
    return {name for name in source if copy[name] != source[name]}


@pytest.fixture
def whole(api: Client, conn: Connection, organisation: UUID, manager: UUID) -> UUID:
    """An event with a value of its own in each column that there is, and so are its two ticket types."""
    event = factories.event(
        conn,
        organisation_id=organisation,
        title="Bläserkonzert 🎺",
        description="**Brass**",
        rating="12+",
        starts_at=START,
        ends_at=START + timedelta(hours=4),
        doors_open_at=START - timedelta(hours=1),
        image_url="https://example.com/brass.jpg",
        image_id=factories.upload(conn, organisation),
        image_alt="A trumpet",
        capacity_pool_id=stock.create_pool(conn, 90),
        late_payments_until=START - timedelta(days=5),
        late_payments_share=30,
        asks_challenge=True,
        confirm_free_orders=True,
        reminds_holders=False,
        waitlist_offer_minutes=90,
    )
    for number in (1, 2):
        factories.ticket_type(
            conn,
            event_id=event,
            description="At the back",
            price=700 * number,
            quantity=80,
            sales_start=START - timedelta(days=20),
            sales_end=START - timedelta(days=number),
            min_per_order=2,
            max_per_order=8,
            max_per_buyer=9,
            max_entries=3,
            ticket_mode="choice",
            attributes=Jsonb({"colour": "red"}),
            hidden=True,
        )
    types = rows(conn, "ticket_types", "event_id", event)
    gates = [{"name": "North", "ticket_type_ids": [types[0]["id"]]}, {"name": "South", "ticket_type_ids": None}]
    questions = [
        {"id": "diet", "kind": "text", "asked_of": "ticket", "label": "Diet?", "ticket_type_ids": [types[1]["id"]]}
    ]
    holders = {"name": "required", "email": "optional"}
    parts = {"gates": gates, "questions": questions, "holders": holders}
    assert api.patch(f"/v1/events/{event}", parts, account=manager).status == 200
    assert api.put(f"/v1/ticket-types/{types[1]['id']}/seats", SEATS, account=manager).status == 200
    return event


# What a copy of an event has of its own, and why.
OWN_OF_EVENTS = {
    *("id", "slug", "series_id", "status", "version", "created_at"),
    *("starts_at", "ends_at", "doors_open_at", "late_payments_until"),
    *("gates", "form", "capacity_pool_id"),
}
OWN_OF_TICKET_TYPES = {"id", "event_id", "pool_id", "sales_start", "sales_end", "version", "created_at"}
# What no event that can be copied has, or none that is still on sale.
UNSET = {"deleted_at", "cancelled_at", "cancelled_by", "cancel_reason", "cancellation_finished_at", "seated"}


def test_each_column_is_copied_or_has_a_reason(api: Client, conn: Connection, manager: UUID, whole: UUID) -> None:
    """A column that is new fails here, until this event has a value in it that is not the column's default."""
    defaults = _defaults(conn)
    (source,) = rows(conn, "events", "id", whole)
    types = rows(conn, "ticket_types", "event_id", whole)
    for table, row in (("events", {**source, "series_id": "set below"}), ("ticket_types", types[0])):
        unset = {name for name, value in row.items() if value in (None, defaults[table].get(name))}
        assert unset - UNSET - {"status", "version"} == set(), f"{table}: give the event another value than the default"

    answer = duplicate(api, manager, whole, START + WEEK)

    assert answer.status == 201, answer.body
    (item,) = answer.json["items"]
    (copy,) = rows(conn, "events", "id", item["id"])
    assert differences(copy, source) == OWN_OF_EVENTS
    copied = rows(conn, "ticket_types", "event_id", item["id"])
    assert [each["seated"] for each in copied] == [False, True]
    for ours, theirs in zip(copied, types, strict=True):
        assert differences(ours, theirs) - {"version"} == OWN_OF_TICKET_TYPES - {"version"}
    invariants.check(conn)


def _defaults(conn: Connection) -> dict[str, dict[str, Any]]:
    """Return the defaults of columns that are constants, as JSON."""
    found: dict[str, dict[str, Any]] = {"events": {}, "ticket_types": {}}
    for table, column, default in conn.execute(
        """SELECT table_name, column_name, column_default FROM information_schema.columns
        WHERE table_name IN ('events', 'ticket_types') AND column_default IS NOT NULL AND is_generated = 'NEVER'"""
    ).fetchall():
        (found[table][column],) = conn.execute(f"SELECT to_jsonb({default})").fetchone() or (None,)
    return found


def test_a_copy_is_a_draft_at_its_own_time(api: Client, conn: Connection, manager: UUID, whole: UUID) -> None:
    answer = duplicate(api, manager, whole, START + WEEK)

    (item,) = answer.json["items"]
    copy = api.get(f"/v1/events/{item['id']}", account=manager).json
    assert (copy["status"], copy["version"], copy["title"]) == ("draft", 1, "Bläserkonzert 🎺")
    times = {name: datetime.fromisoformat(copy[name]) for name in ("starts_at", "ends_at", "doors_open_at")}
    assert times == {  # Lagos has the same clock all year
        "starts_at": START + WEEK,
        "ends_at": START + WEEK + timedelta(hours=4),
        "doors_open_at": START + WEEK - timedelta(hours=1),
    }
    assert datetime.fromisoformat(copy["late_payments"]["until"]) == START + WEEK - timedelta(days=5)
    first, second = copy["ticket_types"]
    assert datetime.fromisoformat(first["sales_start"]) == START + WEEK - timedelta(days=20)
    assert datetime.fromisoformat(first["sales_end"]) == START + WEEK - timedelta(days=1)
    assert datetime.fromisoformat(second["sales_end"]) == START + WEEK - timedelta(days=2)
    assert copy["gates"] == [
        {"name": "North", "ticket_type_ids": [first["id"]]},
        {"name": "South", "ticket_type_ids": None},
    ]
    assert copy["holders"] == {"name": "required", "email": "optional"}
    (question,) = copy["questions"]
    assert (question["id"], question["ticket_type_ids"]) == ("diet", [second["id"]])
    assert (item["slug"], item["starts_at"]) == (copy["slug"], copy["starts_at"])
    assert copy["slug"] == f"blaserkonzert-trumpet-{START + WEEK:%Y-%m-%d}"


def test_a_copy_sells_its_own_stock_and_seats(api: Client, conn: Connection, manager: UUID, whole: UUID) -> None:
    conn.execute("UPDATE ticket_types SET hidden = false, sales_start = NULL")
    conn.execute("UPDATE events SET asks_challenge = false, form = NULL")
    standing, seated = (UUID(row["id"]) for row in rows(conn, "ticket_types", "event_id", whole))
    assert api.post("/v1/orders", factories.order_request(standing), key="new").status == 201
    (item,) = duplicate(api, manager, whole, START + WEEK).json["items"]

    published = api.post(f"/v1/events/{item['id']}/publish", account=manager).json

    assert published["capacity"] == 90
    assert [each["available"] for each in published["ticket_types"]] == [80, 6]
    copied = published["ticket_types"][1]["id"]
    maps = [api.get(f"/v1/ticket-types/{each}/seats").json["items"] for each in (seated, copied)]
    assert [row.pop("seat_ids") for row in maps[0]] != [row.pop("seat_ids") for row in maps[1]]
    assert maps[0] == maps[1]
    assert [(row["row"], row["numbers"], row["positions"], row["states"]) for row in maps[1]] == [
        ("A", ["1", "2", "4"], [1, 2, 4], "fff"),
        ("B", ["1", "2", "4"], [1, 2, 4], "fff"),
    ]
    assert api.post("/v1/orders", factories.order_request(UUID(copied)), key="new").status == 201
    assert invariants.left(conn, UUID(copied)) == (4, 2, 0)
    assert invariants.left(conn, seated) == (6, 0, 0)
    invariants.check(conn)


def test_an_event_and_its_copies_are_one_series(
    api: Client, conn: Connection, manager: UUID, organisation: UUID, event: UUID
) -> None:
    before = api.get(f"/v1/events/{event}").json
    conn.execute("UPDATE events SET starts_at = %s, ends_at = %s", [START, START + timedelta(hours=3)])

    first = duplicate(api, manager, event, START + 2 * WEEK, START + WEEK).json
    second = duplicate(api, manager, UUID(first["items"][0]["id"]), START + 3 * WEEK).json

    assert first["series_id"] == second["series_id"]
    starts = [datetime.fromisoformat(item["starts_at"]) for item in first["items"]]
    assert starts == [START + WEEK, START + 2 * WEEK], "in the order of the starts"
    query = {"series_id": first["series_id"], "organisation_id": organisation}
    listed = api.get("/v1/events", query=query, account=manager).json["items"]
    copies = [item["id"] for item in first["items"] + second["items"]]
    assert [each["id"] for each in listed] == [str(event), *copies]
    after = api.get(f"/v1/events/{event}").json
    assert (before["series_id"], after["series_id"]) == (None, first["series_id"])
    assert after["version"] == before["version"]


def test_a_hundred_dates_in_one_request(api: Client, conn: Connection, manager: UUID, whole: UUID) -> None:
    starts = [START + n * timedelta(days=1) for n in range(1, 101)]

    answer = duplicate(api, manager, whole, *starts, title="Brass 2030")

    assert answer.status == 201, answer.body
    items = answer.json["items"]
    assert [datetime.fromisoformat(item["starts_at"]) for item in items] == starts
    assert [item["slug"] for item in items] == [f"brass-2030-{start:%Y-%m-%d}" for start in starts]
    assert conn.execute("SELECT count(*) FROM events WHERE title = 'Brass 2030'").fetchone() == (100,)
    assert conn.execute("SELECT count(*) FROM ticket_types").fetchone() == (202,)
    assert conn.execute("SELECT count(*) FROM seats").fetchone() == (606,)
    invariants.check(conn)


def test_two_copies_on_one_day_have_different_slugs(api: Client, conn: Connection, manager: UUID, event: UUID) -> None:
    starts = [START + WEEK, START + WEEK + timedelta(hours=2)]

    slugs = [item["slug"] for item in duplicate(api, manager, event, *starts, title="Matinée").json["items"]]

    assert len({*slugs}) == 2
    assert all(slug.startswith(f"matinee-{START + WEEK:%Y-%m-%d}") for slug in slugs)


def test_a_repeat_copies_once(api: Client, conn: Connection, manager: UUID, event: UUID) -> None:
    first = duplicate(api, manager, event, START + WEEK, key="copy-it-once-please")
    with unchanged(conn):
        again = duplicate(api, manager, event, START + WEEK, key="copy-it-once-please")
        other = duplicate(api, manager, event, START + 2 * WEEK, key="copy-it-once-please")

    assert (again.status, again.json, again.headers["idempotent-replayed"]) == (201, first.json, "true")
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    (entry,) = conn.execute("SELECT subject, details FROM audit_log").fetchall()
    assert entry[0] == f"event {event}"
    assert entry[1]["copies"] == [item["id"] for item in first.json["items"]]


def test_nobody_fills_the_database_with_copies(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, event: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request of 100 bytes may write 250,000 rows, and whoever has signed up may draft events."""
    monkeypatch.setitem(rate_limit.MADE, "copies", 1)
    elsewhere = factories.event(conn, organisation_id=factories.organisation(conn, owner=manager))
    colleague = factories.member(conn, organisation, "manager")
    made = duplicate(api, manager, event, START + WEEK, key="copy-it-once-please")
    assert (made.status, made.headers["ratelimit-remaining"]) == (201, "0")

    with unchanged(conn):
        refused = duplicate(api, manager, event, START + 2 * WEEK)
        assert (refused.status, refused.code) == (429, "too_many_requests")
        assert duplicate(api, colleague, event, START + 2 * WEEK).status == 429, "the organisation has made enough"
        assert duplicate(api, manager, elsewhere, START + WEEK).status == 429, "so has the account"
        assert duplicate(api, manager, event, START + WEEK, key="copy-it-once-please").json == made.json


@pytest.mark.parametrize("status", ["draft", "cancelled"])
def test_a_draft_and_a_cancelled_event_can_be_copied(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, status: str
) -> None:
    event = factories.event(conn, organisation_id=organisation, status=status)

    (item,) = duplicate(api, manager, event, START + WEEK).json["items"]

    assert api.get(f"/v1/events/{item['id']}", account=manager).json["status"] == "draft"


def test_vouchers_and_what_is_deleted_stay_behind(api: Client, conn: Connection, manager: UUID, event: UUID) -> None:
    factories.voucher(conn, event)
    factories.ticket_type(conn, event_id=event, deleted_at="now")

    (item,) = duplicate(api, manager, event, START + WEEK).json["items"]

    assert api.get(f"/v1/events/{item['id']}", account=manager).json["ticket_types"] == []
    assert api.get(f"/v1/events/{item['id']}/vouchers", account=manager).json["items"] == []


def test_all_copies_are_made_or_none(api: Client, conn: Connection, manager: UUID, event: UUID) -> None:
    with unchanged(conn):
        refused = duplicate(api, manager, event, START + WEEK, datetime(2020, 1, 1, tzinfo=UTC))

    assert (refused.status, refused.code) == (422, "ends_in_the_past")
    assert "for a copy a later `starts_at`" in refused.json["detail"]


def test_an_event_that_is_too_large_is_copied_to_fewer_dates(
    api: Client, conn: Connection, manager: UUID, event: UUID
) -> None:
    for _ in range(10):
        factories.ticket_type(conn, event_id=event, quantity=2560)
    starts = [START + n * timedelta(days=1) for n in range(98)]

    with unchanged(conn):
        refused = duplicate(api, manager, event, *starts)

    assert (refused.status, refused.code, refused.json["max_dates"]) == (422, "too_many_copies", 97)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"starts_at": []},
        {"starts_at": "2030-01-01T10:00:00Z"},
        {"starts_at": ["2030-01-01"]},
        {"starts_at": [None]},
        {"starts_at": ["2030-01-01T10:00:00Z", "2030-01-01T11:00:00+01:00"]},
        {
            "starts_at": [f"2030-01-01T10:00:{n:02}Z" for n in range(60)]
            + [f"2030-01-01T11:00:{n:02}Z" for n in range(41)]
        },
        {"starts_at": ["2030-01-01T10:00:00Z"], "title": ""},
        {"starts_at": ["2030-01-01T10:00:00Z"], "title": "\u3164"},
        {"starts_at": ["2030-01-01T10:00:00Z"], "surprise": 1},
    ],
)
def test_a_wrong_request_is_refused(api: Client, conn: Connection, manager: UUID, event: UUID, body: Any) -> None:
    with unchanged(conn):
        answer = api.post(f"/v1/events/{event}/duplicate", body, account=manager, key="new")

    assert (answer.status, answer.code) == (422, "invalid")


def test_only_a_manager_of_the_organisation_can_copy_an_event(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, event: UUID
) -> None:
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)
    deleted = factories.event(conn, organisation_id=organisation, deleted_at="now")
    scanner = factories.member(conn, organisation, "scanner")

    with unchanged(conn):
        assert duplicate(api, None, event, START).status == 401
        assert duplicate(api, rival, event, START).status == 404
        assert duplicate(api, scanner, event, START).status == 403
        assert duplicate(api, manager, deleted, START).status == 404
        assert duplicate(api, manager, new_id(), START).status == 404
