"""POST /v1/organisations/{organisation_id}/exports, its worker, and GET /v1/exports/{export_id}"""

import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import db, storage
from boxoffice.exports import service, sources, writing
from boxoffice.ids import shown_order_number
from tests.helpers import factories, sellers
from tests.helpers.forms import form, question
from tests.helpers.postings import Ledger
from tests.helpers.sellers import Shop, count_sales
from tests.helpers.support import Client, context, function
from tests.integration.exports.conftest import Exporter


def owner_of(conn: Connection, shop: Shop) -> UUID:
    (owner,) = conn.execute(
        "SELECT account_id FROM members WHERE organisation_id = %s AND role = 'owner'", [shop.organisation]
    ).fetchone() or (None,)
    assert owner is not None
    return UUID(str(owner))


def test_attendees_are_on_the_clock_of_the_venue_and_none_is_a_formula(
    exporter: Exporter, conn: Connection, shop: Shop
) -> None:
    conn.execute("UPDATE events SET time_zone = 'Asia/Kathmandu'")
    order = shop.sold(
        shop.ticket_type(name="=Adult"), 1, buyer_name="@Ada", buyer_email="ada@example.com", buyer_phone="+2348012345"
    )
    conn.execute("UPDATE tickets SET created_at = '2026-06-30T18:20:30.5Z'")
    (ticket,) = sellers.tickets_of(conn, order)
    (number,) = conn.execute("SELECT number FROM orders").fetchone() or (None,)

    assert exporter.rows(kind="attendees", event_id=str(shop.event)) == [
        {
            "order_number": shown_order_number(str(number)),
            "ticket_type_name": "'=Adult",
            "holder_name": "'@Ada",
            "holder_email": "",
            "holder_contact": "",
            "buyer_name": "'@Ada",
            "buyer_email": "ada@example.com",
            "buyer_phone": "'+2348012345",
            "seat": "",
            "group_size": "1",
            "status": "valid",
            "disputed": "no",
            "entries": "0",
            "first_scan_at": "",
            "first_scan_gate": "",
            "issued_at": "2026-07-01T00:05:30+05:45",
            "ticket_id": str(ticket),
        }
    ]


def test_attendees_have_a_column_for_each_question(
    exporter: Exporter, api: Client, conn: Connection, shop: Shop
) -> None:
    asked = form(
        question("source", asked_of="order", label="How did you hear of us?"),
        question("diet", "one_of", label="=Diet"),
        question("note"),
        name="optional",
        email="optional",
    )
    conn.execute("UPDATE events SET form = %s WHERE id = %s", [asked, shop.event])
    body = {
        "holders": [
            {"name": "Ada", "email": "ada@example.com", "answers": {"diet": "vegan", "note": "-1"}},
            {"name": "Bola", "answers": {}},
        ],
        "answers": {str(shop.event): {"source": "ثبت نام"}},
    }
    request = factories.order_request(shop.ticket_type(price=0), 2, **body)
    assert api.post("/v1/orders", request, key="new").status == 201

    first, second = exporter.rows(kind="attendees", event_id=str(shop.event))

    names = ("holder_name", "holder_contact", "How did you hear of us?", "'=Diet", "Note")
    assert [first[name] for name in names] == ["Ada", "ada@example.com", "ثبت نام", "Vegan", "'-1"]
    assert [second[name] for name in names] == ["Bola", "", "ثبت نام", "", ""]
    shown = api.get(f"/v1/events/{shop.event}/attendees", account=shop.manager).json["items"][0]
    assert [answer["text"] for answer in shown["answers"]] == ["Vegan", "-1"]
    assert [answer["text"] for answer in shown["order_answers"]] == ["ثبت نام"]


def test_orders_show_what_was_charged_and_given_back(
    exporter: Exporter, api: Client, conn: Connection, shop: Shop
) -> None:
    free_event = factories.event(conn, organisation_id=shop.organisation, currency="KWD", title="Gala")
    paid = shop.sold(shop.ticket_type(price=2550), 2, buyer_name="Ada")
    sellers.refund(api, shop, paid, amount=100)
    pending = factories.order(conn, shop.ticket_type(event_id=free_event, price=1250), quantity=1)
    factories.order(conn, factories.ticket_type(conn))

    first, second = exporter.rows(kind="orders")

    assert (first["order_id"], second["order_id"]) == (str(paid), str(pending))
    assert (first["status"], first["tickets"], first["paid_by"]) == ("partially_refunded", "2", "sandbox")
    assert [first[name] for name in ("currency", "gross", "total", "refunded")] == ["NGN", "51.00", "51.00", "1.00"]
    assert [second[name] for name in ("currency", "gross", "refunded", "paid_at")] == ["KWD", "1.250", "0.000", ""]
    assert second["events"] == "Gala"
    only = exporter.rows(kind="orders", event_id=str(free_event))
    assert [row["order_id"] for row in only] == [str(pending)]
    assert exporter.rows(kind="orders", since="2020-01-01", until="2020-12-31") == []


