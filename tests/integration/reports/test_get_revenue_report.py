"""GET /v1/organisations/{organisation_id}/reports/revenue"""

import csv
import io
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from python_calamine import CalamineWorkbook

from boxoffice.reports import rules
from tests.helpers import factories
from tests.helpers.ledgers import count_ledger
from tests.integration.reports.conftest import Bookkeeper

NOTHING = {
    **dict.fromkeys(("gross", "refunds", "disputes", "platform_fees", "provider_fees", "corrections", "net"), 0),
    **dict.fromkeys(("taxes", "payouts"), 0),
}
AMOUNTS = tuple(NOTHING)


def book_june(keeper: Bookkeeper) -> None:
    """Two sales of 100.00 with fees and tax, one refund, a dispute that is won, and what belongs to no event."""
    post = keeper.ledger.post
    for at in ("2026-06-01T00:00:00Z", "2026-06-30T23:59:59Z"):
        post(at, "receipt", 10_000, provider="stripe")
        post(at, "sale", 10_000, event_id=keeper.jazz)
        post(at, "platform_fee", 250, event_id=keeper.jazz)
        post(at, "tax", 1_600, event_id=keeper.jazz)
        post(at, "provider_fee", 175, event_id=keeper.jazz)
    post("2026-06-10T12:00:00Z", "refund", 4_000, event_id=keeper.jazz)
    post("2026-06-10T12:00:00Z", "platform_fee_returned", 100, event_id=keeper.jazz)
    post("2026-06-10T12:00:00Z", "tax_returned", 640, event_id=keeper.jazz)
    post("2026-06-11T12:00:00Z", "refund_sent", 4_000, provider="stripe")
    post("2026-06-12T12:00:00Z", "dispute", 10_000, event_id=keeper.jazz)
    post("2026-06-20T12:00:00Z", "dispute", -10_000, event_id=keeper.jazz)
    post("2026-06-21T12:00:00Z", "correction", -300)
    post("2026-06-22T12:00:00Z", "release", 5_000, event_id=keeper.jazz)
    post("2026-06-23T12:00:00Z", "payout", 4_000)
    post("2026-06-24T12:00:00Z", "payout_sent", 4_000)
    post("2026-06-24T12:00:00Z", "payout_returned", 1_000)


def test_a_month_has_what_was_booked_in_it(bookkeeper: Bookkeeper) -> None:
    book_june(bookkeeper)
    bookkeeper.ledger.post("2026-05-31T23:59:59Z", "sale", 1, event_id=bookkeeper.jazz)
    bookkeeper.ledger.post("2026-07-01T00:00:00Z", "sale", 2, event_id=bookkeeper.jazz)

    report = bookkeeper.report(since="2026-06-01", until="2026-06-30", interval="month").json

    figures = {
        "gross": 20_000,  # twice 100.00
        "refunds": 4_000,
        "disputes": 0,  # 100.00 opened, 100.00 won
        "platform_fees": 400,  # twice 2.50, less 1.00
        "provider_fees": 350,  # twice 1.75
        "corrections": -300,
        "net": 14_950,  # 200.00 - 40.00 - 4.00 - 3.50 - 3.00
        "taxes": 2_560,  # twice 16.00, less 6.40
        "payouts": 3_000,  # 40.00 sent, 10.00 came back
    }
    of_holder = {"currency": "EUR", "currency_exponent": 2, "holder": "platform"}
    assert report["totals"] == [{**figures, **of_holder}]
    nothing = dict.fromkeys(("event_id", "event_title", "ticket_type_id", "ticket_type_name"))
    row = {"since": "2026-06-01", "until": "2026-06-30", **figures, **of_holder, **nothing}
    assert report["rows"] == [row]
    named = ("organisation_id", "since", "until", "interval", "group_by")
    expected = [str(bookkeeper.organisation), "2026-06-01", "2026-06-30", "month", "nothing"]
    assert [report[name] for name in named] == expected


def test_weeks_are_those_of_iso_8601_and_are_cut_at_the_ends(bookkeeper: Bookkeeper) -> None:
    for day in ("2026-12-30", "2027-01-03", "2027-01-04"):  # Wednesday and Sunday of week 53 of 2026, then a Monday
        bookkeeper.ledger.post(f"{day}T12:00:00Z", "sale", 100, event_id=bookkeeper.jazz)

    report = bookkeeper.report(since="2026-12-30", until="2027-01-05", interval="week").json

    found = [(row["since"], row["until"], row["gross"]) for row in report["rows"]]
    assert found == [("2026-12-30", "2027-01-03", 200), ("2027-01-04", "2027-01-05", 100)]


