"""PATCH /v1/orders/{order_id} and POST /v1/order-emails/confirm"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.auth import Caller, Who
from boxoffice.emails import Content
from boxoffice.guest_tokens import order_token, ticket_token
from boxoffice.messaging import emails
from boxoffice.orders import changes
from boxoffice.orders.erasure import erase_buyers
from boxoffice.orders.models import OrderPatch
from boxoffice.tickets import service as tickets
from tests.helpers import factories, invariants
from tests.helpers.audit import entries, only_entry
from tests.helpers.mailbox import deliver, inbox, letters_to, outbox_row, owe
from tests.helpers.sellers import accept, enable_webhooks, history, outbox_of, webhooks
from tests.helpers.support import Answer, Client

OLD, NEW = "ada@exmaple.com", "ada@example.com"
NAME = "علی‌رضا ශ්‍රී 👨‍👩‍👧"  # joiners belong to these words and to this family


@dataclass
class Sale:
    """An organisation that has sold an order to an address, and who works there."""

    api: Client
    conn: db.Connection
    organisation: UUID
    manager: UUID
    scanner: UUID
    ticket_type: UUID

    def sell(self, quantity: int = 1, *, sent: bool = True, **overrides: Any) -> UUID:
        """Sell tickets to the old address. Their confirmation is sent, or waits."""
        order = factories.paid_order(
            self.conn, self.ticket_type, quantity=quantity, **{"buyer_email": OLD, **overrides}
        )
        if sent:
            self.conn.execute("UPDATE outbox SET status = 'sent', aws_message_id = 'x', sent_at = now()")
        return order

    def patch(self, order: UUID, *, headers: dict[str, str] | None = None, **options: Any) -> Answer:
        """Change an order, as its guest unless an account is given."""
        caller = {name: options.pop(name) for name in ("account", "order_token") if name in options}
        caller = caller or {"order_token": order_token(order)}
        return self.api.patch(f"/v1/orders/{order}", options, headers=headers, **caller)

    def give(self, order: UUID, email: str = NEW) -> Answer:
        """Give an order to another address, as the manager."""
        return self.patch(order, account=self.manager, buyer={"email": email})

    def ask(self, order: UUID, email: str = NEW, **caller: Any) -> str:
        """Ask for another address, as the guest. Return the token in the email to it."""
        answer = self.patch(order, buyer={"email": email}, **caller)
        assert answer.status == 200, answer.body
        return letters_to(self.conn, email)[-1].token

    def confirm(self, token: str) -> Answer:
        return self.api.post("/v1/order-emails/confirm", {"token": token})

    def read(self, order: UUID, token: str) -> Answer:
        return self.api.get(f"/v1/orders/{order}", order_token=token)

    def qrs(self, order: UUID) -> list[str]:
        return [ticket.qr for ticket in tickets.list_for_order(self.conn, order)]

    def scan(self, text: str) -> Answer:
        return self.api.post("/v1/scans", {"qr": text}, account=self.scanner)


@pytest.fixture
def sale(api: Client, conn: db.Connection) -> Sale:
    organisation = factories.organisation(conn, name="Lagoon Jazz", contact_email="help@lagoon.example")
    manager, scanner = (factories.member(conn, organisation, role) for role in ("manager", "scanner"))
    event = factories.event(conn, organisation_id=organisation)
    return Sale(api, conn, organisation, manager, scanner, factories.ticket_type(conn, event_id=event))


def buyer_of(conn: Connection, order: UUID) -> tuple[str, str, str | None]:
    row = conn.execute("SELECT buyer_name, buyer_email, buyer_phone FROM orders WHERE id = %s", [order]).fetchone()
    assert row is not None
    return row


class TestAddressOfAPaidOrder:
    def test_it_holds_once_the_new_address_confirms(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        (former_qr,) = sale.qrs(order)

        asked = sale.patch(order, buyer={"email": NEW})

        assert asked.json["buyer"]["email"] == OLD
        assert asked.json["email_change_expires_at"] is not None
        assert sale.read(order, order_token(order)).status == 200
        letter = letters_to(conn, NEW)[-1]
        assert letter.template == "confirm_order_email"

        confirmed = sale.confirm(letter.token)

        assert confirmed.status == 200, confirmed.body
        assert confirmed.json["order"]["buyer"]["email"] == NEW
        assert confirmed.json["order"]["email_change_expires_at"] is None
        assert sale.read(order, confirmed.json["access_token"]).status == 200
        assert sale.read(order, order_token(order)).status == 404
        assert sale.scan(former_qr).code == "transferred"
        assert sale.scan(sale.qrs(order)[0]).json["outcome"] == "admitted"
        invariants.check(conn)

    def test_the_new_address_gets_the_tickets_and_a_link_that_works(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell(quantity=2)

        sale.confirm(sale.ask(order))

        letter = letters_to(conn, NEW)[-1]
        assert letter.template == "order_confirmation"
        assert letter.content is not None
        assert "This order is yours now." in letter.content.text
        assert len(letter.content.images) == 2
        assert sale.read(order, letter.token).status == 200

    def test_the_address_before_is_told_twice_and_learns_nothing(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        before = len(letters_to(conn, OLD))

        token = sale.ask(order)
        (started,) = letters_to(conn, OLD)[before:]
        sale.confirm(token)
        *_, changed = letters_to(conn, OLD)

        assert (started.template, changed.template) == ("order_email_change_started", "order_email_changed")
        assert started.content is not None
        assert changed.content is not None
        for text in (started.content.text, started.content.html, changed.content.text, changed.content.html):
            assert NEW not in text
            assert "token" not in text
            assert "help@lagoon.example" in text
            assert "Lagoon Jazz" in text

    def test_a_managers_change_holds_at_once(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        (former_qr,) = sale.qrs(order)

        answer = sale.give(order)

        assert answer.json["buyer"]["email"] == NEW
        assert [letter.template for letter in letters_to(conn, NEW)] == ["order_confirmation"]
        assert [to for to, _ in outbox_of(conn, "order_email_changed")] == [OLD]
        assert sale.read(order, order_token(order)).status == 404
        assert sale.read(order, letters_to(conn, NEW)[0].token).status == 200
        assert sale.scan(former_qr).code == "transferred"
        invariants.check(conn)

    def test_whoever_opened_the_old_link_can_do_nothing_any_more(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        (ticket,) = tickets.list_for_order(conn, order)
        sale.give(order)
        stale = {"order_token": order_token(order)}

        refused = [
            sale.api.get(f"/v1/tickets/{ticket.id}", **stale),
            sale.api.get(f"/v1/tickets/{ticket.id}/qr", **stale),
            sale.api.get(f"/v1/orders/{order}/tickets.pdf", **stale),
            sale.api.post(f"/v1/tickets/{ticket.id}/transfers", {"email": OLD}, **stale),
            sale.api.post(f"/v1/orders/{order}/resend-email", **stale),
            sale.api.post(f"/v1/orders/{order}/cancel", **stale),
            sale.api.post(f"/v1/orders/{order}/payments", {"provider": "sandbox"}, key="new", **stale),
            sale.patch(order, buyer={"email": OLD}),
        ]

        assert [answer.status for answer in refused] == [404] * 8

    def test_a_ticket_that_has_passed_on_stays_with_its_holder(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell(quantity=2)
        passed, own = tickets.list_for_order(conn, order)
        accept(sale.api, factories.transfer(conn, passed.id, email="bola@example.com"))
        passed, own = tickets.list_for_order(conn, order)

        sale.give(order)

        after = tickets.list_for_order(conn, order)
        assert after[0].qr == passed.qr
        assert after[1].qr != own.qr
        holder = sale.api.get(f"/v1/tickets/{passed.id}/qr", order_token=ticket_token(passed.id, 1))
        assert holder.status == 200
        shown = sale.read(order, order_token(order, 1)).json["tickets"]
        assert [ticket["transferred"] for ticket in shown] == [True, False]
        assert sale.scan(passed.qr).json["outcome"] == "admitted"
        invariants.check(conn)

    def test_a_transfer_that_nobody_has_accepted_ends(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        (ticket,) = tickets.list_for_order(conn, order)
        transfer = factories.transfer(conn, ticket.id)
        sale.give(order)

        from boxoffice.tickets import transfers

        answer = sale.api.post("/v1/transfers/accept", {"token": transfers.token_of(transfer), "name": "Bola"})

        assert answer.code == "transfer_replaced"
        invariants.check(conn)

    def test_the_tickets_can_be_transferred_from_the_new_address(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        (ticket,) = tickets.list_for_order(conn, order)
        sale.give(order)

        started = sale.api.post(
            f"/v1/tickets/{ticket.id}/transfers", {"email": "bola@example.com"}, order_token=order_token(order, 1)
        )
        accept(sale.api, UUID(started.json["id"]))

        assert [to for to, _ in outbox_of(conn, "transfer_completed")] == [NEW]
        invariants.check(conn)

    def test_refunded_tickets_keep_what_they_had(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell(quantity=2)
        factories.payment(conn, order, status="succeeded")
        refunded, _ = tickets.list_for_order(conn, order)
        factories.refund(conn, refunded.id)

        sale.give(order)

        assert conn.execute("SELECT transfer_count, status FROM tickets ORDER BY position").fetchall() == [
            (0, "refunded"),
            (1, "valid"),
        ]
        invariants.check(conn)

    def test_the_links_to_orders_follow(self, sale: Sale, conn: db.Connection, aws_url: str) -> None:
        order = sale.sell()
        sale.give(order)

        for email in (OLD, NEW):
            assert sale.api.post("/v1/order-links", {"email": email}).status == 202
        (nothing,) = [letter for letter in letters_to(conn, OLD) if letter.template == "order_links"]
        (links,) = [letter for letter in letters_to(conn, NEW) if letter.template == "order_links"]

        assert nothing.content is None
        assert sale.read(order, links.token).status == 200


class TestLinks:
    def test_a_link_works_once(self, sale: Sale) -> None:
        token = sale.ask(sale.sell())

        assert [sale.confirm(token).status for _ in range(2)] == [200, 409]
        assert sale.confirm(token).code == "link_over"

    def test_the_next_request_ends_the_link_before(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        first = sale.ask(order, "stranger@example.com")
        second = sale.ask(order)

        assert sale.confirm(first).code == "link_over"
        assert sale.confirm(second).json["order"]["buyer"]["email"] == NEW
        assert letters_to(conn, "stranger@example.com")[0].content is None

    def test_to_name_the_present_address_ends_a_change_that_waits(self, sale: Sale) -> None:
        order = sale.sell()
        token = sale.ask(order)

        answer = sale.patch(order, buyer={"email": OLD.upper()})

        assert answer.json["email_change_expires_at"] is None
        assert sale.confirm(token).code == "link_over"

    def test_a_change_that_holds_ends_a_change_that_waits(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        token = sale.ask(order, "stranger@example.com")
        sale.give(order)

        assert sale.confirm(token).code == "link_over"
        assert buyer_of(conn, order)[1] == NEW

    def test_a_link_is_good_for_a_day(self, sale: Sale, conn: db.Connection) -> None:
        token = sale.ask(sale.sell())
        row = conn.execute(
            "SELECT expires_at - now() > '23:59:00', expires_at - now() <= '24:00:00' FROM one_time_tokens"
        )
        assert row.fetchall() == [(True, True)]
        conn.execute("UPDATE one_time_tokens SET expires_at = now()")

        assert sale.confirm(token).code == "link_over"

    def test_a_forged_link_is_refused(self, sale: Sale) -> None:
        for token in ("x", "AZgfbHsAehGMPl0vQKGwEQ.1.Jd0mXcS3q8vYt2LwZp9rKfB6nHg4uQa7"):
            assert sale.confirm(token).code == "link_over"

    def test_a_link_ends_with_the_order(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        factories.payment(conn, order, status="succeeded")
        token = sale.ask(order)
        for ticket in tickets.list_for_order(conn, order):
            factories.refund(conn, ticket.id)

        assert sale.confirm(token).code == "order_ended"

    def test_a_link_ends_with_the_data_of_the_buyer(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        token = sale.ask(order)
        with conn.transaction():
            erase_buyers(conn, [order])

        assert sale.confirm(token).code == "link_over"
        assert sale.patch(order, account=sale.manager, buyer={"email": NEW}).code == "buyer_erased"


class TestPendingOrder:
    def test_nobody_has_its_link_so_the_change_holds_at_once_and_the_link_goes_on(
        self, sale: Sale, conn: db.Connection
    ) -> None:
        order = factories.order(conn, sale.ticket_type, buyer_email=OLD)

        answer = sale.patch(order, buyer={"email": NEW})

        assert answer.json["buyer"]["email"] == NEW
        assert sale.read(order, order_token(order)).status == 200
        assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        assert history(conn, order) == [("pending", "changed by guest: email address")]

    def test_once_something_was_written_to_the_address_the_next_one_confirms(
        self, sale: Sale, conn: db.Connection
    ) -> None:
        order = factories.order(conn, sale.ticket_type, buyer_email=OLD)
        message = owe(conn, order, template="payment_processing", recipient=OLD)
        conn.execute("UPDATE outbox SET status = 'sent' WHERE id = %s", [message])

        token = sale.ask(order)
        assert buyer_of(conn, order)[1] == OLD
        confirmed = sale.confirm(token)

        letter = letters_to(conn, NEW)[-1]
        assert letter.template == "order_received"
        assert letter.token == confirmed.json["access_token"]
        assert sale.read(order, order_token(order)).status == 404

    def test_a_free_order_that_waits_for_its_buyer_waits_for_the_next_one(
        self, sale: Sale, conn: db.Connection
    ) -> None:
        conn.execute("UPDATE ticket_types SET price = 0")
        conn.execute("UPDATE events SET confirm_free_orders = true")
        placed = sale.api.post("/v1/orders", factories.order_request(sale.ticket_type, 1), key="new")
        order, former = UUID(placed.json["id"]), letters_to(conn, placed.json["buyer"]["email"])[0].token

        assert sale.give(order).json["status"] == "pending"
        letter = letters_to(conn, NEW)[-1]

        assert letter.template == "confirm_order"
        path = "/v1/order-confirmations"
        assert sale.api.post(path, {"token": former}).code == "link_over"
        confirmed = sale.api.post(path, {"token": letter.token})
        assert sale.read(order, confirmed.json["access_token"]).json["status"] == "paid"
        invariants.check(conn)

    def test_an_order_that_has_ended_stays_as_it_is(self, sale: Sale, conn: db.Connection) -> None:
        order = factories.order(conn, sale.ticket_type, buyer_email=OLD)
        for status in ("expired", "cancelled", "refunded"):
            conn.execute("UPDATE orders SET status = %s", [status])
            for caller in ({"order_token": order_token(order)}, {"account": sale.manager}):
                refused = sale.patch(order, buyer={"name": "Bola"}, **caller)
                assert (refused.status, refused.code, refused.json["order_status"]) == (409, "order_ended", status)


class TestWhoMay:
    def test_an_accounts_order_takes_more_than_its_link(self, sale: Sale, conn: db.Connection) -> None:
        account = factories.account(conn)
        order = sale.sell(account_id=account)

        refused = sale.patch(order, buyer={"email": NEW})
        asked = sale.patch(order, buyer={"email": NEW}, account=account)

        assert (refused.status, refused.code) == (403, "order_of_account")
        assert asked.json["email_change_expires_at"] is not None
        assert sale.patch(order, buyer={"name": "Bola"}).status == 200
        token = letters_to(conn, NEW)[-1].token
        assert sale.confirm(token).status == 200
        assert sale.api.get(f"/v1/orders/{order}", account=account).status == 200

    def test_the_accounts_owner_may_send_the_link_too(self, sale: Sale, conn: db.Connection) -> None:
        account = factories.account(conn)
        order = sale.sell(account_id=account)

        assert sale.patch(order, buyer={"email": NEW}, account=account, order_token=order_token(order)).status == 200

    def test_an_api_key_acts_as_the_seller(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        _, key = factories.api_key(conn, sale.organisation, "orders:write")

        answer = sale.api.patch(f"/v1/orders/{order}", {"buyer": {"email": NEW}}, headers={"X-Api-Key": key})

        assert answer.json["buyer"]["email"] == NEW

    def test_scanners_and_other_sellers_may_not(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        other = factories.member(conn, factories.organisation(conn), "manager")

        answers = [sale.patch(order, account=account, buyer={"name": "X"}) for account in (sale.scanner, other)]

        assert [answer.status for answer in answers] == [403, 404]

    def test_the_limit_of_a_buyer_counts_what_the_new_address_has(self, sale: Sale, conn: db.Connection) -> None:
        conn.execute("UPDATE ticket_types SET max_per_buyer = 2")
        order = sale.sell()
        token = sale.ask(order)
        assert sale.confirm(token).status == 200
        another = sale.sell(buyer_email="c@example.com", quantity=2)

        for caller in ({"order_token": order_token(another)}, {"account": sale.manager}):
            refused = sale.patch(another, buyer={"email": NEW}, **caller)
            assert (refused.code, refused.json["max_per_buyer"], refused.json["taken"]) == ("buyer_limit_reached", 2, 1)

    def test_the_limit_counts_again_when_the_address_confirms(self, sale: Sale, conn: db.Connection) -> None:
        conn.execute("UPDATE ticket_types SET max_per_buyer = 2")
        token = sale.ask(sale.sell())
        sale.sell(buyer_email=NEW, quantity=2)

        assert sale.confirm(token).code == "buyer_limit_reached"

    def test_what_strangers_ordered_for_the_address_does_not_count_when_it_confirms(
        self, sale: Sale, conn: db.Connection
    ) -> None:
        """A pending order proves nothing, nor does a free one that nobody has confirmed."""
        conn.execute("UPDATE ticket_types SET max_per_buyer = 2")
        token = sale.ask(sale.sell(quantity=2))
        factories.order(conn, sale.ticket_type, buyer_email=NEW)
        conn.execute("UPDATE ticket_types SET price = 0")
        sale.sell(buyer_email=NEW, quantity=2)

        assert sale.confirm(token).status == 200

    def test_a_free_order_that_the_address_has_confirmed_counts_when_it_confirms_another(
        self, sale: Sale, conn: db.Connection
    ) -> None:
        conn.execute("UPDATE ticket_types SET price = 0, max_per_buyer = 2")
        assert sale.confirm(sale.ask(sale.sell(quantity=2))).status == 200
        conn.execute("UPDATE ticket_types SET max_per_buyer = 4")
        token = sale.ask(sale.sell(quantity=2))
        conn.execute("UPDATE ticket_types SET max_per_buyer = 2")

        assert sale.confirm(token).code == "buyer_limit_reached"

    def test_wrong_links_are_limited_by_network_and_a_right_one_passes(self, sale: Sale, conn: db.Connection) -> None:
        token = sale.ask(sale.sell())
        conn.execute(
            """INSERT INTO rate_limits (bucket, attempts, resets_at)
            VALUES ('order email address 203.0.113.7', 300, now() + interval '15 minutes')"""
        )

        assert sale.confirm("x" * len(token)).status == 429
        assert sale.confirm(token).status == 200

    def test_refunded_tickets_do_not_count(self, sale: Sale, conn: db.Connection) -> None:
        conn.execute("UPDATE ticket_types SET max_per_buyer = 2")
        order = sale.sell(quantity=2)
        factories.payment(conn, order, status="succeeded")
        factories.refund(conn, tickets.list_for_order(conn, order)[0].id)
        sale.sell(buyer_email=NEW)

        assert sale.give(order).status == 200


class TestNames:
    def test_name_and_phone_hold_at_once_and_the_links_go_on(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell(quantity=2)
        (qr, *_) = sale.qrs(order)

        answer = sale.patch(order, buyer={"name": NAME, "phone": "+2348012345678"})

        assert answer.json["buyer"] == {"name": NAME, "email": OLD, "phone": "+2348012345678"}
        assert [ticket.holder_name for ticket in tickets.list_for_order(conn, order)] == [NAME] * 2
        assert sale.read(order, order_token(order)).status == 200
        assert sale.scan(qr).json["holder_name"] == NAME
        assert sale.patch(order, buyer={"phone": None}).json["buyer"]["phone"] is None

    def test_holders_are_named_until_the_doors_open(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell(quantity=3)
        first, second, _ = (str(ticket.id) for ticket in tickets.list_for_order(conn, order))

        assert sale.patch(order, holders=[{"ticket_id": first, "name": NAME}]).status == 200
        assert sale.patch(order, buyer={"name": "Bola"}).status == 200
        names = [ticket.holder_name for ticket in tickets.list_for_order(conn, order)]
        conn.execute("UPDATE events SET doors_open_at = now() - interval '1 minute'")
        refused = sale.patch(order, holders=[{"ticket_id": second, "name": "Late"}])
        late = sale.patch(order, buyer={"name": "Late"})

        assert names == [NAME, "Bola", "Bola"]
        assert (refused.status, refused.code, refused.json["ticket_ids"]) == (409, "doors_open", [second])
        assert late.json["buyer"]["name"] == "Late"
        assert [ticket.holder_name for ticket in tickets.list_for_order(conn, order)] == names

    def test_without_a_time_the_doors_open_when_the_event_starts(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        (ticket,) = tickets.list_for_order(conn, order)
        conn.execute("UPDATE events SET starts_at = now() - interval '1 minute'")

        assert sale.patch(order, holders=[{"ticket_id": str(ticket.id), "name": "X"}]).code == "doors_open"

    def test_only_the_orders_own_valid_tickets_are_named(self, sale: Sale, conn: db.Connection) -> None:
        order, other = sale.sell(quantity=2), sale.sell()
        factories.payment(conn, order, status="succeeded")
        refunded, passed = tickets.list_for_order(conn, order)
        (foreign,) = tickets.list_for_order(conn, other)
        factories.refund(conn, refunded.id)
        accept(sale.api, factories.transfer(conn, passed.id))

        codes = [
            sale.patch(order, holders=[{"ticket_id": str(ticket), "name": "X"}]).code
            for ticket in (refunded.id, passed.id, foreign.id, uuid4())
        ]

        assert codes == ["ticket_refunded", "ticket_transferred", "ticket_not_found", "ticket_not_found"]

    def test_what_cannot_be_is_refused(self, sale: Sale) -> None:
        order = sale.sell()
        bodies: list[dict[str, Any]] = [
            *({"buyer": {"name": name}} for name in ("", "\u200d", None, "www.example.com")),
            *({"buyer": {"email": email}} for email in (None, "Ada <ada@example.com>", "jörg@example.com")),
            {"buyer": {"phone": "0801"}},
            {"buyer": {"total": 0}},
            {"holders": []},
            {"holders": [{"ticket_id": "x", "name": "Ada"}]},
            {"total": 0},
        ]

        assert [sale.patch(order, **body).status for body in bodies] == [422] * len(bodies)


class TestRecords:
    def test_what_is_the_same_already_changes_nothing(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        (ticket,) = tickets.list_for_order(conn, order)
        before = history(conn, order)

        answer = sale.patch(
            order,
            buyer={"name": "Ada Buyer", "email": OLD, "phone": None},
            holders=[{"ticket_id": str(ticket.id), "name": "Ada Buyer"}],
        )

        assert answer.json["version"] == 1
        assert history(conn, order) == before
        assert sale.patch(order).json["version"] == 1

    def test_each_change_has_a_version_a_history_row_and_a_webhook_without_personal_data(
        self, sale: Sale, conn: db.Connection
    ) -> None:
        enable_webhooks(conn)
        order = sale.sell()

        versions = [
            sale.patch(order, buyer={"name": "Bola", "phone": "+2348012345678"}).json["version"],
            sale.confirm(sale.ask(order)).json["order"]["version"],
            sale.give(order, "c@example.com").json["version"],
        ]

        assert versions == [2, 3, 4]
        assert history(conn, order)[1:] == [
            ("paid", "changed by guest: name, phone"),
            ("paid", "confirmed: email address"),
            ("paid", "changed by manager: email address"),
        ]
        sent = [body for body in webhooks(conn) if body["type"] == "order.updated"]
        assert [body["data"]["order_id"] for body in sent] == [str(order)] * 3
        assert set(sent[0]["data"]) == {"order_id", "number", "status", "currency", "currency_exponent"}

    def test_a_stale_version_is_refused(self, sale: Sale) -> None:
        order = sale.sell()
        tag = sale.patch(order, buyer={"name": "Bola"}).headers["etag"]

        stale = sale.patch(order, buyer={"name": "Chidi"}, headers={"If-Match": '"1"'})
        fresh = sale.patch(order, buyer={"name": "Chidi"}, headers={"If-Match": tag})

        assert (stale.status, stale.json["version"]) == (412, 2)
        assert fresh.json["version"] == 3

    def test_the_audit_log_has_both_addresses(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        sale.give(order)

        entry = only_entry(conn)
        assert (entry.action, entry.subject, entry.actor) == ("update_order", f"order {order}", sale.manager)
        assert entry.details == {"before": {"buyer_email": OLD}, "after": {"buyer_email": NEW}}

    def test_it_has_what_a_guest_confirmed(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()
        sale.confirm(sale.ask(order))

        (entry,) = entries(conn)
        assert (entry.action, entry.actor) == ("confirm_order_email", UUID(int=0))
        assert entry.details == {"before": {"buyer_email": OLD}, "after": {"buyer_email": NEW}}


class TestEmailsUnderWay:
    def test_those_that_are_sent_later_go_to_the_new_address(
        self, sale: Sale, conn: db.Connection, aws_url: str
    ) -> None:
        former, new = (f"{uuid4().hex}@example.com" for _ in range(2))
        order = sale.sell(quantity=2, sent=False, buyer_email=former)
        factories.payment(conn, order, status="succeeded")
        refunded, _ = tickets.list_for_order(conn, order)
        factories.refund(conn, refunded.id)
        waiting = [row[0] for row in conn.execute("SELECT id FROM outbox WHERE recipient = %s ORDER BY id", [former])]

        sale.give(order, new)
        conn.execute("UPDATE outbox SET due_at = now()")
        told = [row[0] for row in conn.execute("SELECT id FROM outbox WHERE template = 'order_email_changed'")]
        assert deliver(*waiting, *told) == []

        assert [outbox_row(conn, message)["recipient"] for message in waiting] == [new] * 2
        assert len(inbox(aws_url, new)) == 2
        assert [mail["Subject"].partition(" has ")[2] for mail in inbox(aws_url, former)] == ["another address"]

    def test_a_worker_that_is_writing_sends_nothing_new_to_the_old_address(
        self, sale: Sale, conn: db.Connection, monkeypatch: pytest.MonkeyPatch, aws_url: str
    ) -> None:
        former, new = (f"{uuid4().hex}@example.com" for _ in range(2))
        order = sale.sell(sent=False, buyer_email=former)
        (message,) = conn.execute("SELECT id FROM outbox WHERE template = 'order_confirmation'").fetchone() or ()
        monkeypatch.setitem(emails.WRITERS, "order_confirmation", given_before(sale, order, new))

        assert deliver(message) == []

        assert inbox(aws_url, new)[0]["Subject"].startswith("Your tickets for")
        assert outbox_row(conn, message)["recipient"] == new
        assert inbox(aws_url, former) == []


def given_before(sale: Sale, order: UUID, email: str) -> Callable[..., Content]:
    """Return the writer of confirmations. While it is about to write the first one, the order gets another address."""
    write = emails.WRITERS["order_confirmation"]

    def writer(conn: db.Connection, **payload: Any) -> Content:
        if not outbox_of(sale.conn, "order_email_changed"):
            caller = Caller(Who.GUEST, sale.manager, operation="update_order")
            patch = OrderPatch.model_validate({"buyer": {"email": email}})
            with sale.conn.transaction():
                changes.update_order(sale.conn, caller, order, patch, None)
        return write(conn, **payload)

    return writer


class TestRepeats:
    def test_a_repeated_purchase_gets_the_first_answer_and_a_token_that_has_ended(
        self, sale: Sale, conn: db.Connection
    ) -> None:
        request = factories.order_request(sale.ticket_type, 1)
        first = sale.api.post("/v1/orders", request, key="once")
        order = UUID(first.json["id"])
        factories.payment(conn, order)
        owe(conn, order, recipient=first.json["buyer"]["email"])
        sale.give(order)

        again = sale.api.post("/v1/orders", request, key="once")

        assert again.body == first.body
        assert sale.read(order, again.json["access_token"]).status == 404

    def test_twenty_changes_an_hour_are_enough(self, sale: Sale) -> None:
        order = sale.sell()

        answers = [sale.patch(order, buyer={"name": f"Ada {number}"}) for number in range(21)]

        assert [answer.status for answer in answers] == [200] * 20 + [429]

    def test_whoever_has_the_link_keeps_neither_its_account_nor_managers_from_changing_it(self, sale: Sale) -> None:
        """The link may be with a stranger, by a slip of the pen. Then a manager gives the order back."""
        account = factories.account(sale.conn)
        order = sale.sell(account_id=account)
        stranger = factories.account(sale.conn)
        for number in range(21):
            refused = sale.patch(order, buyer={"name": f"Mal {number}"})
        assert refused.status == 429
        with_account = sale.api.patch(
            f"/v1/orders/{order}", {"buyer": {"name": "Mal"}}, order_token=order_token(order), account=stranger
        )
        assert with_account.status == 429

        assert sale.patch(order, account=account, buyer={"name": "Ada"}).status == 200
        assert sale.give(order).status == 200

    def test_an_address_is_asked_ten_times_an_hour(self, sale: Sale) -> None:
        orders = [sale.sell() for _ in range(11)]

        answers = [sale.patch(order, buyer={"email": "victim+x@example.com"}) for order in orders]

        assert [answer.status for answer in answers] == [200] * 10 + [429]

    def test_an_order_asks_five_addresses_an_hour(self, sale: Sale, conn: db.Connection) -> None:
        order = sale.sell()

        answers = [sale.patch(order, buyer={"email": f"victim{number}@example.com"}) for number in range(6)]

        assert [answer.status for answer in answers] == [200] * 5 + [429]
        assert len(outbox_of(conn, "order_email_change_started")) == 5