def test_scans_are_in_the_order_of_time(exporter: Exporter, conn: Connection, shop: Shop) -> None:
    tickets = sellers.tickets_of(conn, shop.sold(shop.ticket_type(name="Adult")))
    for ticket in reversed(tickets):
        factories.scan(conn, ticket, shop.manager, event_id=str(shop.event), gate="North", device_id="phone 1")

    rows = exporter.rows(kind="scans", event_id=str(shop.event))

    assert [row["ticket_id"] for row in rows] == [str(ticket) for ticket in reversed(tickets)]
    expected = {"outcome": "admitted", "let_in": "yes", "gate": "North", "device": "phone 1", "undone_at": ""}
    assert expected.items() <= rows[0].items()
    assert rows[0]["scanned_by"].startswith("Person")


def test_revenue_is_the_daily_sales_and_for_owners(
    exporter: Exporter, api: Client, conn: Connection, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(name="Adult", price=2550), 2)
    conn.execute("UPDATE order_history SET at = '2026-06-30T12:00Z' WHERE order_id = %s", [order])
    count_sales(conn)

    assert exporter.ask(kind="revenue").code == "forbidden"
    owner = owner_of(conn, shop)
    (row,) = exporter.rows(owner, kind="revenue", since="2026-06-30", until="2026-06-30")
    title, *_ = conn.execute("SELECT title FROM events WHERE id = %s", [shop.event]).fetchone() or ("",)
    assert row == {
        "day": "2026-06-30",
        "event": title,
        "ticket_type_name": "Adult",
        "currency": "NGN",
        "orders": "1",
        "tickets": "2",
        "gross": "51.00",
        "discount": "0.00",
        "buyer_fee": "0.00",
        "tax": "0.00",
        "platform_fee": "0.00",
        "total": "51.00",
        "refunded_tickets": "0",
        "refunded": "0.00",
    }
    assert exporter.rows(owner, kind="revenue", until="2026-06-29") == []
    ready = exporter.ask(owner, kind="revenue").json["id"]
    assert exporter.get(ready).code == "forbidden"


def book(conn: Connection, shop: Shop, order: UUID) -> Ledger:
    """Book a sale of 51.00 that is refunded in part in the next month, a negative correction, and another's sale."""
    ledger = Ledger(conn, shop.organisation)
    of_order = {"source_id": order, "order_id": order, "currency": "NGN"}
    ledger.post("2026-06-30T23:59:59Z", "receipt", 5100, provider="stripe", line_no=1, **of_order)
    ledger.post("2026-06-30T23:59:59Z", "sale", 5100, event_id=shop.event, line_no=2, **of_order)
    ledger.post("2026-06-30T12:00:00Z", "correction", -300)
    ledger.post("2026-07-01T00:00:00Z", "refund", 100, event_id=shop.event, line_no=3, **of_order)
    Ledger(conn, factories.organisation(conn)).post("2026-06-30T12:00:00Z", "correction", 7)
    return ledger