def test_currencies_and_holders_stand_apart(bookkeeper: Bookkeeper) -> None:
    post, day = bookkeeper.ledger.post, "2026-06-10T12:00:00Z"
    post(day, "sale", 1_250, "KWD", event_id=bookkeeper.gala)
    post(day, "sale", 900, "JPY", event_id=bookkeeper.gala)
    post(day, "sale", 7_000, event_id=bookkeeper.jazz)
    post(day, "sale", 5_000, event_id=bookkeeper.jazz, holder="organisation")
    post(day, "platform_fee", 120, event_id=bookkeeper.jazz)

    totals = bookkeeper.report(since="2026-06-01", until="2026-06-30").json["totals"]

    found = [(each["currency"], each["currency_exponent"], each["holder"], each["net"]) for each in totals]
    assert found == [
        ("EUR", 2, "platform", 6_880),
        ("EUR", 2, "organisation", 5_000),
        ("JPY", 0, "platform", 900),
        ("KWD", 3, "platform", 1_250),
    ]


def booked_at_random(keeper: Bookkeeper, seed: int) -> list[dict[str, Any]]:
    """Post transfers of many kinds, on many days. Return what was posted."""
    chosen = random.Random(seed)
    types = [factories.ticket_type(keeper.conn, event_id=event) for event in (keeper.jazz, keeper.gala)]
    of_event = ("sale", "refund", "dispute", "platform_fee", "platform_fee_returned", "provider_fee", "tax", "release")
    posted = []
    for _ in range(150):
        kind = chosen.choice((*of_event, "tax_returned", "refund_elsewhere", "correction", "payout_sent", "receipt"))
        day = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=chosen.randrange(24 * 90))
        fields: dict[str, Any] = {"currency": chosen.choice(("EUR", "JPY"))}
        if kind not in ("correction", "payout_sent", "receipt"):
            ticket_type = chosen.choice([*enumerate(types), (0, None)])
            fields |= {"event_id": (keeper.jazz, keeper.gala)[ticket_type[0]], "ticket_type_id": ticket_type[1]}
        amount = chosen.choice((1, -1)) * chosen.randrange(1, 10_000)
        keeper.ledger.post(day.isoformat(), kind, amount, **fields)
        posted.append(
            {"kind": kind, "day": day.date(), "amount": amount, "ticket_type_id": None, "event_id": None} | fields
        )
    return posted


SIGNS = {
    "gross": {"sale": 1},
    "refunds": {"refund": 1, "refund_elsewhere": 1},
    "disputes": {"dispute": 1},
    "platform_fees": {"platform_fee": 1, "platform_fee_returned": -1},
    "provider_fees": {"provider_fee": 1},
    "corrections": {"correction": 1},
    "taxes": {"tax": 1, "tax_returned": -1},
    "payouts": {"payout_sent": 1, "payout_returned": -1},
}


@pytest.mark.parametrize("group_by", ["nothing", "event", "ticket_type"])
def test_what_is_counted_and_what_is_not_add_up_as_in_an_independent_sum(bookkeeper: Bookkeeper, group_by: str) -> None:
    posted = booked_at_random(bookkeeper, 1)
    assert count_ledger(bookkeeper.conn)
    posted += booked_at_random(bookkeeper, 2)
    wanted: dict[Any, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in posted:
        if not (3, 10) <= (each["day"].month, each["day"].day) <= (5, 20):
            continue
        month = f"{each['day']:%Y-%m}" if each["day"].month > 3 else "2026-03"
        event = each["event_id"] if group_by != "nothing" else None
        ticket_type = each["ticket_type_id"] if group_by == "ticket_type" else None
        for figure, signs in SIGNS.items():
            wanted[month, each["currency"], event, ticket_type][figure] += signs.get(each["kind"], 0) * each["amount"]

    rows = bookkeeper.report(since="2026-03-10", until="2026-05-20", interval="month", group_by=group_by).json["rows"]

    def id_of(text: str | None) -> UUID | None:
        return UUID(text) if text else None

    found = {
        (row["since"][:7], row["currency"], id_of(row["event_id"]), id_of(row["ticket_type_id"])): {
            figure: row[figure] for figure in SIGNS
        }
        for row in rows
    }
    assert found == {key: dict(figures) for key, figures in wanted.items() if any(figures.values())}
    assert {row["since"] for row in rows} == {"2026-03-10", "2026-04-01", "2026-05-01"}
    assert max(row["until"] for row in rows) == "2026-05-20"
    for row in rows:
        assert row["net"] == row["gross"] + row["corrections"] - sum(row[name] for name in AMOUNTS[1:5])
        titles = {None: None, bookkeeper.jazz: "Jazz by the sea", bookkeeper.gala: "Gala"}
        assert row["event_title"] == titles[id_of(row["event_id"])]


def test_files_have_the_rows_in_the_major_unit_and_no_formula(bookkeeper: Bookkeeper) -> None:
    book_june(bookkeeper)
    bookkeeper.conn.execute("UPDATE events SET title = '=1+1' WHERE id = %s", [bookkeeper.jazz])
    bookkeeper.ledger.post("2026-06-15T12:00:00Z", "sale", 1_250, "KWD", event_id=bookkeeper.gala)
    query = {"since": "2026-06-01", "until": "2026-06-30", "interval": "month", "group_by": "event"}

    answer = bookkeeper.report(format="csv", **query)

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="revenue-2026-06-01-2026-06-30.csv"'
    jazz, unnamed, gala = csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline=""))
    assert jazz == {
        "since": "2026-06-01",
        "until": "2026-06-30",
        "currency": "EUR",
        "holder": "platform",
        "event": "'=1+1",
        "ticket_type": "",
        "gross": "200.00",
        "refunds": "40.00",
        "disputes": "0.00",
        "platform_fees": "4.00",
        "provider_fees": "3.50",
        "corrections": "0.00",
        "net": "152.50",
        "taxes": "25.60",
        "payouts": "0.00",
    }
    assert (unnamed["event"], unnamed["corrections"], unnamed["payouts"]) == ("", "-3.00", "30.00")
    assert (gala["currency"], gala["gross"]) == ("KWD", "1.250")
    book = bookkeeper.report(format="xlsx", **query)
    head, *lines = CalamineWorkbook.from_filelike(io.BytesIO(book.body)).get_sheet_by_index(0).to_python()
    assert head == [*jazz]
    assert [line[head.index("gross")] for line in lines] == [200, 0, 1.25]
    assert lines[0][head.index("event")] == "=1+1"


