"""Many processes at once keep the pace of a provider, and nobody is refused before the wait is long."""

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.errors import DomainError
from boxoffice.guest_tokens import order_token
from boxoffice.payments import calls, pace, service
from boxoffice.payments.models import PLATFORM_MERCHANT, PaymentRequest
from boxoffice.payments.providers import load
from tests.helpers import factories, invariants
from tests.helpers.provider_servers import Sandbox
from tests.helpers.racing import deadlocks, race_in_processes
from tests.helpers.support import Client, Database

BUYERS = 30


def test_a_crowd_starts_to_pay_at_the_providers_pace(
    sandbox: Sandbox, api: Client, database: Database, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.set_pace(6)
    monkeypatch.setattr(pace, "BUYERS_WAIT", 1.0)
    ticket_type = factories.ticket_type(conn, quantity=200)
    orders = [factories.order(conn, ticket_type) for _ in range(BUYERS)]
    assert pace.interval_of(load("sandbox").INFO, PLATFORM_MERCHANT, "create") == 1 / 6
    assert order_token(orders[0])  # a process cannot read the secrets

    def pay(conn: Connection, number: int) -> str:
        calls._pool.cache_clear()
        guest = Caller(Who.GUEST, guest_token=order_token(orders[number]))
        try:
            service.start_payment(conn, guest, orders[number], PaymentRequest(provider="sandbox"), f"key-{number}")
        except DomainError as refusal:
            return refusal.code
        return "started"

    ends = race_in_processes(database, BUYERS, pay)

    # Six turns are free within a second, and more become free while the processes arrive.
    assert ends.count("started") >= 6
    assert set(ends) == {"started", "provider_busy"}
    monkeypatch.setattr(pace, "BUYERS_WAIT", 10.0)
    assert set(race_in_processes(database, BUYERS, pay)) == {"started"}, "a repeat continues, or is answered again"
    statuses = [each["status"] for each in sandbox.take_answers()]
    assert statuses == [200] * BUYERS, "the provider never got too many calls"
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (BUYERS,)
    assert deadlocks(conn) == 0
    invariants.check(conn)
