"""Use cases of organisations."""

from datetime import UTC, datetime
from uuid import UUID

from boxoffice import audit, db, sql
from boxoffice.accounts import passwords
from boxoffice.accounts import service as accounts
from boxoffice.accounts.models import SignUpRequest
from boxoffice.auth import Caller, require_role
from boxoffice.config import settings
from boxoffice.ids import new_id
from boxoffice.organisations import rules
from boxoffice.organisations.models import OrganisationRow, OrganisationView, SignedUp

SQL = sql.queries("organisations")


def sign_up(conn: db.Connection, request: SignUpRequest) -> SignedUp:
    """Make an account and, if it names one, its organisation: both or neither.

    Runs in autocommit, and opens its transaction when the password is hashed.

    Raises:
        EmailTaken: there is an account with this email.
    """
    password_hash = passwords.hashed(request.password)
    with conn.transaction():
        session = accounts.create_account(conn, request, password_hash)
        name = request.organisation_name
        organisation = create_organisation(conn, session.account.id, name) if name else None
    return SignedUp(**dict(session), organisation=organisation)


def create_organisation(conn: db.Connection, owner_id: UUID, name: str) -> OrganisationView:
    """Make an organisation that this account owns.

    Raises:
        AccountGone: there is no such account.
    """
    status = rules.first_status(auto_approve=settings().auto_approve_organisations)
    organisation = OrganisationRow(new_id(), name, status, version=1, created_at=datetime.now(UTC))
    db.run(conn, SQL.insert_organisation, **vars(organisation))
    db.run(conn, SQL.insert_member, organisation_id=organisation.id, account_id=owner_id, role="owner")
    audit.record(
        conn,
        "create_organisation",
        f"organisation {organisation.id}",
        actor=owner_id,
        organisation=organisation.id,
        name=name,
        status=status,
    )
    return OrganisationView.model_validate(organisation)


def get_organisation(conn: db.Connection, caller: Caller, organisation_id: UUID) -> OrganisationView:
    """An organisation, for its members.

    Raises:
        NotFound: there is none, or the caller does not belong to it.
    """
    require_role(conn, caller, organisation_id)
    return OrganisationView.model_validate(db.one(conn, OrganisationRow, SQL.get_organisation, id=organisation_id))