def test_without_days_it_is_the_month_of_today(bookkeeper: Bookkeeper) -> None:
    today = datetime.now(UTC).date()
    bookkeeper.ledger.post(datetime.now(UTC).isoformat(), "correction", 100)

    report = bookkeeper.report().json

    assert (report["since"], report["interval"]) == (f"{today:%Y-%m}-01", "day")
    assert [row["corrections"] for row in report["rows"]] == [100]
    assert bookkeeper.report(until="2026-06-20").json["since"] == "2026-06-01"


@pytest.mark.parametrize(
    ("query", "field", "because"),
    [
        ({"since": "2026-06-02", "until": "2026-06-01"}, "until", "must not be before `since`"),
        ({"since": "2026-01-01", "until": "2027-01-02"}, "since", "more than 366 days"),
        ({"since": "2026-01-04", "until": "2027-01-04", "interval": "week"}, "since", "more than 53 weeks"),
        ({"since": "2026-01-31", "until": "2029-01-01", "interval": "month"}, "since", "more than 36 months"),
        ({"since": "2026-06-31"}, "since", "must be"),
        ({"interval": "year"}, "interval", "day"),
        ({"group_by": "buyer"}, "group_by", "event"),
        ({"format": "pdf"}, "format", "csv"),
        ({"currency": "EUR"}, "currency", "is unknown"),
    ],
)
def test_what_is_wrong_with_a_request_is_told(
    bookkeeper: Bookkeeper, query: dict[str, Any], field: str, because: str
) -> None:
    answer = bookkeeper.report(**query)

    assert answer.status == 422
    (error,) = answer.json["errors"]
    assert error["loc"] == ["query", field]
    assert because in error["msg"]


def test_the_most_days_weeks_and_months_are_answered(bookkeeper: Bookkeeper) -> None:
    longest = {
        "day": ("2026-01-01", "2027-01-01"),
        "week": ("2026-01-05", "2027-01-10"),
        "month": ("2026-02-28", "2029-01-01"),
    }
    for interval, (since, until) in longest.items():
        assert bookkeeper.report(since=since, until=until, interval=interval).status == 200


def test_a_report_that_is_too_long_says_so(bookkeeper: Bookkeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_ROWS", 2)
    for day in ("2026-06-01", "2026-06-02"):
        bookkeeper.ledger.post(f"{day}T12:00:00Z", "correction", 1)
    june = {"since": "2026-06-01", "until": "2026-06-30"}
    assert bookkeeper.report(**june).status == 200

    bookkeeper.ledger.post("2026-06-03T12:00:00Z", "correction", 1)

    answer = bookkeeper.report(**june)
    assert (answer.status, answer.code, answer.json["most_rows"]) == (422, "report_too_long", 2)


def test_books_of_another_organisation_are_not_there(bookkeeper: Bookkeeper) -> None:
    book_june(bookkeeper)
    stranger, manager = (
        factories.account(bookkeeper.conn),
        factories.member(bookkeeper.conn, bookkeeper.organisation, "manager"),
    )
    factories.organisation(bookkeeper.conn, owner=stranger)
    path = f"/v1/organisations/{bookkeeper.organisation}/reports/revenue"

    assert bookkeeper.api.get(path, account=stranger).code == "not_found"
    assert bookkeeper.api.get(path, account=manager).code == "forbidden"
    _, reader = factories.api_key(bookkeeper.conn, bookkeeper.organisation, "orders:read")
    _, treasurer = factories.api_key(bookkeeper.conn, bookkeeper.organisation, "money:read")
    assert bookkeeper.api.get(path, headers={"x-api-key": reader}).code == "out_of_scope"
    assert bookkeeper.api.get(path, headers={"x-api-key": treasurer}).status == 200
