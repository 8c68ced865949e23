"""An organisation keeps an owner, and an invitation lets one account in, whoever acts at once."""

from collections.abc import Callable
from functools import partial
from random import Random
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.errors import UniqueViolation

from boxoffice.auth import Caller, Who
from boxoffice.organisations import service
from boxoffice.organisations.models import OrganisationPatch
from tests.helpers import factories, invariants, owners
from tests.helpers.owners import DONE
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database

ATTEMPTS = 5  # for each race of two, since either may be first


@pytest.fixture
def ada(conn: Connection) -> UUID:
    return factories.account(conn)


@pytest.fixture
def shop(api: Client, conn: Connection, ada: UUID) -> UUID:
    return factories.organisation(conn, owner=ada)


@pytest.fixture
def chi(conn: Connection) -> UUID:
    return factories.account(conn, email="chi@example.com")


def new_shop(conn: Connection) -> tuple[UUID, UUID]:
    """Make another organisation. Return its owner and its id."""
    owner = factories.account(conn)
    return owner, factories.organisation(conn, owner=owner)


def roles(conn: Connection, shop: UUID) -> dict[UUID, str]:
    return dict(conn.execute("SELECT account_id, role FROM members WHERE organisation_id = %s", [shop]).fetchall())


def audited(conn: Connection, action: str) -> int:
    (count,) = conn.execute("SELECT count(*) FROM audit_log WHERE action = %s", [action]).fetchone() or (0,)
    return int(count)


def emails_about(conn: Connection, shop: UUID) -> int:
    query = "SELECT count(*) FROM outbox WHERE payload ->> 'organisation_id' = %s"
    (count,) = conn.execute(query, [str(shop)]).fetchone() or (0,)
    return int(count)


def race_of(database: Database, *acts: Callable[[Connection], str]) -> list[str]:
    """Do different things in the same moment."""
    return race(database, len(acts), lambda racer, number: acts[number](racer))


# ----------------------------------------------------------------------------------------------------- invitations


def test_of_many_acceptances_by_one_account_one_counts(
    database: Database, conn: Connection, shop: UUID, chi: UUID
) -> None:
    _, token = factories.invitation(conn, shop, "chi@example.com")

    outcomes = race(database, 12, lambda racer, _: owners.accept(racer, chi, token))

    assert sorted(outcomes) == [DONE, *["invitation_over"] * 11]
    assert audited(conn, "accept_invitation") == 1
    invariants.check(conn)


def test_of_two_accounts_that_accept_at_once_only_the_invited_one_gets_in(
    database: Database, conn: Connection, shop: UUID, chi: UUID
) -> None:
    _, token = factories.invitation(conn, shop, "chi@example.com")
    others = [factories.account(conn) for _ in range(5)]

    first, *rest = race(database, 6, lambda racer, number: owners.accept(racer, [chi, *others][number], token))

    assert first == DONE, "a refusal leaves the link as it was"
    assert set(rest) <= {"invitation_for_another", "invitation_over"}
    assert roles(conn, shop).keys() & {chi, *others} == {chi}
    assert deadlocks(conn) == 0


def test_an_invitation_is_accepted_or_withdrawn(database: Database, conn: Connection, api: Client, chi: UUID) -> None:
    for _ in range(ATTEMPTS):
        ada, shop = new_shop(conn)
        invitation, token = factories.invitation(conn, shop, "chi@example.com")

        outcomes = race_of(
            database,
            partial(owners.accept, account=chi, token=token),
            partial(owners.withdraw, organisation=shop, by=ada, invitation=invitation),
        )

        assert outcomes in ([DONE, "not_found"], ["invitation_over", DONE])
        assert (chi in roles(conn, shop)) == (outcomes[0] == DONE)


