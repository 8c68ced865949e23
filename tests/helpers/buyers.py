"""Buyers whose process a test may kill."""

from collections.abc import Callable
from uuid import UUID, uuid4

from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRequest
from tests.helpers.factories import order_request

type Action = Callable[[Connection], object]
"""What a process does with its connection."""


def purchase(ticket_type: UUID, quantity: int, **overrides: object) -> Action:
    """Return an action that places an order, as a guest."""
    request = OrderRequest.model_validate(order_request(ticket_type, quantity, **overrides))
    order_token(uuid4())  # reads the secret, which a forked process cannot
    return lambda conn: orders.place_order(conn, Caller(Who.PUBLIC), request, "key")