def test_the_ledger_has_two_entries_for_each_transfer_and_is_for_owners(
    exporter: Exporter, conn: Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PAGE", 1)  # a page may end between two entries of a transfer
    order = shop.sold(shop.ticket_type(), 1)
    conn.execute("UPDATE events SET title = '=Jazz' WHERE id = %s", [shop.event])
    book(conn, shop, order)
    owner = owner_of(conn, shop)

    assert exporter.ask(kind="ledger").code == "forbidden"
    rows = exporter.rows(owner, kind="ledger", since="2026-06-30", until="2026-06-30")

    assert [(row["kind"], row["account"], row["amount"], row["currency"]) for row in rows] == [
        ("correction", "platform_income", "3.00", "EUR"),
        ("correction", "available", "-3.00", "EUR"),
        ("receipt", "at_provider", "-51.00", "NGN"),
        ("receipt", "received", "51.00", "NGN"),
        ("sale", "received", "-51.00", "NGN"),
        ("sale", "pending", "51.00", "NGN"),
    ]
    assert (
        rows[4].items()
        >= {
            "posted_at": "2026-06-30T23:59:59+00:00",
            "holder": "platform",
            "event": "'=Jazz",
            "provider": "",
            "reference": str(order),
        }.items()
    )
    (number,) = conn.execute("SELECT number FROM orders WHERE id = %s", [order]).fetchone() or ("",)
    assert [row["order_number"] for row in rows] == ["", "", *[shown_order_number(number)] * 4]
    assert len(exporter.rows(owner, kind="ledger", until="2026-07-01")) == 8


def test_the_accounting_is_balanced_for_each_reference_and_in_all(
    exporter: Exporter, conn: Connection, shop: Shop
) -> None:
    order = shop.sold(shop.ticket_type(), 1)
    conn.execute("UPDATE events SET title = 'Jazz' WHERE id = %s", [shop.event])
    ledger = book(conn, shop, order)
    ledger.post("2026-07-02T12:00:00Z", "sale", 1250, "KWD", event_id=shop.event, holder="organisation")

    rows = exporter.rows(owner_of(conn, shop), kind="accounting", until="2026-07-31")

    columns = ("date", "account_name", "debit", "credit", "currency", "text")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("2026-06-30", "platform: platform_income", "", "3.00", "EUR", "correction"),
        ("2026-06-30", "platform: available", "3.00", "", "EUR", "correction"),
        ("2026-06-30", "platform: at_provider", "51.00", "", "NGN", "receipt"),
        ("2026-06-30", "platform: received", "", "51.00", "NGN", "receipt"),
        ("2026-06-30", "platform: received", "51.00", "", "NGN", "sale · Jazz"),
        ("2026-06-30", "platform: pending", "", "51.00", "NGN", "sale · Jazz"),
        ("2026-07-01", "platform: pending", "1.00", "", "NGN", "refund · Jazz"),
        ("2026-07-01", "platform: owed_to_buyers", "", "1.00", "NGN", "refund · Jazz"),
        ("2026-07-02", "organisation: received", "1.250", "", "KWD", "sale · Jazz"),
        ("2026-07-02", "organisation: pending", "", "1.250", "KWD", "sale · Jazz"),
    ]
    balances: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        key = (row["reference"], row["currency"])
        balances[key] = balances.get(key, Decimal()) + Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
    assert set(balances.values()) == {0}
    assert len(balances) == 3


