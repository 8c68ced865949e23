"""GET /v1/payments/{payment_id}"""

from uuid import uuid4

from psycopg import Connection

from boxoffice.guest_tokens import order_token
from tests.helpers import factories
from tests.helpers.payers import started, tell
from tests.helpers.people import check_readers
from tests.helpers.support import Client


def test_a_payment_shows_its_status(api: Client, conn: Connection) -> None:
    order = factories.order(conn, factories.ticket_type(conn))
    payment = started(api, order)
    path = f"/v1/payments/{payment['id']}"

    before = api.get(path, order_token=order_token(order))
    tell(api, payment)
    after = api.get(path, order_token=order_token(order))

    assert before.json == {name: shown for name, shown in payment.items() if name in before.json}
    assert (after.json["status"], after.json["closed_at"] is not None) == ("succeeded", True)


def test_only_callers_who_may_see_the_order_see_the_payment(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation)
    buyer = factories.account(conn)
    order = factories.order(conn, factories.ticket_type(conn, event_id=event), account_id=buyer)
    path = f"/v1/payments/{started(api, order)['id']}"

    manager, scanner = (factories.member(conn, organisation, role) for role in ("manager", "scanner"))
    check_readers(api, path, buyer=buyer, manager=manager, scanner=scanner, stranger=factories.account(conn))
    assert api.get(f"/v1/payments/{uuid4()}", account=buyer).status == 404
