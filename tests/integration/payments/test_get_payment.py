"""GET /v1/payments/{payment_id}"""

from uuid import uuid4

from psycopg import Connection

from boxoffice.auth import order_token
from tests.helpers import factories
from tests.helpers.payers import started, tell
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

    assert api.get(path, account=buyer).status == 200
    assert api.get(path, account=factories.member(conn, organisation, "manager")).status == 200
    assert api.get(path, account=factories.member(conn, organisation, "scanner")).status == 403
    assert api.get(path, account=factories.account(conn)).status == 404
    assert api.get(path, order_token=order_token(uuid4())).status == 404
    assert api.get(path).status == 401
    assert api.get(f"/v1/payments/{uuid4()}", account=buyer).status == 404
