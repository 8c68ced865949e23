"""The job that releases what events have earned."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import platform_settings
from boxoffice.ids import new_id
from boxoffice.ledger import releases, service
from boxoffice.ledger.models import Transfer
from tests.helpers import factories, invariants
from tests.helpers.ledgers import balances, count, end, organisation_of, post, release_funds
from tests.helpers.support import Client

LATE, SOON = timedelta(days=5, minutes=1), timedelta(days=5, minutes=-1)


@pytest.fixture(autouse=True)
def _settings(api: Client) -> Iterator[None]:
    platform_settings.forget()
    yield
    platform_settings.forget()


@pytest.fixture(params=[False, True], ids=["not counted", "counted"])
def is_counted(request: pytest.FixtureRequest) -> bool:
    """Whether the job that counts runs before each release: no answer depends on it."""
    return bool(request.param)


def event_that_ended(conn: Connection, ago: timedelta = LATE) -> UUID:
    event = factories.event(conn, currency="EUR")
    end(conn, event, ago)
    return event


def release(conn: Connection, *, is_counted: bool = False) -> int:
    if is_counted:
        count(conn)
    return release_funds()["events"]


def test_what_a_past_event_has_earned_becomes_available_once(conn: Connection, is_counted: bool) -> None:
    event = event_that_ended(conn)
    organisation = organisation_of(conn, event)
    post(conn, event, ("sale", 1190), ("tax", 190), ("platform_fee", 50))

    assert [release(conn, is_counted=is_counted) for _ in range(3)] == [1, 0, 0]

    # 1190 less the fee of 50. Of it 190 are tax, which the organisation pays itself.
    assert balances(conn, organisation) == {"available": 1140, "platform_income": 50, "received": -1190}
    invariants.check(conn)


def test_each_currency_of_an_event_is_released_for_itself(conn: Connection) -> None:
    event = event_that_ended(conn)
    organisation = organisation_of(conn, event)
    post(conn, event, ("sale", 1000), ("tax", 100))
    release(conn)
    service.post_difference(conn, organisation, "JPY", new_id(), [Transfer("sale", 70, event_id=event)])
    assert [release(conn) for _ in range(2)] == [1, 0]
    listed = service.list_balances(conn, organisation)
    assert {each.currency: each.amount for each in listed if each.account == "available"} == {"EUR": 1000, "JPY": 70}
    invariants.check(conn)


def test_nothing_is_released_before_its_time(conn: Connection) -> None:
    event = event_that_ended(conn, SOON)
    post(conn, event, ("sale", 1000))
    assert release(conn) == 0
    assert balances(conn, organisation_of(conn, event))["pending"] == 1000
    factories.platform_setting(conn, payout_delay_days=0)
    platform_settings.forget()
    assert release(conn) == 1


def test_late_sales_refunds_disputes_and_fees_are_swept_by_the_next_run(conn: Connection, is_counted: bool) -> None:
    event = event_that_ended(conn)
    organisation = organisation_of(conn, event)
    post(conn, event, ("sale", 1000), ("tax", 100))
    release(conn, is_counted=is_counted)
    available = [balances(conn, organisation)["available"]]
    for late in (
        [("sale", 500)],
        [("refund", 300), ("tax_returned", 30)],
        [("dispute", 200)],
        [("dispute", -200)],  # won
        [("provider_fee", 40)],
        [("refund", 960)],
    ):
        post(conn, event, *late)
        assert release(conn, is_counted=is_counted) == 1
        available.append(balances(conn, organisation)["available"])

    assert available == [1000, 1500, 1200, 1000, 1200, 1160, 200]
    assert {"pending", "tax"}.isdisjoint(balances(conn, organisation))
    invariants.check(conn)


def test_each_currency_is_released_alone(conn: Connection, is_counted: bool) -> None:
    """A buyer paid in dollars, which paid no order. They went back, and the provider keeps its fee of 35."""
    event = event_that_ended(conn)
    organisation = organisation_of(conn, event)
    fee = Transfer("provider_fee", 35, event_id=event, provider="stripe")
    with conn.transaction():
        service.post_difference(conn, organisation, "USD", new_id(), [fee])  # type: ignore[arg-type]
    available = []
    for _ in range(2):
        post(conn, event, ("sale", 1000))
        assert release(conn, is_counted=is_counted) >= 1
        assert release(conn, is_counted=is_counted) == 0
        found = service.list_balances(conn, organisation)  # type: ignore[arg-type]
        available.append({each.currency: each.amount for each in found if each.account == "available"})

    assert available == [{"EUR": 1000, "USD": -35}, {"EUR": 2000, "USD": -35}]
    invariants.check(conn)


def test_a_reserve_stays_until_its_time(conn: Connection) -> None:
    factories.platform_setting(conn, refund_reserve_percent=10, refund_reserve_days=30)
    event = event_that_ended(conn)
    organisation = organisation_of(conn, event)
    post(conn, event, ("sale", 1000))

    assert [release(conn), release(conn)] == [1, 0]
    assert balances(conn, organisation)["available"] == 900
    post(conn, event, ("refund", 60))
    assert release(conn) == 0, "the reserve bears it"
    end(conn, event, timedelta(days=30, minutes=1))

    assert release(conn) == 1
    assert balances(conn, organisation) == {"available": 940, "owed_to_buyers": 60, "received": -1000}


def test_a_cancelled_event_releases_what_it_keeps_once_its_orders_are_given_back(conn: Connection) -> None:
    event = event_that_ended(conn)
    organisation = organisation_of(conn, event)
    post(conn, event, ("sale", 1000))
    conn.execute("UPDATE events SET status = 'cancelled', cancelled_at = now() WHERE id = %s", [event])
    assert release(conn) == 0, "orders are still given back"
    post(conn, event, ("refund", 950))
    conn.execute("UPDATE events SET cancellation_finished_at = now() WHERE id = %s", [event])
    assert release(conn) == 0
    conn.execute("UPDATE events SET cancellation_finished_at = now() - %s WHERE id = %s", [LATE, event])

    assert release(conn) == 1

    assert balances(conn, organisation)["available"] == 50
    assert organisation_of(conn, event) == organisation


@pytest.mark.parametrize("change", ["moved", "cancelled"])
def test_what_was_released_stays_if_the_event_changes_and_refunds_take_it_back(conn: Connection, change: str) -> None:
    event = event_that_ended(conn)
    organisation = organisation_of(conn, event)
    post(conn, event, ("sale", 1000))
    release(conn)
    if change == "moved":
        end(conn, event, timedelta(days=-10))
    else:
        conn.execute("UPDATE events SET status = 'cancelled', cancelled_at = now() WHERE id = %s", [event])
    assert release(conn) == 0
    post(conn, event, ("sale", 70))
    assert release(conn) == 0, "what comes after waits"
    post(conn, event, ("refund", 170))

    assert release(conn) == 1

    assert balances(conn, organisation)["available"] == 900
    assert "pending" not in balances(conn, organisation)


def test_a_day_has_24_hours_in_each_time_zone(conn: Connection) -> None:
    """Neither the venue's time zone nor that of the connection matters."""
    event = event_that_ended(conn)
    organisation = organisation_of(conn, event)
    post(conn, event, ("sale", 1000))
    for zone in ("Pacific/Chatham", "America/New_York", "Asia/Kathmandu", "UTC"):
        conn.execute("UPDATE events SET time_zone = %s WHERE id = %s", [zone, event])
        conn.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        for ago, is_due in ((SOON, False), (LATE, True)):
            end(conn, event, ago)
            (funds,) = releases.list_unreleased(conn, organisation)
            assert funds.is_due is is_due, zone


