"""An erasure, while purchases, transfers and other runs of the job go on."""

from contextlib import suppress
from uuid import UUID

from psycopg import Connection

from boxoffice.accounts import service as accounts
from boxoffice.accounts.models import LogInRequest
from boxoffice.auth import Caller, Who
from boxoffice.errors import DomainError
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRequest, OrderRow
from boxoffice.organisations import members
from boxoffice.organisations import service as organisations
from boxoffice.privacy import erasure, service
from boxoffice.privacy.models import ErasureRequest, Person
from boxoffice.tickets import transfers
from boxoffice.tickets.models import AcceptTransferRequest
from tests.helpers import factories, invariants
from tests.helpers.erasures import EMAIL, NAME, begin, erase, guest, is_finished, let_an_hour_pass, run_job, traces
from tests.helpers.people import PASSWORD, sign_up
from tests.helpers.racing import deadlocks, race, waiting
from tests.helpers.support import Client, Database


def go_on(conn: Connection, erasure_id: UUID) -> int:
    with conn.transaction():
        return erasure.go_on(conn, erasure_id)  # type: ignore[arg-type]


def test_purchases_of_the_account_during_its_erasure_are_erased_too(
    api: Client, database: Database, conn: Connection
) -> None:
    account = factories.account(conn, name=NAME, email=EMAIL)
    ticket_type = factories.ticket_type(conn, price=0)
    for _ in range(5):
        factories.paid_order(conn, ticket_type, account_id=account, buyer_name=NAME, buyer_email=EMAIL)
    conn.execute("UPDATE outbox SET status = 'sent'")
    begun = begin(conn, Person(account, EMAIL, is_proven=True, phone=None))
    buyer = {"name": NAME, "email": EMAIL}
    request = OrderRequest.model_validate(factories.order_request(ticket_type, 1, buyer=buyer))

    def act(racer: Connection, number: int) -> None:
        if number < 4:
            caller = Caller(Who.PUBLIC, account_id=account)
            orders.place_order(racer, caller, request, f"a purchase with the key {number}")
        else:
            go_on(racer, begun)

    race(database, 8, act)
    conn.execute("UPDATE outbox SET status = 'sent'")
    let_an_hour_pass(conn)
    run_job()

    assert is_finished(conn, begun)
    assert traces(conn) == {"accounts", "rate_limits"}  # the limit of emails to a mailbox, for a day
    assert conn.execute("SELECT count(*) FROM orders WHERE status = 'paid'").fetchone() == (9,)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_limit_holds_for_purchases_that_race_with_the_erasure(
    api: Client, database: Database, conn: Connection
) -> None:
    ticket_type = factories.ticket_type(conn, max_per_buyer=2)
    factories.paid_order(conn, ticket_type, quantity=1, buyer_name=NAME, buyer_email=EMAIL)
    conn.execute("UPDATE outbox SET status = 'sent'")
    begun = begin(conn, guest())
    request = OrderRequest.model_validate(factories.order_request(ticket_type, 1, buyer={"name": NAME, "email": EMAIL}))

    def act(racer: Connection, number: int) -> bool:
        if number == 0:
            return not go_on(racer, begun)
        try:
            orders.place_order(racer, Caller(Who.PUBLIC), request, f"a purchase with the key {number}")
        except DomainError:
            return False
        return True

    assert race(database, 6, act).count(True) == 1
    assert conn.execute("SELECT count(*) FROM orders").fetchone() == (2,)
    invariants.check(conn)


def test_an_acceptance_during_the_erasure_of_its_recipient_has_one_outcome(
    api: Client, database: Database, conn: Connection
) -> None:
    for _ in range(5):
        order = factories.paid_order(conn, factories.ticket_type(conn), quantity=1)
        (ticket,) = conn.execute("SELECT id FROM tickets WHERE order_id = %s", [order]).fetchone() or ()
        transfer = factories.transfer(conn, ticket, email=EMAIL)
        conn.execute("UPDATE outbox SET status = 'sent'")
        begun = begin(conn, guest())
        accept = AcceptTransferRequest(token=transfers.token_of(transfer), name=NAME)

        def act(racer: Connection, number: int, begun: UUID = begun, accept: AcceptTransferRequest = accept) -> None:
            if number == 0:
                go_on(racer, begun)
                return
            try:
                with racer.transaction():
                    transfers.accept_transfer(racer, Caller(Who.PUBLIC), accept)  # type: ignore[arg-type]
            except DomainError:
                pass

        race(database, 2, act)
        conn.execute("UPDATE outbox SET status = 'sent' WHERE status = 'pending'")
        let_an_hour_pass(conn)
        run_job()

        assert traces(conn) == set()
        invariants.check(conn)
    assert deadlocks(conn) == 0


def test_two_runs_erase_the_same_person_once(api: Client, database: Database, conn: Connection) -> None:
    ticket_type = factories.ticket_type(conn, quantity=1000)
    for _ in range(30):
        factories.order(conn, ticket_type, quantity=1, status="expired", buyer_name=NAME, buyer_email=EMAIL)
    begun = begin(conn, guest())

    done = race(database, 4, lambda racer, _: go_on(racer, begun))

    assert sum(done) in (30, 31)  # a run that begins after another may already postpone it
    assert deadlocks(conn) == 0
    erase(conn, guest())
    assert traces(conn) == set()


