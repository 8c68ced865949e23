"""Use cases of organisations."""

from datetime import UTC, datetime
from uuid import UUID

from boxoffice import audit, db, sql
from boxoffice.accounts import passwords
from boxoffice.accounts import service as accounts
from boxoffice.accounts.models import SignUpRequest
from boxoffice.auth import Caller, acting_as, require_role
from boxoffice.config import settings
from boxoffice.ids import new_id
from boxoffice.organisations import rules
from boxoffice.organisations.models import OrganisationRow, OrganisationView, SignUpView

SQL = sql.queries("organisations")


def sign_up(conn: db.Connection, caller: Caller, request: SignUpRequest) -> SignUpView:
    """Make an account and log it in. If the request names an organisation, make that too, owned by the account.

    Runs in autocommit. It opens its transaction after it has hashed the password.

    Raises:
        GuessablePassword: the password is too easy to guess.
        EmailTaken: there is an account with this email address.
    """
    password_hash = passwords.hash_of(request.password, request.name, request.email)
    with conn.transaction():
        session = accounts.create_account(conn, request, password_hash)
        name = request.organisation_name
        owner = acting_as(caller, session.account.id)
        organisation = create_organisation(conn, owner, name) if name else None
    return SignUpView(**dict(session), organisation=organisation)


def create_organisation(conn: db.Connection, caller: Caller, name: str) -> OrganisationView:
    """Make an organisation that the caller owns.

    Raises:
        AccountGone: there is no such account.
    """
    status = rules.initial_status(auto_approve=settings().auto_approve_organisations)
    row = OrganisationRow(new_id(), name, status, version=1, created_at=datetime.now(UTC))
    db.run(conn, SQL.insert_organisation, id=row.id, name=row.name, status=row.status, created_at=row.created_at)
    db.run(conn, SQL.insert_member, organisation_id=row.id, account_id=caller.account, role="owner")
    audit.record(
        conn,
        caller,
        "create_organisation",
        f"organisation {row.id}",
        organisation=row.id,
        name=name,
        status=status,
    )
    return OrganisationView.model_validate(row)


def get_organisation(conn: db.Connection, caller: Caller, organisation_id: UUID) -> OrganisationView:
    """Return an organisation to a member.

    Raises:
        NotFound: there is none, or the caller does not belong to it.
    """
    require_role(conn, caller, organisation_id)
    return OrganisationView.model_validate(
        db.exactly_one(conn, OrganisationRow, SQL.get_organisation, id=organisation_id)
    )
