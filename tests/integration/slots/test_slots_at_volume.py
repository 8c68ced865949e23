"""With many slots and many old claims, a place still reads only the rows that it needs."""

import psycopg
import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.pagination import encode
from boxoffice.slots import service
from boxoffice.slots.models import ClaimRequest, SlotState
from tests.helpers import factories
from tests.helpers.support import Database
from tests.integration.slots.conftest import Cloakroom

SLOTS = 20_000
TAKEN = 15_000
PAST = """
    INSERT INTO claims (id, place_id, slot, customer_id, key_id, qr_hash, claimed_at, claimed_by, released_at)
    SELECT gen_random_uuid(), %(place)s, number, customers.id, 1, '', now() - interval '2 days', gen_random_uuid(),
        now() - interval '40 hours'
    FROM slots, LATERAL (SELECT id FROM customers LIMIT 1) AS customers
    WHERE place_id = %(place)s"""
OPEN = """
    WITH made AS (
        INSERT INTO customers (id, organisation_id, email)
        SELECT gen_random_uuid(), %(organisation)s, n || '@example.com' FROM generate_series(1, %(taken)s) AS n
        RETURNING id, split_part(email, '@', 1)::integer AS number
    ), taken AS (
        UPDATE slots SET state = 'taken' WHERE place_id = %(place)s AND number <= %(taken)s
    )
    INSERT INTO claims (id, place_id, slot, customer_id, key_id, qr_hash, claimed_at, claimed_by)
    SELECT gen_random_uuid(), %(place)s, number, id, 1, '', now() - interval '2 days', gen_random_uuid() FROM made"""


MIDDLE = """SELECT claims.id FROM claims JOIN customers ON customers.id = customer_id
    WHERE email = %s ORDER BY claims.id OFFSET 10000 LIMIT 1"""


@pytest.fixture
def car_park(cloakroom: Cloakroom, conn: Connection, database: Database) -> Cloakroom:
    """Return a large car park that is three quarters full, and that was full two days ago."""
    cloakroom.id = factories.place(conn, organisation_id=cloakroom.organisation, capacity=SLOTS)
    names = {"place": cloakroom.id, "organisation": cloakroom.organisation, "taken": TAKEN}
    conn.execute(OPEN, names)
    conn.execute(PAST, names)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE slots, claims, customers")
    return cloakroom


def rows_read(conn: Connection, *tables: str) -> tuple[int, int]:
    """Return how many scans of whole tables there were so far, and how many rows indexes have found."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    row = conn.execute(
        """SELECT (SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname = ANY(%(tables)s)),
            (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = ANY(%(tables)s))""",
        {"tables": list(tables)},
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def test_a_page_reads_little_more_than_it_shows(
    car_park: Cloakroom, conn: Connection, subtests: pytest.Subtests
) -> None:
    scanner = Caller(Who.SCANNER, car_park.scanner)
    states: tuple[SlotState | None, ...] = (None, "taken", "free")
    for state in states:
        for after in (0, TAKEN - 500, TAKEN + 500):
            with subtests.test(state=state, after=after):
                scans, rows = rows_read(conn, "slots", "claims", "customers")
                service.list_slots(conn, scanner, car_park.id, state, 20, encode(after))
                scans_after, rows_after = rows_read(conn, "slots", "claims", "customers")
                assert scans_after == scans
                assert rows_after - rows < 200


def test_the_statistics_of_today_read_no_older_claims(car_park: Cloakroom, conn: Connection) -> None:
    scans, rows = rows_read(conn, "claims")
    stats = service.get_stats(conn, Caller(Who.SCANNER, car_park.scanner), car_park.id)
    scans_after, rows_after = rows_read(conn, "claims")

    assert (stats.taken, stats.free, stats.claims_today) == (TAKEN, SLOTS - TAKEN, 0)
    assert scans_after == scans
    assert rows_after == rows


def test_a_claim_and_its_release_read_few_rows(car_park: Cloakroom, conn: Connection) -> None:
    scanner = Caller(Who.SCANNER, car_park.scanner)
    request = ClaimRequest.model_validate({"customer": {"phone": "+2348012345678"}})
    scans, rows = rows_read(conn, "slots", "claims", "customers")
    claim = service.claim_slot(conn, scanner, car_park.id, request, "key")
    with conn.transaction():
        service.release_claim(conn, scanner, claim.id)
    scans_after, rows_after = rows_read(conn, "slots", "claims", "customers")

    assert claim.slot == TAKEN + 1
    assert scans_after == scans
    assert rows_after - rows < 50


def test_of_many_claims_of_a_person_a_page_reads_little_more_than_it_shows(
    car_park: Cloakroom, conn: Connection
) -> None:
    """One customer has been here 20,000 times. Their account has two other identities, too."""
    busiest = """SELECT email FROM claims JOIN customers ON customers.id = customer_id
        GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"""
    (email,) = conn.execute(busiest).fetchone() or (None,)
    regular = factories.account(
        conn, email=email, email_verified_at="now", phone="+12025550188", phone_verified_at="now"
    )
    caller, cursor = Caller(Who.ACCOUNT, regular), None
    for number in range(3):
        scans, rows = rows_read(conn, "claims", "customers")
        page = service.list_my_claims(conn, caller, 20, cursor)
        scans_after, rows_after = rows_read(conn, "claims", "customers")
        assert len(page.items) == 20
        assert scans_after == scans
        assert rows_after - rows < 60
        cursor = page.next_cursor if number else encode(conn.execute(MIDDLE, [email]).fetchone()[0])  # type: ignore[index]
