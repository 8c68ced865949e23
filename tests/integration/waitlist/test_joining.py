"""People join the waitlist by the link in an email. Until they open it, nothing of them is in the line."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import one_time
from boxoffice.guest_tokens import waitlist_token
from boxoffice.one_time import Purpose
from tests.helpers import factories, invariants
from tests.helpers.factories import NOW
from tests.helpers.mailbox import deliver, inbox
from tests.helpers.support import Answer, Client, context, function
from tests.integration.waitlist.conftest import emails, run_job

ADA = "ada@example.com"


def join(api: Client, ticket_type: UUID, quantity: Any = 2, email: str = "", **options: Any) -> Answer:
    body = {"quantity": quantity, "name": "Ada Waiting", "email": email or f"{uuid4()}@example.com"}
    options.setdefault("address", str(uuid4()))
    return api.post(f"/v1/ticket-types/{ticket_type}/waitlist", body, **options)


def confirm(api: Client, token: str, **options: Any) -> Answer:
    return api.post("/v1/waitlist/confirm", {"token": token}, **options)


def newest_link(conn: Connection) -> str:
    """Return the token of the link that was asked for last."""
    row = conn.execute("SELECT id FROM one_time_tokens ORDER BY id DESC LIMIT 1").fetchone()
    assert row is not None
    return one_time.token_of(Purpose.JOIN_WAITLIST, row[0])


def wait(api: Client, conn: Connection, ticket_type: UUID, quantity: int = 2, email: str = ADA) -> UUID:
    """Join, open the link of the email, and return the entry."""
    assert join(api, ticket_type, quantity, email).status == 202
    answer = confirm(api, newest_link(conn))
    assert answer.status == 200, answer.body
    return UUID(answer.json["entry_id"])


def line(conn: Connection) -> list[tuple[str, int]]:
    """Return the address and the quantity of each entry that waits, in the order of the line."""
    return conn.execute(
        "SELECT email, quantity FROM waitlist_entries WHERE status = 'waiting' ORDER BY in_line_since, id"
    ).fetchall()


def give_back(conn: Connection) -> None:
    """Let all pending orders lapse, and run the job that offers their stock."""
    conn.execute("UPDATE orders SET expires_at = now() - interval '1 minute' WHERE status = 'pending'")
    function("expire_orders").handler({}, context())
    run_job()


class TestTheLink:
    def test_nobody_is_in_the_line_before_it_is_opened(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        answer = join(api, ticket_type, email="Ada@example.com")

        assert (answer.status, answer.body) == (202, b"null")
        assert answer.headers["ratelimit-limit"] == "10"
        assert (line(conn), emails(conn)) == ([], [("waitlist_confirm", ADA)])
        confirmed = confirm(api, newest_link(conn)).json
        assert line(conn) == [(ADA, 2)]
        assert emails(conn)[1:] == [("waitlist_joined", ADA)]
        assert confirmed["access_token"] == waitlist_token(UUID(confirmed["entry_id"]))

    def test_it_comes_by_email_and_works_once(
        self, api: Client, conn: Connection, aws_url: str, ticket_type: UUID
    ) -> None:
        email = f"{uuid4()}@example.com"
        join(api, ticket_type, email=email)
        (message,) = conn.execute("SELECT id FROM outbox").fetchone() or (None,)
        assert deliver(message) == []
        (mail,) = inbox(aws_url, email)
        text = mail.get_body(("plain",)).get_content()
        found = re.search(r"https?://\S+/confirm-waitlist#token=(\S+)", text)
        assert found is not None

        answers = [confirm(api, found[1]) for _ in range(2)]

        assert [answer.status for answer in answers] == [200, 409]
        assert answers[1].code == "link_over"
        assert "Ada Waiting" not in text, "whoever asked for the email puts no words into it"

    @pytest.mark.parametrize("other", [Purpose.CONFIRM_EMAIL, Purpose.INVITATION])
    def test_no_other_token_opens_the_line(
        self, api: Client, conn: Connection, ticket_type: UUID, other: Purpose
    ) -> None:
        right = factories.waitlist_token(conn, ticket_type)
        for token in (factories.one_time_token(conn, other), "x", "é", right[:-1], right.replace(".", "..")):
            assert confirm(api, token).status in (409, 422)
        assert line(conn) == []

    def test_it_is_over_after_a_day_and_is_purged(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        join(api, ticket_type)
        assert conn.execute("SELECT expires_at - now() > interval '23:59' FROM one_time_tokens").fetchone() == (True,)
        token = newest_link(conn)
        conn.execute("UPDATE one_time_tokens SET expires_at = now() - interval '1 second'")

        assert confirm(api, token).code == "link_over"
        assert function("purge_personal_data").handler({}, context())["tokens"] == 1
        assert conn.execute("SELECT count(*) FROM one_time_tokens").fetchone() == (0,)

    def test_the_place_is_that_of_the_confirmation(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        join(api, ticket_type, email="slow@example.com")
        slow = newest_link(conn)
        wait(api, conn, ticket_type, email="quick@example.com")

        confirm(api, slow)

        assert [email for email, _ in line(conn)] == ["quick@example.com", "slow@example.com"]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ("UPDATE ticket_types SET sales_end = now()", "waitlist_closed"),
            ("UPDATE ticket_types SET hidden = true", "not_found"),
            ("UPDATE events SET status = 'cancelled'", "not_found"),
            ("UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'", "seller_suspended"),
            ("UPDATE ticket_types SET min_per_order = 3", "quantity_not_allowed"),
            ("UPDATE ticket_types SET max_per_buyer = 1", "quantity_out_of_reach"),
        ],
    )
    def test_what_has_changed_since_is_looked_at_again(
        self, api: Client, conn: Connection, ticket_type: UUID, change: str, code: str
    ) -> None:
        token = factories.waitlist_token(conn, ticket_type)
        conn.execute(change)
        assert confirm(api, token).code == code
        assert line(conn) == []


class TestAVerifiedAccount:
    def test_it_needs_no_link_for_its_own_address(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        account = factories.account(conn, email=ADA, email_verified_at=NOW)

        assert join(api, ticket_type, email=ADA, account=account).status == 202

        assert (line(conn), emails(conn)) == ([(ADA, 2)], [("waitlist_joined", ADA)])
        (entry,) = conn.execute("SELECT id FROM waitlist_entries").fetchone() or (None,)
        assert api.get(f"/v1/waitlist/{entry}", account=account).status == 200

    @pytest.mark.parametrize(("own", "verified"), [(ADA, False), ("bola@example.com", True)])
    def test_it_needs_one_for_any_other(
        self, api: Client, conn: Connection, ticket_type: UUID, own: str, verified: bool
    ) -> None:
        account = factories.account(conn, email=own, email_verified_at=NOW if verified else None)
        join(api, ticket_type, email=ADA, account=account)
        assert (line(conn), emails(conn)) == ([], [("waitlist_confirm", ADA)])


class TestJoiningAgain:
    def test_it_changes_nothing_before_the_link_is_opened(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        """Else a stranger could send anybody to the end of the line."""
        wait(api, conn, ticket_type, 2)
        first, second = (join(api, ticket_type, quantity, email=ADA) for quantity in (2, 3))

        assert (first.status, first.body) == (second.status, second.body)
        assert line(conn) == [(ADA, 2)]

    def test_fewer_tickets_keep_the_place_and_more_go_to_the_end(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        entry = wait(api, conn, ticket_type, 3)
        wait(api, conn, ticket_type, 1, "bola@example.com")

        assert wait(api, conn, ticket_type, 2) == entry
        assert line(conn) == [(ADA, 2), ("bola@example.com", 1)]
        assert wait(api, conn, ticket_type, 4) == entry
        assert line(conn) == [("bola@example.com", 1), (ADA, 4)]
        assert wait(api, conn, ticket_type, 4) == entry
        assert wait(api, conn, ticket_type, 1) == entry
        assert line(conn) == [("bola@example.com", 1), (ADA, 1)], "what is given up does not come back"
        joined = [recipient for template, recipient in emails(conn) if template == "waitlist_joined"]
        assert joined == [ADA, "bola@example.com", ADA, ADA, ADA], "the same quantity again tells nobody anything"

    def test_an_open_offer_stays_as_it_is(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        entry = wait(api, conn, ticket_type, 2)
        give_back(conn)
        token = factories.waitlist_token(conn, ticket_type, quantity=4, email=ADA)

        assert confirm(api, token).json["entry_id"] == str(entry)

        assert conn.execute("SELECT status, quantity FROM waitlist_entries").fetchall() == [("offered", 2)]
        assert invariants.left(conn, ticket_type) == (2, 2, 0)
        invariants.check(conn)


class TestWhatIsRefused:
    def test_tickets_that_are_available(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        conn.execute("UPDATE orders SET expires_at = now() WHERE id = (SELECT id FROM orders LIMIT 1)")
        function("expire_orders").handler({}, context())

        assert (join(api, ticket_type, 2).status, join(api, ticket_type, 2).code) == (409, "still_available")
        assert join(api, ticket_type, 3).status == 202

    def test_people_can_wait_while_the_capacity_of_the_event_is_sold_out(self, api: Client, conn: Connection) -> None:
        from boxoffice.stock import service as stock

        event = factories.event(conn, capacity_pool_id=stock.create_pool(conn, 3))
        ticket_type = factories.ticket_type(conn, event_id=event)
        assert api.post("/v1/orders", factories.order_request(ticket_type, 2), key="new").status == 201
        assert join(api, ticket_type, 2).status == 202
        refused = join(api, ticket_type, 4)
        assert (refused.status, refused.code, refused.json["most"]) == (422, "quantity_out_of_reach", 3)

    def test_more_than_there_is(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        refused = join(api, ticket_type, 5)
        assert (refused.status, refused.code, refused.json["most"]) == (422, "quantity_out_of_reach", 4)
        assert "4 tickets of this type at the most" in refused.json["detail"]
        conn.execute("UPDATE ticket_types SET max_per_buyer = 3")
        assert join(api, ticket_type, 4).json["most"] == 3
        assert emails(conn) == []

    def test_more_than_the_buyer_may_still_have(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        conn.execute("UPDATE ticket_types SET max_per_buyer = 3")
        conn.execute("UPDATE orders SET buyer_email = %s WHERE id = (SELECT id FROM orders LIMIT 1)", [ADA])
        assert join(api, ticket_type, 2, ADA).status == 202, "a stranger does not learn what somebody has"

        refused = confirm(api, newest_link(conn))

        assert (refused.code, refused.json["most"]) == ("quantity_out_of_reach", 1)
        wait(api, conn, ticket_type, 1)

    @pytest.mark.parametrize("overrides", [{"hidden": True}, {"deleted_at": NOW}])
    def test_tickets_that_the_public_cannot_buy(
        self, api: Client, conn: Connection, event: UUID, overrides: dict[str, Any]
    ) -> None:
        assert join(api, factories.ticket_type(conn, event_id=event, **overrides)).status == 404
        assert join(api, uuid4()).status == 404

    def test_tickets_that_are_not_on_sale(self, api: Client, conn: Connection, event: UUID) -> None:
        over = factories.ticket_type(conn, event_id=event, sales_end=NOW - timedelta(hours=1))
        assert join(api, over).code == "waitlist_closed"

    @pytest.mark.parametrize("quantity", [7, 0, 1001, "2", 1.5, None])
    def test_an_invalid_quantity(self, api: Client, ticket_type: UUID, quantity: Any) -> None:
        assert join(api, ticket_type, quantity).status == 422


class TestHowOften:
    def test_a_stranger_does_not_keep_anybody_off(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        def ask(address: str, email: str = ADA) -> int:
            return join(api, ticket_type, email=email, address=address).status

        assert [ask("192.0.2.1") for _ in range(12)] == [202] * 10 + [429] * 2
        assert ask("192.0.2.1", "ada+x@example.com") == 429, "it is the same mailbox"
        assert ask("192.0.2.1", "bola@example.com") == 202
        assert ask("198.51.100.7") == 202, "her own network has its own ten"
        assert len(emails(conn)) == 12
        for name in ("emails to", "emails a day to"):
            conn.execute(
                "INSERT INTO rate_limits (bucket, attempts, resets_at) VALUES (%s, 99, now() + interval '1 hour')",
                [f"{name} {ADA}"],
            )
        assert ask("198.51.100.7") == 202, "nor by other emails that they have sent to her"
        conn.execute("UPDATE rate_limits SET attempts = 30 WHERE bucket = %s", [f"waitlist to {ADA}"])
        assert ask("203.0.113.9") == 429, "no mailbox gets more than thirty a day"
        account = factories.account(conn, email=ADA, email_verified_at=NOW)
        assert join(api, ticket_type, email=ADA, account=account).status == 202

    def test_many_people_join_from_one_address(self, api: Client, conn: Connection, ticket_type: UUID) -> None:
        def ask(email: str) -> int:
            return join(api, ticket_type, email=email, address="192.0.2.1").status

        assert [ask(f"ada{number}@example.com") for number in range(12)] == [202] * 12
        conn.execute("UPDATE rate_limits SET attempts = 300 WHERE bucket LIKE 'emails by%'")
        assert ask("bola@example.com") == 429


class TestTheEntry:
    @pytest.fixture
    def shown(self, api: Client, conn: Connection, ticket_type: UUID) -> Any:
        """Return what a person sees who waits for two tickets."""
        conn.execute("UPDATE ticket_types SET price = 1999, name = 'Stalls'")
        for table in ("events", "orders"):
            conn.execute(f"UPDATE {table} SET currency = 'EUR'")
        wait(api, conn, ticket_type, 1, "bola@example.com")
        entry = wait(api, conn, ticket_type)
        return lambda: api.get(f"/v1/waitlist/{entry}", order_token=waitlist_token(entry))

    def test_it_shows_the_place_then_the_offer_and_the_price(
        self, api: Client, conn: Connection, event: UUID, ticket_type: UUID, shown: Any
    ) -> None:
        answer = shown()
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
        waiting = answer.json
        facts = ("status", "ahead", "quantity", "expires_at", "unit_price", "total", "currency", "currency_exponent")
        assert [waiting[fact] for fact in facts] == ["waiting", 1, 2, None, 1999, 3998, "EUR", 2]
        assert (waiting["event_id"], waiting["ticket_type_name"]) == (str(event), "Stalls")

        give_back(conn)

        offered = shown().json
        assert [offered[fact] for fact in facts[:3]] == ["offered", None, 2]
        assert datetime.fromisoformat(offered["expires_at"]) > datetime.now(UTC)

    def test_a_changed_price_is_shown_and_is_what_an_order_pays(
        self, api: Client, conn: Connection, ticket_type: UUID, shown: Any
    ) -> None:
        give_back(conn)
        conn.execute("UPDATE ticket_types SET price = 2500")
        seen = shown().json
        token = waitlist_token(UUID(seen["id"]))
        request = factories.order_request(ticket_type, 2, buyer={"name": "Ada", "email": ADA}, waitlist_token=token)

        order = api.post("/v1/orders", request, key="new").json

        assert seen["total"] == order["total"] == 5000
        assert order["status"] == "pending", "nothing is paid before the buyer has seen it"
        assert shown().json["status"] == "accepted"
        invariants.check(conn)

    def test_only_its_holder_and_managers_see_it(
        self, api: Client, conn: Connection, manager: UUID, ticket_type: UUID
    ) -> None:
        first, second = (factories.waitlist_entry(conn, ticket_type) for _ in range(2))
        path = f"/v1/waitlist/{first}"
        assert api.get(path, order_token=waitlist_token(first)).status == 200
        assert api.get(path, account=manager).status == 200
        assert api.get(path, order_token=waitlist_token(second)).status == 404
        assert api.get(path, account=factories.account(conn)).status == 404
        assert api.get(path).status == 401

    def test_thousands_in_front_are_counted_up_to_a_thousand(
        self, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        first = factories.waitlist_entry(conn, ticket_type)
        conn.execute(
            """INSERT INTO waitlist_entries (id, organisation_id, event_id, ticket_type_id, name, email, mailbox,
                quantity)
            SELECT gen_random_uuid(), organisation_id, event_id, ticket_type_id, name, number || email, number || email,
                1 + number %% 4
            FROM waitlist_entries, generate_series(1, 1100) AS number WHERE id = %s""",
            [first],
        )
        last = factories.waitlist_entry(conn, ticket_type)
        for entry, ahead in ((first, 0), (last, 1000)):
            assert api.get(f"/v1/waitlist/{entry}", order_token=waitlist_token(entry)).json["ahead"] == ahead