def test_an_order_that_is_locked_is_left_for_the_next_run(api: Client, database: Database, conn: Connection) -> None:
    order = factories.order(conn, factories.ticket_type(conn), status="expired", buyer_name=NAME, buyer_email=EMAIL)
    begun = begin(conn, guest())

    with Connection.connect(database.api_url) as other:
        from boxoffice import db

        db.exactly_one(other, OrderRow, orders.SQL.lock_order, id=order)  # type: ignore[arg-type]
        go_on(conn, begun)
        assert traces(conn) == {"orders", "erasures"}

    let_an_hour_pass(conn)
    run_job()
    assert is_finished(conn, begun)


# --------------------------------------------------------------------------------- closing an account


def close(conn: Connection, account: UUID) -> str:
    """Close an account by its owner. Return the code of the refusal, if there is one."""
    try:
        service.delete_me(conn, Caller(Who.ACCOUNT, account_id=account), ErasureRequest(password=PASSWORD))  # type: ignore[arg-type]
    except DomainError as error:
        return error.code
    return ""


def test_of_many_who_close_one_account_one_does(api: Client, database: Database, conn: Connection) -> None:
    account = sign_up(api).id

    answers = race(database, 6, lambda racer, _: close(racer, account))

    assert sorted(answers) == ["", *["unauthenticated"] * 5]
    assert conn.execute("SELECT count(*) FROM erasures").fetchone() == (1,)
    assert deadlocks(conn) == 0


def test_no_login_survives_the_close_of_an_account(api: Client, database: Database, conn: Connection) -> None:
    person = sign_up(api, email=EMAIL)

    def act(racer: Connection, number: int) -> None:
        if number == 0:
            close(racer, person.id)
            return
        with suppress(DomainError):
            accounts.log_in(racer, Caller(Who.PUBLIC), LogInRequest(email=EMAIL, password=PASSWORD))

    race(database, 8, act)

    assert conn.execute("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").fetchone() == (0,)
    assert deadlocks(conn) == 0


def test_an_account_that_is_being_closed_becomes_no_owner(api: Client, database: Database, conn: Connection) -> None:
    """Its access token is believed for a moment. Nobody else would own the organisation, and the erasure would fail."""
    account = sign_up(api).id

    def apply(racer: Connection) -> str:
        try:
            with racer.transaction():
                caller = Caller(Who.ACCOUNT, account_id=account)
                organisations.create_organisation(racer, caller, "Freedom Park")  # type: ignore[arg-type]
        except DomainError as error:
            return error.code
        return ""

    with Connection.connect(database.api_url) as closing:
        closing.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", [account])
        closing.execute("UPDATE accounts SET email = NULL, phone = NULL, erased_at = now() WHERE id = %s", [account])
        with waiting(conn, database, apply) as applied:
            closing.commit()

            assert applied.result() == "unauthenticated"
    assert conn.execute("SELECT count(*) FROM organisations").fetchone() == (0,)


def test_of_two_owners_who_close_their_accounts_one_stays(api: Client, database: Database, conn: Connection) -> None:
    for _ in range(5):
        owners = [sign_up(api).id, sign_up(api).id]
        organisation = factories.organisation(conn, owner=owners[0])
        factories.member(conn, organisation, "owner", account_id=owners[1])
        conn.execute("DELETE FROM rate_limits")

        answers = race(database, 2, lambda racer, number, owners=owners: close(racer, owners[number]))  # type: ignore[misc]

        assert sorted(answers) == ["", "last_owner"]
        left = conn.execute("SELECT count(*) FROM members WHERE organisation_id = %s", [organisation]).fetchone()
        assert left == (1,)
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_a_member_who_is_made_an_owner_at_the_same_moment_leaves_an_owner_behind(
    api: Client, database: Database, conn: Connection
) -> None:
    for _ in range(5):
        owner, member = factories.account(conn), sign_up(api).id
        organisation = factories.organisation(conn, owner=owner)
        factories.member(conn, organisation, "manager", account_id=member)
        conn.execute("DELETE FROM rate_limits")

        def act(
            racer: Connection,
            number: int,
            owner: UUID = owner,
            member: UUID = member,
            organisation: UUID = organisation,
        ) -> str:
            if number == 0:
                return close(racer, member)
            try:
                with racer.transaction():
                    members.hand_over(racer, Caller(Who.OWNER, account_id=owner), organisation, member)  # type: ignore[arg-type]
            except DomainError as error:
                return error.code
            return ""

        answers = race(database, 2, act)

        assert tuple(answers) in {("", "invalid"), ("last_owner", "")}
        owners = "SELECT account_id FROM members WHERE organisation_id = %s AND role = 'owner'"
        assert conn.execute(owners, [organisation]).fetchall() == [(owner if answers[0] == "" else member,)]
    assert deadlocks(conn) == 0
    invariants.check(conn)