def test_each_organisation_is_released_alone_and_money_that_it_holds_itself_never(conn: Connection) -> None:
    events = [event_that_ended(conn) for _ in range(3)]
    for number, event in enumerate(events, 1):
        post(conn, event, ("sale", 100 * number))
    own = [Transfer("sale", 5000, holder="organisation", event_id=events[0])]
    fee = [Transfer("platform_fee", 250, event_id=events[0])]
    service.post_difference(conn, organisation_of(conn, events[0]), "EUR", new_id(), own + fee)

    with conn.transaction():
        assert releases.release_due(conn, organisation_of(conn, events[1])) == 1

    found = [balances(conn, organisation_of(conn, event)).get("available") for event in events]
    assert found == [None, 200, None]
    assert release(conn) == 2
    found = [balances(conn, organisation_of(conn, event)).get("available") for event in events]
    assert found == [-150, 200, 300], "the first owes the fees on what it took itself"
    assert balances(conn, organisation_of(conn, events[0]), "organisation") == {"pending": 5000, "received": -5000}
    payable = [releases.get_payable(conn, organisation_of(conn, event), "EUR") for event in events]
    assert payable == [0, 200, 300]


def test_what_events_owe_is_not_payable(conn: Connection) -> None:
    event = event_that_ended(conn)
    organisation = organisation_of(conn, event)
    next_event = factories.event(conn, organisation_id=organisation, currency="EUR")
    post(conn, event, ("sale", 1000))
    post(conn, next_event, ("platform_fee", 120))
    release(conn)
    assert balances(conn, organisation)["available"] == 1000
    assert releases.get_payable(conn, organisation, "EUR") == 880
    assert releases.get_payable(conn, organisation, "NGN") == 0


def test_an_organisation_with_many_events_goes_on_in_the_next_transaction(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releases, "_MOST_EVENTS", 2)
    event = event_that_ended(conn)
    organisation = organisation_of(conn, event)
    others = [factories.event(conn, organisation_id=organisation, currency="EUR") for _ in range(4)]
    for each in (event, *others):
        end(conn, each, LATE)
        post(conn, each, ("sale", 100))
    assert release(conn) == 5
    assert balances(conn, organisation)["available"] == 500