def test_an_invitation_is_accepted_or_replaced(database: Database, conn: Connection, api: Client, chi: UUID) -> None:
    for _ in range(ATTEMPTS):
        ada, shop = new_shop(conn)
        _, token = factories.invitation(conn, shop, "chi@example.com", "scanner")

        outcomes = race_of(
            database,
            partial(owners.accept, account=chi, token=token),
            partial(owners.invite, organisation=shop, by=ada, role="owner"),
        )

        assert outcomes in ([DONE, "already_member"], ["invitation_over", DONE])
        pending = conn.execute("SELECT role FROM invitations WHERE organisation_id = %s", [shop]).fetchall()
        assert pending == ([] if outcomes[0] == DONE else [("owner",)])
        invariants.check(conn)


def test_an_address_that_is_invited_many_times_at_once_has_one_invitation(
    database: Database, conn: Connection, shop: UUID, ada: UUID
) -> None:
    assert set(race(database, 6, lambda racer, _: owners.invite(racer, shop, ada))) == {DONE}

    assert conn.execute("SELECT count(*) FROM invitations").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (6,)
    invariants.check(conn)


# ---------------------------------------------------------------------------------------------------- the last owner


def test_of_the_last_two_owners_who_leave_at_once_one_stays(database: Database, conn: Connection, api: Client) -> None:
    for _ in range(ATTEMPTS):
        ada, shop = new_shop(conn)
        both = [ada, factories.member(conn, shop, "owner")]

        outcomes = race_of(database, *(partial(owners.remove, organisation=shop, by=one, member=one) for one in both))

        assert sorted(outcomes) == [DONE, "last_owner"]
        assert roles(conn, shop) == {both[outcomes.index("last_owner")]: "owner"}


def test_of_the_last_two_owners_who_remove_each_other_one_stays(
    database: Database, conn: Connection, api: Client
) -> None:
    for _ in range(ATTEMPTS):
        ada, shop = new_shop(conn)
        both = [ada, factories.member(conn, shop, "owner")]

        outcomes = race_of(
            database,
            *(partial(owners.remove, organisation=shop, by=one, member=other) for one, other in (both, reversed(both))),
        )

        assert sorted(outcomes) == [DONE, "not_found"], "who was removed is no owner any more"
        assert roles(conn, shop) == {both[outcomes.index(DONE)]: "owner"}


def test_an_owner_steps_down_or_the_other_one_leaves(database: Database, conn: Connection, api: Client) -> None:
    for _ in range(ATTEMPTS):
        ada, shop = new_shop(conn)
        bola = factories.member(conn, shop, "owner")

        outcomes = race_of(
            database,
            partial(owners.change_role, organisation=shop, by=ada, member=ada, role="manager"),
            partial(owners.remove, organisation=shop, by=bola, member=bola),
        )

        assert sorted(outcomes) == [DONE, "last_owner"]
        invariants.check(conn)


def test_a_member_takes_over_or_is_removed(database: Database, conn: Connection, api: Client) -> None:
    for _ in range(ATTEMPTS):
        ada, shop = new_shop(conn)
        bola, dayo = factories.member(conn, shop, "owner"), factories.member(conn, shop, "manager")

        handed_over, removed = race_of(
            database,
            partial(owners.hand_over, organisation=shop, by=ada, to=dayo),
            partial(owners.remove, organisation=shop, by=bola, member=dayo),
        )

        assert (handed_over, removed) in {(DONE, DONE), ("invalid", DONE)}
        after_removal = {ada: "owner", bola: "owner"}
        assert roles(conn, shop) == (after_removal | {ada: "manager"} if handed_over == DONE else after_removal)
        invariants.check(conn)


def test_an_owner_hands_over_once(database: Database, conn: Connection, api: Client) -> None:
    for _ in range(ATTEMPTS):
        ada, shop = new_shop(conn)
        heirs = [factories.member(conn, shop, "manager") for _ in range(4)]

        outcomes = race_of(database, *(partial(owners.hand_over, organisation=shop, by=ada, to=heir) for heir in heirs))

        assert sorted(outcomes) == [DONE, *["forbidden"] * 3]
        expected = dict.fromkeys([ada, *heirs], "manager") | {heirs[outcomes.index(DONE)]: "owner"}
        assert roles(conn, shop) == expected
        assert emails_about(conn, shop) == 2