def test_subscriptions_are_those_of_the_newsletter_and_for_owners(
    exporter: Exporter, api: Client, conn: Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PAGE", 1)
    moment = datetime(2026, 6, 30, 12, tzinfo=UTC)
    for email in ("=ada@example.com", "bola@example.com", "chidi@example.com"):
        factories.subscription(conn, shop.organisation, email=email, confirmed_at=moment, locale="fr")
    factories.subscription(conn, None, email="of-the-platform@example.com")
    end = "email = NULL, mailbox = NULL, address_mac = '1', unsubscribed_at = now()"
    conn.execute(f"UPDATE newsletter_subscriptions SET {end} WHERE email = 'bola@example.com'".encode())

    assert exporter.ask(kind="subscriptions").code == "forbidden"
    owner = owner_of(conn, shop)
    first, second = exporter.rows(owner, kind="subscriptions", since="2026-06-30", until="2026-06-30")
    assert (first["email"], second["email"]) == ("'=ada@example.com", "chidi@example.com")
    assert {first["confirmed_at"], second["confirmed_at"]} == {"2026-06-30T12:00:00+00:00"}
    assert (first["consent_version"], first["locale"]) == ("2027-01", "fr")
    assert exporter.rows(owner, kind="subscriptions", until="2026-06-29") == []
    assert exporter.ask(owner, kind="subscriptions", event_id=str(shop.event)).status == 422
    _, key = factories.api_key(conn, shop.organisation, "orders:read", "money:read")
    path = f"/v1/organisations/{shop.organisation}/exports"
    refused = api.post(path, {"kind": "subscriptions"}, key="new", headers={"x-api-key": key})
    assert (refused.status, refused.code) == (403, "account_needed")


def test_keys_may_export_what_their_scopes_allow(exporter: Exporter, api: Client, conn: Connection, shop: Shop) -> None:
    path = f"/v1/organisations/{shop.organisation}/exports"
    _, reader = factories.api_key(conn, shop.organisation, "orders:read")
    _, treasurer = factories.api_key(conn, shop.organisation, "orders:read", "money:read")

    def ask(key: str, kind: str) -> Any:
        return api.post(path, {"kind": kind}, key="new", headers={"x-api-key": key})

    assert ask(reader, "orders").status == 202
    refused = ask(reader, "revenue")
    assert (refused.status, refused.code, refused.json["required_scope"]) == (403, "out_of_scope", "money:read")
    assert ask(treasurer, "revenue").status == 202


def test_a_workbook_has_the_same_rows(exporter: Exporter, conn: Connection, shop: Shop) -> None:
    conn.execute("UPDATE events SET title = 'AC/DC: »live«'")
    shop.sold(shop.ticket_type(), 2, buyer_name="=1+1")

    downloaded = exporter.file(kind="attendees", format="xlsx", event_id=str(shop.event))

    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert downloaded.headers["content-type"] == media_type
    query = parse_qs(urlsplit(str(downloaded.url)).query)
    assert int(query["X-Amz-Expires"][0]) == 600
    filename = unquote(query["response-content-disposition"][0].partition("UTF-8''")[2])
    assert filename.startswith("AC-DC: »live« - attendees 20")
    with zipfile.ZipFile(io.BytesIO(downloaded.content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 3
    assert "=1+1" in sheet
    assert "<f>" not in sheet


def test_progress_shows_how_far_it_has_come(
    exporter: Exporter, conn: Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PAGE", 2)
    shop.sold(shop.ticket_type(quantity=100), 5)
    asked = exporter.ask(kind="attendees", event_id=str(shop.event)).json
    assert (asked["status"], asked["rows_done"], asked["rows_about"]) == ("waiting", 0, None)
    seen: list[tuple[str, int, int]] = []
    go_on = writing._go_on

    def watch(*args: Any) -> None:
        go_on(*args)
        shown = exporter.get(asked["id"]).json
        seen.append((shown["status"], shown["rows_done"], shown["rows_about"]))

    monkeypatch.setattr(writing, "_go_on", watch)
    exporter.work(asked["id"])

    assert seen == [("running", 0, 5), ("running", 2, 5), ("running", 4, 5), ("running", 5, 5)]
    done = exporter.get(asked["id"]).json
    assert (done["status"], done["rows_done"], done["rows_about"]) == ("ready", 5, 5)


def test_a_file_of_100_000_rows_needs_the_memory_of_some_parts(
    exporter: Exporter, conn: Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file of about 24 MB, a part of 8 MB is filled while one is sent. moto would keep them in this process."""
    row: dict[str, Any] = dict.fromkeys(sources.SOURCES["attendees"].columns, "Ada Obi of Lagos")
    row |= {"group_size": 1, "entries": 1, "order_answers": [], "answers": []}
    row |= {"order_number": "K7QW3MPX", "first_scan_at": factories.NOW, "issued_at": factories.NOW}
    resident: list[int] = []
    sent: list[int] = []

    def pages(*_: object) -> Any:
        for _ in range(50):
            yield [row] * 2000
            resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)

    monkeypatch.setattr(sources, "pages_of", pages)
    monkeypatch.setattr(storage.Writer, "_send", lambda _, content: sent.append(len(content)))
    monkeypatch.setattr(storage.Writer, "complete", storage.Writer.abort)
    asked = exporter.ask(kind="attendees", event_id=str(shop.event)).json["id"]
    exporter.work(asked)

    assert exporter.get(asked).json["rows_done"] == 100_000
    assert len(sent) >= 2
    assert max(resident) - resident[0] < 40 << 20


def test_a_repeat_makes_no_other_export_and_it_is_audited(exporter: Exporter, conn: Connection, shop: Shop) -> None:
    first = exporter.ask(key="once", kind="orders")
    again = exporter.ask(key="once", kind="orders")

    assert first.json == again.json
    assert again.headers["idempotent-replayed"] == "true"
    assert exporter.ask(key="once", kind="orders", format="xlsx").code == "idempotency_key_reused"
    assert conn.execute("SELECT count(*) FROM exports").fetchone() == (1,)
    audited = conn.execute("SELECT action, subject, actor_id, details ->> 'kind' FROM audit_log").fetchall()
    assert audited == [("create_export", f"export {first.json['id']}", shop.manager, "orders")]


def test_too_many_rows_are_refused_with_the_reason(
    exporter: Exporter, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_ROWS", 1)
    shop.sold(shop.ticket_type(), 2)
    asked = exporter.ask(kind="attendees", event_id=str(shop.event)).json

    exporter.work(asked["id"])

    shown = exporter.get(asked["id"]).json
    assert (shown["status"], shown["failure"], shown["download_url"]) == ("failed", "too_many_rows", None)


def test_after_three_attempts_it_gives_up(
    exporter: Exporter, conn: Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("S3 is away")

    asked = exporter.ask(kind="orders").json["id"]
    monkeypatch.setattr(storage.Writer, "complete", fail)
    for attempt in range(1, 4):
        assert exporter.work(asked)["batchItemFailures"], attempt
        assert exporter.work(asked) == {"batchItemFailures": []}, "its lease lasts"
        conn.execute("UPDATE exports SET due_at = now() - interval '1 minute'")

    assert function("relay_outbox").handler({}, context())["exports"] == 1
    exporter.work(asked)
    assert exporter.get(asked).json["failure"] == "gave_up"
    assert function("relay_outbox").handler({}, context())["exports"] == 0


def test_a_worker_that_comes_too_late_stops(
    exporter: Exporter, conn: Connection, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sold(shop.ticket_type(), 2)
    asked = exporter.ask(kind="orders").json["id"]
    pages_of = sources.pages_of

    def slow(*args: Any) -> Any:
        monkeypatch.setattr(sources, "pages_of", pages_of)
        conn.execute("UPDATE exports SET due_at = now()")
        exporter.work(asked)  # another worker begins and ends meanwhile
        return pages_of(*args)

    monkeypatch.setattr(sources, "pages_of", slow)
    assert exporter.work(asked) == {"batchItemFailures": []}

    assert conn.execute("SELECT status, attempts FROM exports").fetchone() == ("ready", 2)
    (export,) = db.many(conn, writing.Export, service.SQL.get_export, id=UUID(asked))
    assert storage.head("files", export.key) is not None
    assert storage.head("files", export.key.replace("/2.", "/1.")) is None


def test_exports_are_forgotten_after_a_week(exporter: Exporter, conn: Connection, shop: Shop) -> None:
    old, young = (exporter.ask(kind="orders").json["id"] for _ in range(2))
    conn.execute("UPDATE exports SET created_at = now() - interval '7 days 1 minute' WHERE id = %s", [old])

    assert function("purge_personal_data").handler({}, context())["exports"] == 1

    assert exporter.get(old).code == "not_found"
    assert exporter.get(young).status == 200


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"kind": "payouts"}, ["body", "kind"]),
        ({"kind": "ledger", "event_id": str(uuid4())}, ["body"]),
        ({"kind": "accounting", "event_id": str(uuid4())}, ["body"]),
        ({"kind": "orders", "format": "pdf"}, ["body", "format"]),
        ({"kind": "attendees"}, ["body"]),
        ({"kind": "scans"}, ["body"]),
        ({"kind": "orders", "since": "2026-02-30"}, ["body", "since"]),
        ({"kind": "orders", "since": "2026-02-02", "until": "2026-02-01"}, ["body"]),
        ({"kind": "orders", "event_id": "1"}, ["body", "event_id"]),
        ({"kind": "orders", "columns": []}, ["body", "columns"]),
    ],
)
def test_what_is_wrong_with_a_request_is_told(exporter: Exporter, body: dict[str, Any], loc: list[str]) -> None:
    answer = exporter.ask(**body)

    assert (answer.status, answer.json["errors"][0]["loc"]) == (422, loc)


def test_what_is_another_organisations_is_not_there(exporter: Exporter, conn: Connection, api: Client) -> None:
    foreign = factories.event(conn)
    theirs = factories.export(conn, factories.organisation(conn))

    assert exporter.ask(kind="attendees", event_id=str(foreign)).code == "not_found"
    assert exporter.ask(kind="attendees", event_id=str(uuid4())).code == "not_found"
    assert exporter.get(str(theirs)).code == "not_found"
    path = f"/v1/organisations/{uuid4()}/exports"
    admin = factories.account(conn, is_admin=True)
    assert api.post(path, {"kind": "orders"}, account=admin, key="new").code == "not_found"


def test_an_organisation_has_thirty_files_an_hour(exporter: Exporter, conn: Connection) -> None:
    exporter.ask(kind="orders")
    conn.execute("UPDATE rate_limits SET attempts = 30 WHERE bucket LIKE 'files %'")

    assert exporter.ask(kind="orders").code == "too_many_requests"
