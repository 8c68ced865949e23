"""A function dies just when the sandbox's webhook arrives: the webhook comes again, so no payment stays open."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from io import BytesIO
from typing import Any
from wsgiref.simple_server import make_server

from psycopg import Connection

from boxoffice import db, outbox
from tests.helpers import factories, invariants, wsgi
from tests.helpers.payers import emails, started, status_of
from tests.helpers.provider_servers import Sandbox
from tests.helpers.racing import die_at, wait_for_rollbacks
from tests.helpers.support import Client, Database


def test_killed_anywhere_the_webhook_is_sent_again_until_it_is_taken(
    sandbox: Sandbox, api: Client, database: Database, conn: Connection
) -> None:
    payment = started(api, factories.order(conn, factories.ticket_type(conn)))
    deaths = 0

    def die_or_answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer from a process that is killed one round trip later each time, or as API Gateway does if it died."""
        nonlocal deaths
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))

        def answer(conn: db.Connection) -> None:
            db._connection, outbox.enqueue = conn, lambda *_: []
            seen: list[str] = []
            wsgi.app({**environ, "wsgi.input": BytesIO(body)}, lambda status, _: seen.append(status))
            assert seen == ["200 OK"]

        is_dead = die_at(database, deaths, answer)
        deaths += is_dead
        status = HTTPStatus.BAD_GATEWAY if is_dead else HTTPStatus.OK
        start_response(f"{status.value} {status.phrase}", [])
        return []

    with make_server("127.0.0.1", 0, die_or_answer) as function, ThreadPoolExecutor(1) as buyer:
        function.timeout = 20
        sandbox.send_webhooks_to(f"http://127.0.0.1:{function.server_port}", first_wait=0.0001)
        paying = buyer.submit(sandbox.decide, payment)
        answered = 0
        while answered == deaths:
            function.handle_request()
            answered += 1
        assert paying.result() == [502]

    assert deaths >= 10
    wait_for_rollbacks(conn)
    assert status_of(conn, payment) == ("succeeded", "paid")
    assert emails(conn) == ["order_confirmation"]
    invariants.check(conn)
