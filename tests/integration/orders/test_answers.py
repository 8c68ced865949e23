"""What an event asks: answered with the purchase, kept with the tickets, and changed until the doors open."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.guest_tokens import order_token, waitlist_token
from boxoffice.orders import service as orders
from boxoffice.tickets import transfers
from tests.helpers import factories, invariants
from tests.helpers.audit import entries
from tests.helpers.factories import NOW
from tests.helpers.forms import form, question
from tests.helpers.mailbox import letters_to
from tests.helpers.sellers import enable_webhooks, history, webhooks
from tests.helpers.support import Answer, Client

NAME = "علی‌رضا ශ්‍රී 👨‍👩‍👧"
FORM = form(
    question("source", "one_of", asked_of="order", required=True),
    question("diet", "one_of", required=True, at_door=True),
    question("what", shown_if={"question_id": "diet", "options": ["other"]}, at_door=True),
    question("note", "long_text"),
    name="required",
    email="optional",
)
ADA = {"name": "Ada", "email": "ada@example.com", "answers": {"diet": "vegan"}}
BOLA = {"name": NAME, "answers": {"diet": "other", "what": NAME, "note": "a\nb"}}


@dataclass
class Sale:
    """An event that asks its buyers, and who works there."""

    api: Client
    conn: db.Connection
    organisation: UUID
    event: UUID
    manager: UUID
    scanner: UUID
    ticket_type: UUID

    def buy(self, *holders: dict[str, Any], ticket_type: UUID | None = None, **more: Any) -> Answer:
        """Place an order with a ticket for each holder."""
        body = {"holders": list(holders), "answers": {str(self.event): {"source": "vegan"}}, **more}
        request = factories.order_request(ticket_type or self.ticket_type, len(holders), **body)
        return self.api.post("/v1/orders", request, key="new")

    def bought(self, *holders: dict[str, Any], **more: Any) -> UUID:
        """Return a paid order."""
        placed = self.buy(*holders, **more)
        assert placed.status == 201, placed.body
        order = UUID(placed.json["id"])
        self.pay(order)
        return order

    def pay(self, order: UUID) -> None:
        with self.conn.transaction():
            row = orders.lock_order(self.conn, order)
            if row.status == "pending":
                orders.pay(self.conn, row, reason="test")

    def read(self, order: UUID, **caller: Any) -> dict[str, Any]:
        answer = self.api.get(f"/v1/orders/{order}", **(caller or {"order_token": order_token(order)}))
        assert answer.status == 200, answer.body
        return dict(answer.json)

    def patch(self, order: UUID, *, headers: dict[str, str] | None = None, **options: Any) -> Answer:
        """Change an order, as its guest unless an account is given."""
        caller = {"account": options.pop("account")} if "account" in options else {"order_token": order_token(order)}
        return self.api.patch(f"/v1/orders/{order}", options, headers=headers, **caller)

    def ask(self, *questions: dict[str, Any], **holders: str) -> None:
        """Change what the event asks."""
        self.conn.execute("UPDATE events SET form = %s WHERE id = %s", [form(*questions, **holders), self.event])

    def scan(self, ticket: UUID) -> Answer:
        return self.api.post(f"/v1/tickets/{ticket}/scans", {"event_id": str(self.event)}, account=self.scanner)

    def open_doors(self) -> None:
        self.conn.execute("UPDATE events SET doors_open_at = now() WHERE id = %s", [self.event])

    def transfer(self, ticket: str, **acceptance: Any) -> Answer:
        token = transfers.token_of(factories.transfer(self.conn, UUID(ticket)))
        return self.api.post("/v1/transfers/accept", {"token": token, "name": "Chidi", **acceptance})


@pytest.fixture
def sale(api: Client, conn: db.Connection) -> Sale:
    organisation = factories.organisation(conn)
    event = factories.event(conn, organisation_id=organisation, form=FORM)
    manager, scanner = (factories.member(conn, organisation, role) for role in ("manager", "scanner"))
    ticket_type = factories.ticket_type(conn, event_id=event, max_per_order=1000, quantity=1000)
    return Sale(api, conn, organisation, event, manager, scanner, ticket_type)


def texts(answers: list[dict[str, Any]]) -> dict[str, str]:
    return {answer["question_id"]: answer["text"] for answer in answers}


class TestPurchase:
    def test_tickets_get_their_holders_and_answers_when_they_are_issued(self, sale: Sale, conn: Connection) -> None:
        order = UUID(sale.buy(ADA, BOLA).json["id"])

        pending = sale.read(order)
        assert [holder["name"] for holder in pending["holders"]] == ["Ada", NAME]
        assert pending["tickets"] == []

        sale.pay(order)

        paid = sale.read(order)
        assert paid["holders"] == []
        assert texts(paid["answers"][str(sale.event)]) == {"source": "Vegan"}
        first, second = paid["tickets"]
        assert (first["holder_name"], first["holder_contact"]) == ("Ada", "ada@example.com")
        assert texts(first["answers"]) == {"diet": "Vegan"}
        assert (second["holder_name"], second["holder_contact"]) == (NAME, None)
        assert texts(second["answers"]) == {"diet": "Something else", "what": NAME, "note": "a\nb"}
        assert conn.execute("SELECT count(*) FROM outbox WHERE recipient = 'ada@example.com'").fetchone() == (0,)
        invariants.check(conn)

    def test_a_free_order_has_them_at_once(self, sale: Sale, conn: Connection) -> None:
        free = factories.ticket_type(conn, event_id=sale.event, price=0)

        order = UUID(sale.buy(ADA, BOLA, ticket_type=free).json["id"])

        assert [ticket["holder_name"] for ticket in sale.read(order)["tickets"]] == ["Ada", NAME]
        invariants.check(conn)

    def test_an_order_that_is_confirmed_or_paid_by_hand_has_them_too(self, sale: Sale, conn: Connection) -> None:
        conn.execute("UPDATE events SET confirm_free_orders = true")
        free = factories.ticket_type(conn, event_id=sale.event, price=0)
        buyer = {"name": "Ada Buyer", "email": "ada.buyer@example.com"}
        confirmed = UUID(sale.buy(BOLA, ticket_type=free, buyer=buyer).json["id"])
        by_hand = UUID(sale.buy(BOLA).json["id"])

        token = letters_to(conn, "ada.buyer@example.com")[-1].token
        assert sale.api.post("/v1/order-confirmations", {"token": token}).status == 200
        body = {"method": "cash"}
        assert sale.api.post(f"/v1/orders/{by_hand}/mark-paid", body, account=sale.manager, key="new").status == 200

        for order in (confirmed, by_hand):
            (ticket,) = sale.read(order)["tickets"]
            assert (ticket["holder_name"], texts(ticket["answers"])["what"]) == (NAME, NAME)
        invariants.check(conn)

    def test_a_group_has_one_holder(self, sale: Sale, conn: Connection) -> None:
        group = factories.ticket_type(conn, event_id=sale.event, ticket_mode="group")
        items = [{"ticket_type_id": str(group), "quantity": 7}]

        order = sale.bought(ADA, items=items)

        (ticket,) = sale.read(order)["tickets"]
        assert (ticket["group_size"], ticket["holder_name"]) == (7, "Ada")

    def test_holders_follow_the_items_and_items_of_one_type_are_one(self, sale: Sale, conn: Connection) -> None:
        other = factories.ticket_type(conn, event_id=sale.event)
        items = [{"ticket_type_id": str(each), "quantity": 1} for each in (sale.ticket_type, other, sale.ticket_type)]
        names = [{**ADA, "name": name} for name in ("first", "second", "third")]

        order = sale.bought(*names, items=items)

        assert [(ticket["ticket_type_id"], ticket["holder_name"]) for ticket in sale.read(order)["tickets"]] == [
            (str(sale.ticket_type), "first"),
            (str(sale.ticket_type), "second"),
            (str(other), "third"),
        ]

    @pytest.mark.parametrize("backwards", [False, True])
    def test_holders_sit_on_the_seats_that_are_named(self, sale: Sale, conn: Connection, backwards: bool) -> None:
        seated = factories.ticket_type(conn, event_id=sale.event)
        (row,) = factories.seats(conn, seated, 3)
        named = [str(seat) for seat in (row[::-1] if backwards else row)]
        items = [{"ticket_type_id": str(seated), "quantity": 3, "seat_ids": named}]

        order = sale.bought(*({**ADA, "name": name} for name in "abc"), items=items)

        seats = {ticket["holder_name"]: ticket["seat"][-1] for ticket in sale.read(order)["tickets"]}
        assert seats == dict(zip("abc", "321" if backwards else "123", strict=True))
        invariants.check(conn)

    def test_an_order_for_two_events_answers_both(self, sale: Sale, conn: Connection) -> None:
        other = factories.event(
            conn, organisation_id=sale.organisation, form=form(question("source", asked_of="order", required=True))
        )
        types = [sale.ticket_type, factories.ticket_type(conn, event_id=other)]
        items = [{"ticket_type_id": str(each), "quantity": 1} for each in types]

        refused = sale.buy(ADA, {}, items=items)
        assert [each["loc"] for each in refused.json["errors"]] == [["body", "answers", str(other), "source"]]
        answers = {str(sale.event): {"source": "other"}, str(other): {"source": "radio"}}
        order = sale.bought(ADA, {}, items=items, answers=answers)

        given = sale.read(order)["answers"]
        assert {event: texts(each)["source"] for event, each in given.items()} == {
            str(sale.event): "Something else",
            str(other): "radio",
        }

    def test_a_voucher_and_an_offer_of_the_waitlist_take_answers_too(self, sale: Sale, conn: Connection) -> None:
        voucher = factories.voucher(conn, sale.event, code="TENTH")
        assert voucher
        order = sale.bought(ADA, voucher="TENTH")
        assert sale.read(order)["tickets"][0]["holder_name"] == "Ada"

        sold_out = factories.ticket_type(conn, event_id=sale.event, quantity=2)
        holding = factories.order(conn, sold_out, quantity=2)
        entry = factories.waitlist_entry(conn, sold_out, email="ada@example.com")
        sale.api.post(f"/v1/orders/{holding}/cancel", order_token=order_token(holding))
        buyer = {"name": "Ada Buyer", "email": "ada@example.com"}
        more = {"ticket_type": sold_out, "waitlist_token": waitlist_token(entry), "buyer": buyer}
        assert sale.buy({}, {}, **more).code == "invalid"
        order = sale.bought(ADA, BOLA, **more)
        assert [ticket["holder_name"] for ticket in sale.read(order)["tickets"]] == ["Ada", NAME]
        invariants.check(conn)

    def test_what_is_missing_is_told_and_nothing_is_held(self, sale: Sale, conn: Connection) -> None:
        refused = sale.api.post("/v1/orders", factories.order_request(sale.ticket_type, 1), key="new")

        assert (refused.status, refused.code) == (422, "invalid")
        assert {".".join(map(str, each["loc"])): each["msg"] for each in refused.json["errors"]} == {
            f"body.answers.{sale.event}.source": "must be answered",
            "body.holders.0.name": "is missing",
            "body.holders.0.answers.diet": "must be answered",
        }
        assert invariants.left(conn, sale.ticket_type) == (1000, 0, 0)

    def test_a_repeat_is_answered_though_the_event_asks_more_since(self, sale: Sale) -> None:
        body = {"holders": [ADA], "answers": {str(sale.event): {"source": "vegan"}}}
        request = factories.order_request(sale.ticket_type, 1, **body)
        first = sale.api.post("/v1/orders", request, key="same")
        sale.ask(question("new", required=True))

        assert sale.api.post("/v1/orders", request, key="same").json == first.json
        assert sale.api.post("/v1/orders", {**request, "holders": [BOLA]}, key="same").code == "idempotency_key_reused"

    def test_three_hundred_tickets_with_answers(self, sale: Sale, conn: Connection) -> None:
        holders = [{"name": f"Guest {number}", "answers": {"diet": "vegan"}} for number in range(300)]

        order = sale.bought(*holders)

        found = sale.read(order)["tickets"]
        assert [ticket["holder_name"] for ticket in found] == [holder["name"] for holder in holders]
        assert all(texts(ticket["answers"]) == {"diet": "Vegan"} for ticket in found)
        invariants.check(conn)

    @pytest.mark.parametrize(
        ("holders", "field"),
        [
            ([{**ADA, "answers": {"diet": {"a": [[[]]]}}}], "body.holders.0.answers.diet"),
            ([{**ADA, "answers": {"\ud800" * 300: "a"}}], None),
            ([{**ADA, "answers": {f"q{number}": "a" for number in range(51)}}], "body.holders.0.answers"),
            ([{**ADA, "answers": []}], "body.holders.0.answers"),
            ([{**ADA, "seat": "A1"}], "body.holders.0.seat"),
            ([{"name": "\u200b", "answers": {"diet": "vegan"}}], "body.holders.0.name"),
            ([{**ADA, "name": "see www.example.com"}], "body.holders.0.name"),
            ([ADA, ADA], "body.holders"),
            ([{}] * 1001, "body.holders"),
            ("Ada", "body.holders"),
        ],
    )
    def test_hostile_holders_are_refused_with_their_place(self, sale: Sale, holders: Any, field: str | None) -> None:
        body = {"holders": holders, "answers": {str(sale.event): {"source": "vegan"}}}
        refused = sale.api.post("/v1/orders", factories.order_request(sale.ticket_type, 1, **body), key="new")

        assert (refused.status, refused.code) == (422, "invalid")
        if field:
            assert ".".join(map(str, refused.json["errors"][0]["loc"])) == field

    def test_an_event_that_asks_nothing_takes_names_and_no_answers(self, sale: Sale) -> None:
        sale.ask()
        sale.conn.execute("UPDATE events SET form = NULL")

        order = sale.bought({"name": "Ada"}, answers=None)

        assert sale.read(order)["tickets"][0]["holder_name"] == "Ada"
        assert sale.buy({"answers": {"diet": "vegan"}}, answers=None).code == "invalid"


class TestChanges:
    def test_holders_and_answers_change_with_a_history_row(self, sale: Sale, conn: Connection) -> None:
        enable_webhooks(conn)
        order = sale.bought(ADA, BOLA)
        first, _ = sale.read(order)["tickets"]
        change = {"ticket_id": first["id"], "email": "new@example.com", "answers": {"diet": "other", "what": "Fish"}}

        changed = sale.patch(order, holders=[change], answers={str(sale.event): {"source": "other"}})

        assert changed.status == 200, changed.body
        ticket = changed.json["tickets"][0]
        assert (ticket["holder_name"], ticket["holder_contact"]) == ("Ada", "new@example.com")
        assert texts(ticket["answers"]) == {"diet": "Something else", "what": "Fish"}
        assert texts(changed.json["answers"][str(sale.event)]) == {"source": "Something else"}
        assert changed.json["version"] == 2
        assert history(conn, order)[-1] == ("paid", "changed by guest: holders, answers")
        assert entries(conn)[-1].details["tickets"] == [first["id"]]
        said = json.dumps(webhooks(conn))
        assert "order.updated" in said
        assert "Fish" not in said
        invariants.check(conn)

    def test_a_repeat_changes_nothing(self, sale: Sale, conn: Connection) -> None:
        order = sale.bought(ADA)
        (ticket,) = sale.read(order)["tickets"]
        change = [{"ticket_id": ticket["id"], **ADA}]

        again = sale.patch(order, holders=change, answers={str(sale.event): {"source": "vegan"}})

        assert (again.status, again.json["version"]) == (200, 1)
        assert sale.patch(order, holders=[{"ticket_id": ticket["id"]}]).json["version"] == 1
        assert len(history(conn, order)) == 1

    def test_an_edit_of_an_old_version_is_refused(self, sale: Sale) -> None:
        order = sale.bought(ADA)
        answers = {str(sale.event): {"source": "other"}}
        assert sale.patch(order, answers=answers, headers={"if-match": '"1"'}).status == 200
        assert sale.patch(order, answers=answers, headers={"if-match": '"1"'}).code == "stale_version"

    def test_a_pending_order_is_sent_all_holders(self, sale: Sale, conn: Connection) -> None:
        order = UUID(sale.buy(ADA, BOLA).json["id"])

        changed = sale.patch(order, holders=[{"name": "Zoe"}, {}])

        assert [holder["name"] for holder in changed.json["holders"]] == ["Zoe", NAME]
        assert changed.json["holders"][0]["email"] == "ada@example.com"
        assert history(conn, order) == [("pending", "changed by guest: holders")]
        assert sale.patch(order, holders=[{"name": "Zoe"}]).json["errors"][0]["loc"] == ["body", "holders"]
        named = sale.patch(order, holders=[{"name": "Zoe"}, {"ticket_id": str(uuid4())}])
        assert named.json["errors"][0]["loc"] == ["body", "holders", 1, "ticket_id"]
        sale.pay(order)
        assert [ticket["holder_name"] for ticket in sale.read(order)["tickets"]] == ["Zoe", NAME]

    def test_a_pending_order_without_holders_can_name_them(self, sale: Sale) -> None:
        sale.ask(name="optional")
        order = UUID(sale.buy({}, {}, answers=None).json["id"])

        changed = sale.patch(order, holders=[{}, {"name": "Zoe"}])

        assert [holder["name"] for holder in changed.json["holders"]] == [None, "Zoe"]
        sale.pay(order)
        assert [ticket["holder_name"] for ticket in sale.read(order)["tickets"]] == ["Ada Buyer", "Zoe"]

    @pytest.mark.parametrize(
        ("change", "loc"),
        [
            ({"answers": {}}, ["answers", "diet"]),
            ({"answers": {"diet": "meat"}}, ["answers", "diet"]),
            ({"answers": {"diet": "vegan", "source": "a"}}, ["answers", "source"]),
            ({"answers": None}, ["answers"]),
            ({"name": None}, ["name"]),
            ({"ticket_id": None}, ["ticket_id"]),
        ],
    )
    def test_what_does_not_fit_is_refused(self, sale: Sale, change: dict[str, Any], loc: list[str]) -> None:
        order = sale.bought(ADA)
        (ticket,) = sale.read(order)["tickets"]

        refused = sale.patch(order, holders=[{"ticket_id": ticket["id"], **change}])

        assert (refused.status, refused.code) == (422, "invalid")
        assert refused.json["errors"][0]["loc"] == ["body", "holders", 0, *loc]

    def test_each_ticket_is_named_once(self, sale: Sale) -> None:
        order = sale.bought(ADA)
        (ticket,) = sale.read(order)["tickets"]
        twice = sale.patch(order, holders=[{"ticket_id": ticket["id"], "name": name} for name in "ab"])
        assert twice.json["errors"][0]["loc"] == ["body", "holders", 1, "ticket_id"]
        assert sale.patch(order, holders=[{"name": "a"}]).json["errors"][0]["msg"] == "is missing"

    def test_a_manager_may_leave_open_what_buyers_must_answer(self, sale: Sale) -> None:
        order = sale.bought(ADA)
        (ticket,) = sale.read(order)["tickets"]
        body = {"holders": [{"ticket_id": ticket["id"], "answers": {"note": "Came by phone"}}]}

        changed = sale.patch(order, account=sale.manager, **body, answers={str(sale.event): {}})

        assert changed.status == 200, changed.body
        assert texts(changed.json["tickets"][0]["answers"]) == {"note": "Came by phone"}
        assert changed.json["answers"] == {}

    def test_answers_stay_readable_whatever_is_asked_since(self, sale: Sale) -> None:
        order = sale.bought(ADA)
        (ticket,) = sale.read(order)["tickets"]
        sale.ask(question("diet", "number", label="How hungry are you?"), question("size", required=True))

        assert ticket["answers"][0]["label"] == "Diet"
        assert sale.read(order)["tickets"] == [ticket]
        assert sale.read(order)["answers"][str(sale.event)][0]["label"] == "Source"
        changed = sale.patch(order, holders=[{"ticket_id": ticket["id"], "answers": {"diet": 5, "size": "M"}}])
        assert [(each["label"], each["answer"]) for each in changed.json["tickets"][0]["answers"]] == [
            ("How hungry are you?", 5),
            ("Size", "M"),
        ]
        sale.ask(question("size", required=True))
        changed = sale.patch(order, holders=[{"ticket_id": ticket["id"], "answers": {"size": "L"}}])
        assert texts(changed.json["tickets"][0]["answers"]) == {"diet": "5", "size": "L"}

    def test_they_stay_once_the_doors_are_open(self, sale: Sale) -> None:
        order, pending = sale.bought(ADA), UUID(sale.buy(ADA).json["id"])
        (ticket,) = sale.read(order)["tickets"]
        sale.open_doors()

        late = sale.patch(order, holders=[{"ticket_id": ticket["id"], "answers": {"diet": "other"}}])
        assert (late.status, late.code, late.json["ticket_ids"]) == (409, "doors_open", [ticket["id"]])
        for each in (order, pending):
            late = sale.patch(each, answers={str(sale.event): {"source": "other"}})
            assert (late.code, late.json["event_ids"]) == ("doors_open", [str(sale.event)])
        assert sale.patch(pending, holders=[{"name": "Zoe"}]).code == "doors_open"
        assert sale.patch(pending, holders=[{}]).json["version"] == 1
        assert sale.patch(order, buyer={"phone": "+2348012345678"}).status == 200

    def test_an_order_takes_only_so_many_bytes_in_all_changes(self, sale: Sale) -> None:
        notes = [question(f"n{number}", "long_text") for number in range(40)]
        sale.ask(*notes)
        order = sale.bought({}, {}, {}, {}, {}, answers=None)
        long = {"answers": {each["id"]: "ශ" * 1000 for each in notes}}  # 40 times 3,000 bytes, as sent and as read
        ids = [ticket["id"] for ticket in sale.read(order)["tickets"]]

        ends = [sale.patch(order, holders=[{"ticket_id": ticket_id, **long}]) for ticket_id in ids]

        assert [end.status for end in ends] == [200, 200, 200, 200, 422]
        assert "at most 1000000 bytes" in ends[-1].json["detail"]
        assert [len(ticket["answers"]) for ticket in sale.read(order)["tickets"]] == [40, 40, 40, 40, 0]

    def test_strangers_change_nothing(self, sale: Sale, conn: Connection) -> None:
        order = sale.bought(ADA)
        other = sale.bought(BOLA)
        (foreign,) = sale.read(other)["tickets"]
        body = {"answers": {str(sale.event): {"source": "other"}}}

        assert sale.api.patch(f"/v1/orders/{order}", body).status in {401, 404}
        assert sale.api.patch(f"/v1/orders/{order}", body, order_token=order_token(other)).status == 404
        assert sale.patch(order, holders=[{"ticket_id": foreign["id"], "answers": {}}]).code == "ticket_not_found"


class TestTransfers:
    def test_the_new_holder_answers_for_themself(self, sale: Sale, conn: Connection) -> None:
        order = sale.bought(BOLA)
        (ticket,) = sale.read(order)["tickets"]

        asked = sale.transfer(ticket["id"])

        assert (asked.status, asked.code) == (422, "answers_needed")
        assert asked.json["event_id"] == str(sale.event)
        assert [(each["loc"], each["msg"]) for each in asked.json["errors"]] == [
            (["body", "answers", "diet"], "must be answered")
        ]
        assert asked.json["more_errors"] == 0

        accepted = sale.transfer(ticket["id"], answers={"diet": "vegan"})

        assert accepted.status == 200, accepted.body
        assert texts(accepted.json["ticket"]["answers"]) == {"diet": "Vegan"}
        assert accepted.json["ticket"]["holder_contact"] is None
        (seen,) = sale.read(order)["tickets"]  # by its buyer
        assert (seen["holder_name"], seen["holder_contact"], seen["answers"]) == (None, None, [])
        (seen,) = sale.read(order, account=sale.manager)["tickets"]
        assert (seen["holder_name"], texts(seen["answers"])) == ("Chidi", {"diet": "Vegan"})
        former = sale.api.get(f"/v1/tickets/{ticket['id']}", order_token=order_token(order)).json
        assert (former["holder_name"], former["answers"]) == (None, [])
        assert sale.patch(order, holders=[{"ticket_id": ticket["id"], "answers": {"diet": "vegan"}}]).code == (
            "ticket_transferred"
        )
        invariants.check(conn)

    def test_without_questions_the_former_answers_still_go(self, sale: Sale) -> None:
        order = sale.bought(ADA)
        (ticket,) = sale.read(order)["tickets"]
        sale.ask()

        accepted = sale.transfer(ticket["id"])

        assert (accepted.json["ticket"]["answers"], accepted.json["ticket"]["holder_contact"]) == ([], None)

    def test_another_address_of_the_order_keeps_its_answers(self, sale: Sale) -> None:
        order = sale.bought(ADA)
        sale.patch(order, account=sale.manager, buyer={"email": "new@example.com"})
        (ticket,) = sale.read(order, account=sale.manager)["tickets"]
        assert (ticket["holder_name"], texts(ticket["answers"])) == ("Ada", {"diet": "Vegan"})


class TestDoor:
    def test_a_scan_shows_the_answers_that_the_event_shows_at_the_door(self, sale: Sale) -> None:
        order = sale.bought(ADA)
        (ticket,) = sale.read(order)["tickets"]

        scanned = sale.scan(UUID(ticket["id"]))

        assert scanned.json["answers"] == [{"question_id": "diet", "label": "Diet", "text": "Vegan"}]
        again = sale.scan(UUID(ticket["id"]))
        assert again.code == "already_scanned"
        assert "Vegan" not in again.body.decode()

    def test_the_guest_list_finds_an_address_and_shows_them_too(self, sale: Sale) -> None:
        sale.bought(BOLA, {**ADA, "email": "first.address@example.com"})
        path = f"/v1/events/{sale.event}/guests"

        (found,) = sale.api.get(path, query={"q": "first.address"}, account=sale.scanner).json["items"]

        assert (found["holder_name"], found["holder_email"]) == ("Ada", "f…@example.com")
        assert found["answers"] == [{"question_id": "diet", "label": "Diet", "text": "Vegan"}]
        (found,) = sale.api.get(path, query={"q": "علی"}, account=sale.scanner).json["items"]
        assert texts(found["answers"]) == {"diet": "Something else", "what": NAME}

    def test_answers_of_the_order_are_shown_with_tickets_that_are_still_the_buyers(self, sale: Sale) -> None:
        source = question("source", "one_of", asked_of="order", at_door=True)
        sale.ask(source)
        order = sale.bought({}, {})
        first, second = sale.read(order)["tickets"]
        assert sale.transfer(second["id"]).status == 200

        shown = [sale.scan(UUID(ticket["id"])).json["answers"] for ticket in (first, second)]

        assert shown == [[{"question_id": "source", "label": "Source", "text": "Vegan"}], []]
        found = sale.api.get(f"/v1/events/{sale.event}/guests", query={"q": "Chidi"}, account=sale.scanner)
        assert found.json["items"][0]["answers"] == []

    def test_an_organiser_can_show_them_later_and_hide_them_again(self, sale: Sale) -> None:
        order = sale.bought(ADA, BOLA)
        first, second = sale.read(order)["tickets"]
        sale.ask(question("note", at_door=True), question("diet", "one_of"))
        assert sale.scan(UUID(second["id"])).json["answers"] == [
            {"question_id": "note", "label": "Note", "text": "a\nb"}
        ]
        sale.conn.execute("UPDATE events SET form = NULL")
        assert sale.scan(UUID(first["id"])).json["answers"] == []

    def test_the_manifest_has_none(self, sale: Sale) -> None:
        sale.bought(BOLA)
        manifest = sale.api.get(f"/v1/events/{sale.event}/scan-manifest", account=sale.scanner)
        assert NAME not in manifest.body.decode()


def test_lists_of_attendees_read_answers_by_ticket(sale: Sale, conn: Connection) -> None:
    order = sale.bought(ADA, BOLA)

    rows = conn.execute(
        """SELECT jsonb_path_query_array(order_answers, '$.text'),
            jsonb_path_query_array(ticket_answers.answers, '$.text')
        FROM ticket_answers JOIN tickets ON tickets.id = ticket_id WHERE order_id = %s ORDER BY position""",
        [order],
    ).fetchall()

    assert rows == [(["Vegan"], ["Vegan"]), (["Vegan"], ["Something else", NAME, "a\nb"])]


def test_a_holder_reads_their_answers_in_their_account(sale: Sale, conn: Connection) -> None:
    buyer = factories.account(conn)
    body = {"holders": [ADA], "answers": {str(sale.event): {"source": "vegan"}}}
    placed = sale.api.post(
        "/v1/orders", factories.order_request(sale.ticket_type, 1, **body), key="new", account=buyer
    ).json
    sale.pay(UUID(placed["id"]))

    (ticket,) = sale.api.get("/v1/me/tickets", account=buyer).json["items"]

    assert (ticket["holder_name"], ticket["holder_contact"]) == ("Ada", "ada@example.com")
    assert texts(ticket["answers"]) == {"diet": "Vegan"}


def test_late_money_finds_the_holders_of_an_expired_order(sale: Sale, conn: db.Connection) -> None:
    order = UUID(sale.buy(ADA).json["id"])
    conn.execute("UPDATE orders SET expires_at = %s", [NOW - timedelta(hours=1)])
    with conn.transaction():
        assert orders.expire_orders(conn, [order]) == 1
    with conn.transaction():
        row = orders.lock_order(conn, order)
        assert orders.retake_stock(conn, row)
        orders.pay(conn, row, reason="test")

    assert sale.read(order)["tickets"][0]["holder_name"] == "Ada"
    invariants.check(conn)
