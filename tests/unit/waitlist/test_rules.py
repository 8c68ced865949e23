"""How long an offer lasts, by the clocks at its venue, and who is served. The times were worked out by hand."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from boxoffice.waitlist import rules
from boxoffice.waitlist.errors import QuantityOutOfReach
from boxoffice.waitlist.rows import NextEntry, OpenOffers

HOUR = timedelta(hours=1)
LATER = datetime(2040, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}Z")


class TestTimeOfAnOffer:
    @pytest.mark.parametrize(
        ("now", "until"),
        [  # Lagos is one hour ahead of UTC all year
            ("2026-11-26T11:00", "2026-11-26T12:00"),  # at 12:00 there
            ("2026-11-26T20:00", "2026-11-26T21:00"),  # at 21:00, and ends with the day
            ("2026-11-26T20:30", "2026-11-27T07:30"),  # at 21:30: half an hour, and half an hour from 8:00 on
            ("2026-11-26T20:59:59.5", "2026-11-27T07:59:59.5"),
            ("2026-11-26T21:00", "2026-11-27T08:00"),  # at 22:00
            ("2026-11-26T23:30", "2026-11-27T08:00"),  # at 00:30 of the next day there
            ("2026-11-27T06:59", "2026-11-27T08:00"),  # at 7:59
            ("2026-11-27T07:00", "2026-11-27T08:00"),  # at 8:00
        ],
    )
    def test_nights_at_the_venue_do_not_count(self, now: str, until: str) -> None:
        assert rules.offer_until(utc(now), HOUR, "Africa/Lagos", LATER) == utc(until)

    @pytest.mark.parametrize(
        ("time_zone", "now", "until"),
        [
            # The night of 28 March 2026 has nine hours in Berlin: 21:30 CET is 20:30, and 8:30 CEST is 6:30.
            ("Europe/Berlin", "2026-03-28T20:30", "2026-03-29T06:30"),
            # The night of 24 October has eleven: 21:30 CEST is 19:30, and 8:30 CET is 7:30.
            ("Europe/Berlin", "2026-10-24T19:30", "2026-10-25T07:30"),
            # In Nuuk the clocks went from 22:00 to 23:00 on 26 March 2022, so that 22:00 never came. 21:30 is 00:30 of
            # the next day at UTC-3, and 8:30 is 10:30 at UTC-2.
            ("America/Nuuk", "2022-03-27T00:30", "2022-03-27T10:30"),
            # Samoa had no 30 December 2011. 21:30 on the 29th, at UTC-10, is 7:30. 8:30 on the 31st, at UTC+14, is
            # 18:30 of the 30th.
            ("Pacific/Apia", "2011-12-30T07:30", "2011-12-30T18:30"),
            # Lord Howe moves its clocks by half an hour, on 5 April 2026 from UTC+11 to UTC+10:30. 21:30 on the 4th is
            # 10:30, and 8:30 on the 5th is 22:00.
            ("Australia/Lord_Howe", "2026-04-04T10:30", "2026-04-04T22:00"),
            # Kathmandu is 5:45 ahead: 21:30 is 15:45, and 8:30 is 2:45.
            ("Asia/Kathmandu", "2026-06-01T15:45", "2026-06-02T02:45"),
            # Kiritimati is 14 hours ahead: 21:30 on the 2nd is 7:30, and 8:30 on the 3rd is 18:30 of the 2nd.
            ("Pacific/Kiritimati", "2026-06-02T07:30", "2026-06-02T18:30"),
        ],
    )
    def test_clocks_may_do_what_they_want(self, time_zone: str, now: str, until: str) -> None:
        assert rules.offer_until(utc(now), HOUR, time_zone, LATER) == utc(until)

    @pytest.mark.parametrize(
        ("time_zone", "now", "hours", "until"),
        [
            # A day has 14 hours. From 8:00 on the 1st: 14 of them, 14 of the 2nd and 2 of the 3rd.
            ("UTC", "2026-06-01T08:00", 30, "2026-06-03T10:00"),
            ("UTC", "2026-06-01T08:00", 14, "2026-06-01T22:00"),
            # From 20:00 on the 29th (6:00): 2 hours, the 31st has all 14 (18:00 of the 30th to 8:00 of the 31st), and 4
            # of 1 January, from 8:00 (18:00 of the 31st). The day that Samoa left out counts once at the most.
            ("Pacific/Apia", "2011-12-30T06:00", 20, "2011-12-31T22:00"),
        ],
    )
    def test_a_long_offer_lasts_for_days(self, time_zone: str, now: str, hours: int, until: str) -> None:
        assert rules.offer_until(utc(now), hours * HOUR, time_zone, LATER) == utc(until)

    def test_it_ends_with_the_sale_at_the_latest(self) -> None:
        soon = utc("2026-11-26T11:20")
        assert rules.offer_until(utc("2026-11-26T11:00"), HOUR, "Africa/Lagos", soon) == soon
        late = utc("2026-11-26T23:00")  # a sale may end at night
        assert rules.offer_until(utc("2026-11-26T22:00"), HOUR, "Africa/Lagos", late) == late


def entry(
    number: int,
    quantity: int = 1,
    mailbox: str = "",
    *,
    seated: bool = False,
    available: int = 4,
    has_limit: bool = False,
) -> NextEntry:
    return NextEntry(
        id=UUID(int=number),
        organisation_id=UUID(int=0),
        event_id=UUID(int=0),
        ticket_type_id=UUID(int=0),
        email="x",
        mailbox=mailbox or f"{number}@example.com",
        has_mailbox=True,
        quantity=quantity,
        pool_ids=[],
        seated=seated,
        on_sale_until=LATER,
        time_zone="UTC",
        offer_minutes=60,
        available=available,
        has_limit=has_limit,
    )


def served(*entries: NextEntry, of_type: int = 0, **open_offers: int) -> list[int]:
    offers = [OpenOffers(mailbox, count, of_type) for mailbox, count in open_offers.items()]
    return [each.id.int for each in rules.next_in_line(entries, offers)]


class TestNextInLine:
    def test_the_earliest_whose_whole_quantity_is_left(self) -> None:
        assert served(entry(1, 3), entry(2, 2), entry(3, 1), entry(4, 1)) == [1, 3]
        assert served() == []

    def test_of_seats_one_at_a_time(self) -> None:
        assert served(entry(1, seated=True), entry(2, seated=True)) == [1]

    def test_a_mailbox_gets_three_open_offers(self) -> None:
        same = [entry(number, mailbox="ada") for number in (1, 2, 3, 4)]
        assert served(*same, entry(5, mailbox="eve", available=9)) == [1, 2, 3, 5]
        assert served(*same, entry(5), ada=2) == [1, 5]
        assert served(*same, entry(5), ada=3) == [5]

    def test_it_gets_one_where_buyers_have_a_limit(self) -> None:
        same = [entry(number, mailbox="ada", has_limit=True) for number in (1, 2)]
        assert served(*same, entry(3, has_limit=True)) == [1, 3]
        assert served(*same, entry(3, has_limit=True), ada=1, of_type=1) == [3]
        assert served(*same, ada=1) == [1]  # an offer of another ticket type


@pytest.mark.parametrize(
    ("quantity", "most", "max_per_buyer", "owned", "allowed"),
    [
        (4, 4, None, 0, None),
        (5, 4, None, 0, 4),
        (2, 4, 2, 0, None),
        (3, 4, 2, 0, 2),
        (1, 4, 2, 1, None),
        (2, 4, 2, 1, 1),
        (1, 4, 2, 3, 0),  # the limit was lowered since
        (1, 0, None, 0, 0),
    ],
)
def test_nobody_waits_for_more_than_they_could_ever_get(
    quantity: int, most: int, max_per_buyer: int | None, owned: int, allowed: int | None
) -> None:
    if allowed is None:
        rules.check_within_reach(quantity, most, max_per_buyer, owned)
        return
    with pytest.raises(QuantityOutOfReach) as refused:
        rules.check_within_reach(quantity, most, max_per_buyer, owned)
    assert refused.value.most == allowed