def test_whatever_owners_do_at_once_one_stays_and_nobody_deadlocks(
    database: Database, conn: Connection, shop: UUID, ada: UUID
) -> None:
    people = [ada, *(factories.member(conn, shop, "owner") for _ in range(5))]
    admin = factories.account(conn, is_admin=True)

    def deed(choice: Random) -> Callable[[Connection], str]:
        by, other = choice.choice(people), choice.choice(people)
        return choice.choice(
            [
                partial(owners.remove, organisation=shop, by=by, member=other),
                partial(owners.remove, organisation=shop, by=by, member=by),
                partial(owners.change_role, organisation=shop, by=by, member=other, role="manager"),
                partial(owners.change_role, organisation=shop, by=by, member=other, role="owner"),
                partial(owners.hand_over, organisation=shop, by=by, to=other),
                partial(owners.hand_over, organisation=shop, by=admin, to=other),
                partial(owners.decide, organisation=shop, by=admin, decision=choice.choice(["approve", "suspend"])),
            ]
        )

    def act(racer: Connection, number: int) -> list[str]:
        choice = Random(number)
        return [deed(choice)(racer) for _ in range(12)]

    outcomes = {each for done in race(database, 8, act) for each in done}

    assert {DONE, "not_found"} <= outcomes
    assert outcomes <= {DONE, "not_found", "forbidden", "last_owner", "invalid", "decision_not_possible"}
    assert "owner" in roles(conn, shop).values()
    assert deadlocks(conn) == 0
    invariants.check(conn)


# ------------------------------------------------------------------------------------------------- other decisions


def test_of_two_decisions_on_one_application_the_first_counts(
    database: Database, conn: Connection, api: Client
) -> None:
    one, other = (factories.account(conn, is_admin=True) for _ in range(2))
    for number in range(1, ATTEMPTS + 1):
        applicant = factories.organisation(conn, status="pending")

        outcomes = race_of(
            database,
            partial(owners.decide, organisation=applicant, by=one, decision="approve", expected=1),
            partial(owners.decide, organisation=applicant, by=other, decision="reject", expected=1),
        )

        assert sorted(outcomes) == [DONE, "stale_version"]
        (status,) = conn.execute("SELECT status FROM organisations WHERE id = %s", [applicant]).fetchone() or ()
        assert status == ["approved", "rejected"][outcomes.index(DONE)]
        assert emails_about(conn, applicant) == 1
        assert audited(conn, "decide_application") == number


def test_the_same_decision_by_many_admins_is_told_once(database: Database, conn: Connection) -> None:
    applicant = factories.organisation(conn, status="pending")
    admins = [factories.account(conn, is_admin=True) for _ in range(6)]

    outcomes = race(database, 6, lambda racer, number: owners.decide(racer, applicant, admins[number], "approve"))

    assert set(outcomes) == {DONE}
    assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (1,)
    assert audited(conn, "decide_application") == 1


def test_organisations_of_one_name_get_slugs_of_their_own(database: Database, conn: Connection, api: Client) -> None:
    founders = [factories.account(conn) for _ in range(8)]

    def found(racer: Connection, number: int) -> str:
        with racer.transaction():
            return service.create_organisation(racer, Caller(Who.ACCOUNT, founders[number]), "Freedom Park").slug

    slugs = race(database, 8, found)

    assert len(set(slugs)) == 8
    assert "freedom-park" in slugs
    invariants.check(conn)


def test_a_free_slug_goes_to_one_of_those_who_want_it(database: Database, conn: Connection, api: Client) -> None:
    people = [factories.account(conn) for _ in range(6)]
    shops = [factories.organisation(conn, owner=person) for person in people]
    patch = OrganisationPatch(slug="freedom-park")

    def take(racer: Connection, number: int) -> str:
        try:
            with racer.transaction():
                service.update_organisation(racer, owners.owner(people[number]), shops[number], patch, None)
        except UniqueViolation as error:
            return str(error.diag.constraint_name)
        return DONE

    assert sorted(race(database, 6, take)) == [DONE, *["organisations_slug_key"] * 5]
