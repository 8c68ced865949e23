"""Attendants check customers in and out at once, while the place grows and shrinks.

Each slot has one claim at the most. "Full" is only answered if the place was full at a moment of the call.
"""

import random
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.errors import KeyReused, StaleVersion
from boxoffice.slots import service
from boxoffice.slots.errors import CapacityTooLow, PlaceFull
from boxoffice.slots.models import ClaimRequest, ClaimView, NewClaimView, PlacePatch
from tests.helpers import factories, invariants
from tests.helpers.racing import deadlocks, race, watching
from tests.helpers.support import Client, Database


@pytest.fixture
def scanner(conn: Connection, organisation: UUID) -> Caller:
    return Caller(Who.SCANNER, factories.member(conn, organisation, "scanner"))


def claim(
    conn: Connection, scanner: Caller, place_id: UUID, key: str | None = None, **customer: Any
) -> NewClaimView | None:
    """Check a customer in, by default a new one. Return None if the place is full."""
    who = customer or {"email": f"{uuid4().hex}@example.com"}
    request = ClaimRequest.model_validate({"customer": who})
    try:
        return service.claim_slot(conn, scanner, place_id, request, key or uuid4().hex)
    except PlaceFull:
        return None


def release(conn: Connection, scanner: Caller, claim_id: UUID) -> ClaimView:
    with conn.transaction():
        return service.release_claim(conn, scanner, claim_id)


def resize(conn: Connection, manager: Caller, place_id: UUID, capacity: int, version: int | None = None) -> bool:
    """Change the capacity. Return True if that was possible."""
    try:
        with conn.transaction():
            service.update_place(conn, manager, place_id, PlacePatch(capacity=capacity), version)
    except (CapacityTooLow, StaleVersion):
        return False
    return True


def states(conn: Connection, place_id: UUID) -> dict[str, int]:
    """Return the number of slots in each state."""
    rows = conn.execute("SELECT state, count(*) FROM slots WHERE place_id = %s GROUP BY state", [place_id])
    return {state: int(count) for state, count in rows.fetchall()}


def wrong_counts(place_id: UUID) -> Callable[[Connection], tuple[int, ...] | None]:
    """Return a function that reads capacity, slots, taken slots and open claims; None if they fit together."""

    def look(conn: Connection) -> tuple[int, ...] | None:
        row = conn.execute(
            """SELECT capacity, (SELECT count(*) FROM slots WHERE place_id = id AND state <> 'withdrawn'),
                (SELECT count(*) FROM slots WHERE place_id = id AND state = 'taken'),
                (SELECT count(*) FROM claims WHERE place_id = places.id AND released_at IS NULL)
            FROM places WHERE id = %s""",
            [place_id],
        ).fetchone()
        assert row is not None
        return row if row[0] != row[1] or row[2] != row[3] else None

    return look


def test_two_hundred_racing_claims_on_a_hundred_slots_get_a_hundred_each_slot_once(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=100)

    def claim_two(conn: Connection, _: int) -> list[NewClaimView | None]:
        return [claim(conn, scanner, cloakroom) for _ in range(2)]

    claimed = [one for pair in race(database, 100, claim_two) for one in pair]

    assert len(claimed) == 200
    assert sorted(one.slot for one in claimed if one) == list(range(1, 101))
    assert len({one.qr for one in claimed if one}) == 100
    assert conn.execute("SELECT count(*) FROM customers").fetchone() == (100,)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_claims_that_race_take_the_lowest_slots_that_are_not_locked(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=1000)

    claimed = race(database, 20, lambda conn, _: [claim(conn, scanner, cloakroom) for _ in range(5)])

    assert max(one.slot for five in claimed for one in five if one) <= 120
    invariants.check(conn)


def test_no_claim_is_refused_as_full_while_there_are_slots_for_all(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=16)

    def come_and_go(conn: Connection, _: int) -> int:
        refused = 0
        for _ in range(15):
            mine = claim(conn, scanner, cloakroom)
            if mine is None:
                refused += 1
            else:
                release(conn, scanner, mine.id)
        return refused

    # Each of sixteen holds one of sixteen slots at the most, so one is always free for whoever comes.
    assert sum(race(database, 16, come_and_go)) == 0
    assert states(conn, cloakroom) == {"free": 16}
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_claims_releases_growth_and_shrinking_at_once(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller, manager: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=40)
    edits: list[bool] = []

    def act(conn: Connection, number: int) -> list[UUID]:
        choice = random.Random(number)
        if number < 2:
            edits.extend(resize(conn, manager, cloakroom, choice.choice([5, 20, 40, 60, 100])) for _ in range(25))
            return []
        held: list[UUID] = []
        for _ in range(30):
            if held and choice.random() < 0.45:
                release(conn, scanner, held.pop(choice.randrange(len(held))))
            elif mine := claim(conn, scanner, cloakroom):
                held.append(mine.id)
        return held

    with watching(database, wrong_counts(cloakroom)) as wrong:
        held = [claim_id for one in race(database, 16, act) for claim_id in one]

    assert wrong == []
    assert any(edits)
    assert states(conn, cloakroom).get("taken", 0) == len(held)
    assert deadlocks(conn) == 0
    invariants.check(conn)
    assert not resize(conn, manager, cloakroom, len(held) - 1)
    assert resize(conn, manager, cloakroom, len(held))
    assert claim(conn, scanner, cloakroom) is None

    def release_some(conn: Connection, number: int) -> None:
        for claim_id in held[number::8]:
            release(conn, scanner, claim_id)

    race(database, 8, release_some)
    rows = conn.execute(
        "SELECT number FROM slots WHERE place_id = %s AND state = 'free' ORDER BY number", [cloakroom]
    ).fetchall()
    assert [number for (number,) in rows] == list(range(1, len(held) + 1))
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_claims_find_added_slots_at_once(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller, manager: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=0)

    def claim_or_grow(conn: Connection, number: int) -> int:
        if number == 0:
            return sum(resize(conn, manager, cloakroom, n * 20) for n in range(1, 6)) * 0
        mine = 0
        while mine < 10:
            mine += claim(conn, scanner, cloakroom) is not None
        return mine

    assert sum(race(database, 11, claim_or_grow)) == 100
    assert states(conn, cloakroom) == {"taken": 100}
    invariants.check(conn)


