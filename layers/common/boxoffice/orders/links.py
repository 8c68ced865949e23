"""Links of emails that act on an order, each once."""

from typing import Any

from boxoffice import db, one_time
from boxoffice.accounts.errors import LinkOver
from boxoffice.one_time import Purpose
from boxoffice.orders import service
from boxoffice.orders.models import OrderRow


def redeem(conn: db.Connection, purpose: Purpose, token: str) -> tuple[OrderRow, dict[str, Any]]:
    """Use the token of a link up. Return its order, which this locks before the token, and the token's payload.

    Raises:
        LinkOver: the link was used, is too old, or was never ours. Or a change of the order's address has ended it.
    """
    link = one_time.find(conn, token, purpose)
    if link is None:
        raise LinkOver
    assert link.order_id is not None
    order = service.lock_order(conn, link.order_id)
    payload = one_time.redeem(conn, purpose, token)
    if payload is None:
        raise LinkOver
    return order, payload
