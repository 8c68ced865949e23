"""A process that dies at any round trip of a claim, a release or an edit loses no slot and takes none twice."""

from collections.abc import Callable
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.slots import service
from boxoffice.slots.models import ClaimRequest, PlacePatch, PlaceRequest
from tests.helpers import factories, invariants
from tests.helpers.racing import die_everywhere, die_everywhere_afresh
from tests.helpers.support import Client, Database

type Deed = Callable[[Connection], object]

REQUEST = ClaimRequest.model_validate({"customer": {"phone": "+2348012345678"}, "note": "a hat"})


def owner_of(conn: Connection, cloakroom: UUID) -> Caller:
    """Return a member who may do anything with the place."""
    row = conn.execute(
        "SELECT account_id FROM members JOIN places USING (organisation_id) WHERE id = %s", [cloakroom]
    ).fetchone()
    assert row is not None
    return Caller(Who.MANAGER, row[0])


def claim(conn: Connection) -> Deed:
    cloakroom = factories.place(conn, capacity=2)
    factories.claim(conn, cloakroom)  # reads the secret, which the child cannot
    owner = owner_of(conn, cloakroom)
    return lambda conn: service.claim_slot(conn, owner, cloakroom, REQUEST, "key")


def release(conn: Connection) -> Deed:
    cloakroom = factories.place(conn)
    claim_id, _ = factories.claim(conn, cloakroom)
    owner = owner_of(conn, cloakroom)
    return in_transaction(lambda conn: service.release_claim(conn, owner, claim_id))


def release_above_the_capacity(conn: Connection) -> Deed:
    cloakroom = factories.place(conn)
    first, _ = factories.claim(conn, cloakroom)
    second, _ = factories.claim(conn, cloakroom)
    owner = owner_of(conn, cloakroom)
    with conn.transaction():
        service.release_claim(conn, owner, first)
        service.update_place(conn, owner, cloakroom, PlacePatch(capacity=1), None)
    return in_transaction(lambda conn: service.release_claim(conn, owner, second))


def create(conn: Connection) -> Deed:
    organisation = factories.organisation(conn)
    owner = Caller(Who.MANAGER, factories.member(conn, organisation, "manager"))
    request = PlaceRequest(organisation_id=organisation, name="Hats", capacity=5)
    return in_transaction(lambda conn: service.create_place(conn, owner, request))


def grow(conn: Connection) -> Deed:
    cloakroom = factories.place(conn)
    owner = owner_of(conn, cloakroom)
    patch = PlacePatch(capacity=30)
    return in_transaction(lambda conn: service.update_place(conn, owner, cloakroom, patch, None))


def shrink(conn: Connection) -> Deed:
    cloakroom = factories.place(conn)
    factories.claim(conn, cloakroom)
    owner = owner_of(conn, cloakroom)
    patch = PlacePatch(capacity=1)
    return in_transaction(lambda conn: service.update_place(conn, owner, cloakroom, patch, None))


def in_transaction(deed: Deed) -> Deed:
    def act(conn: Connection) -> None:
        with conn.transaction():
            deed(conn)

    return act


@pytest.mark.parametrize(
    ("make", "moments"),
    [(claim, 4), (release, 12), (release_above_the_capacity, 14), (create, 14), (grow, 14), (shrink, 16)],
)
def test_wherever_the_process_dies_all_is_done_or_nothing(
    api: Client, database: Database, conn: Connection, make: Callable[[Connection], Deed], moments: int
) -> None:
    assert len(list(die_everywhere_afresh(database, conn, make))) >= moments


def test_an_attendant_who_repeats_after_the_crash_has_given_one_slot(
    api: Client, database: Database, conn: Connection
) -> None:
    deed = claim(conn)
    list(die_everywhere(database, conn, deed))
    deed(conn)

    assert conn.execute("SELECT count(*) FROM claims WHERE note = 'a hat'").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM customers WHERE phone IS NOT NULL").fetchone() == (1,)
    invariants.check(conn)


def test_a_claim_is_released_once_however_often_the_attendant_dies(
    api: Client, database: Database, conn: Connection
) -> None:
    deed = release(conn)
    list(die_everywhere(database, conn, deed))
    deed(conn)

    assert conn.execute("SELECT count(*) FROM slots WHERE state = 'taken'").fetchone() == (0,)
    invariants.check(conn)
