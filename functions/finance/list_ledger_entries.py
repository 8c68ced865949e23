"""GET /v1/organisations/{organisation_id}/ledger"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.ledger import reading
from boxoffice.ledger.kinds import Account
from boxoffice.ledger.models import EntryFilters, EntryPage, KnownCurrency, TransferKind
from boxoffice.models import Id, Moment
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/ledger", who=Who.OWNER, scope=Scope.MONEY_READ)
def list_ledger_entries(
    organisation_id: PathId,
    currency: Annotated[KnownCurrency | None, Query()] = None,
    account: Annotated[Account | None, Query(description="Only entries of this account")] = None,
    kind: Annotated[TransferKind | None, Query(description="Only transfers of this kind")] = None,
    event_id: Annotated[Id | None, Query()] = None,
    order_id: Annotated[Id | None, Query()] = None,
    posted_from: Annotated[Moment | None, Query(alias="from", description="Posted at or after")] = None,
    posted_before: Annotated[Moment | None, Query(alias="to", description="Posted before")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> EntryPage:
    """List the entries of an organisation's books, newest first.

    Each transfer of money has two: one takes the amount from an account, and the other adds it to another one. The
    entries of an account add up to its balance.
    """
    filters = EntryFilters(currency, account, kind, event_id, order_id, posted_from, posted_before)
    with db.autocommit() as conn:
        return reading.list_entries(conn, caller(), organisation_id, filters, limit, cursor)