def test_no_claim_takes_a_slot_that_a_shrinking_place_withdraws(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller, manager: Caller
) -> None:
    for _ in range(6):
        cloakroom = factories.place(conn, organisation_id=organisation, capacity=50)

        def claim_or_shrink(conn: Connection, number: int, cloakroom: UUID = cloakroom) -> int:
            if number == 0:
                return resize(conn, manager, cloakroom, 5)
            return sum(claim(conn, scanner, cloakroom) is not None for _ in range(2))

        shrunk, *claimed = race(database, 12, claim_or_shrink)

        assert sum(claimed) <= (5 if shrunk else 50)
        assert states(conn, cloakroom).get("taken", 0) == sum(claimed)
        assert not shrunk or sum(claimed) == 5
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_claim_waits_for_an_edit_rather_than_say_that_it_is_full(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller, manager: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=10)

    def claim_or_shrink_slowly(conn: Connection, number: int) -> bool:
        if number == 0:
            with conn.transaction():
                service.update_place(conn, manager, cloakroom, PlacePatch(capacity=8), None)
                conn.execute("SELECT pg_sleep(0.4)")
            return True
        conn.execute("SELECT pg_sleep(0.15)")
        return claim(conn, scanner, cloakroom) is not None

    assert race(database, 9, claim_or_shrink_slowly) == [True] * 9
    assert states(conn, cloakroom) == {"taken": 8, "withdrawn": 2}
    invariants.check(conn)


def test_a_shrinking_place_waits_for_a_claim_that_is_being_made(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller, manager: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=1)

    def claim_slowly_or_shrink(conn: Connection, number: int) -> bool:
        if number == 0:
            with conn.transaction():
                mine = claim(conn, scanner, cloakroom)
                conn.execute("SELECT pg_sleep(0.4)")
            return mine is not None
        conn.execute("SELECT pg_sleep(0.15)")
        return resize(conn, manager, cloakroom, 0)

    assert race(database, 2, claim_slowly_or_shrink) == [True, False]
    invariants.check(conn)


def test_a_repeat_that_comes_at_the_same_time_gets_the_same_slot(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=8)
    for _ in range(8):
        key, email = uuid4().hex, f"{uuid4().hex}@example.com"

        def check_in(conn: Connection, _: int, key: str = key, email: str = email) -> NewClaimView | None:
            return claim(conn, scanner, cloakroom, key, email=email)

        first, *others = race(database, 6, check_in)
        assert first is not None
        assert all(other == first for other in others)
    assert states(conn, cloakroom) == {"taken": 8}
    assert conn.execute("SELECT count(*) FROM claims").fetchone() == (8,)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_of_many_requests_with_one_key_one_is_fulfilled(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=20)

    def check_in(conn: Connection, _: int) -> bool:
        try:
            return claim(conn, scanner, cloakroom, "one") is not None
        except KeyReused:
            return False

    assert sum(race(database, 10, check_in)) == 1
    assert states(conn, cloakroom) == {"free": 19, "taken": 1}
    invariants.check(conn)


def test_a_customer_whom_many_check_in_at_once_is_one_customer(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=40)

    def check_in(conn: Connection, _: int) -> set[UUID]:
        mine = [claim(conn, scanner, cloakroom, phone="+2348012345678", name="Ada") for _ in range(2)]
        return {one.customer.id for one in mine if one}

    assert len(set.union(*race(database, 20, check_in))) == 1
    assert states(conn, cloakroom) == {"taken": 40}
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_claim_that_many_release_is_released_once(
    api: Client, database: Database, conn: Connection, organisation: UUID, scanner: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=1)
    for _ in range(5):
        claim_id, _ = factories.claim(conn, cloakroom)

        def give_back(conn: Connection, _: int, claim_id: UUID = claim_id) -> ClaimView:
            return release(conn, scanner, claim_id)

        first, *others = race(database, 8, give_back)
        assert first.status == "released"
        assert all(other == first for other in others)
        assert states(conn, cloakroom) == {"free": 1}
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_of_many_edits_of_one_version_one_is_made(
    api: Client, database: Database, conn: Connection, organisation: UUID, manager: Caller
) -> None:
    cloakroom = factories.place(conn, organisation_id=organisation, capacity=10)

    made = race(database, 8, lambda conn, n: resize(conn, manager, cloakroom, 20 + n, version=1))

    assert sum(made) == 1
    assert states(conn, cloakroom) == {"free": 20 + made.index(True)}
    assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (1,)
    invariants.check(conn)
