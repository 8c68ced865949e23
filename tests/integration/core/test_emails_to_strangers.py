"""How many emails strangers can put into a mailbox: together ten an hour, whatever they say."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import platform_settings
from boxoffice.guest_tokens import order_token
from boxoffice.messaging.emails import WRITERS
from boxoffice.tickets import service as tickets
from tests.helpers import factories
from tests.helpers.factories import order_request
from tests.helpers.people import PASSWORD, Person, sign_up, sign_up_request
from tests.helpers.support import ROOT, Answer, Client

VICTIM = "ada@example.com"

# Why each email that is owed cannot fill a stranger's mailbox. An email that is new needs a place here.
COUNTED = {
    "confirm_email",
    "confirm_email_change",
    "confirm_order",
    "confirm_order_email",
    "confirm_sign_up",
    "invitation",
    "order_email_change_started",
    "order_confirmation",  # of an order that cost nothing, or sent again
    "transfer_started",
    "transfer_completed",  # counted when the transfer starts, if the ticket cost nothing
}
COUNTED_IF_UNVERIFIED = {
    "api_key_created",
    "ownership_handed_over",
    "ownership_received",
    "password_changed",
    "payout_method_added",
    "recovery_code_used",  # one that was made after second_factor_added
    "second_factor_added",
    "second_factor_removed",
    "webhook_endpoint_disabled",  # counted when it is made, or enabled again
}
LINKS_OF_THEIR_OWN = {"newsletter_confirm", "order_links", "personal_data", "reset_password", "waitlist_confirm"}
ONCE_FOR_SOMETHING_COUNTED = {
    "account_erased",
    "email_change_started",
    "email_change_undone",
    "email_changed",
    "google_connected",
    "order_email_changed",
    "order_received",
    "phone_confirmed",
    "phone_lost",
    "transfer_accepted",
    "waitlist_joined",
    "waitlist_lapsed",
    "waitlist_offer",
}
AFTER_MONEY = {
    "excess_returned",
    "order_refunded",
    "payment_failed",
    "payment_processing",
    "payment_returned",
    "payout_changed",
    "refund_delayed",
    "refund_sent",
}
BY_SELLERS_AND_ADMINS = {
    "account_blocked",
    "account_unblocked",
    "admin_role_given",
    "admin_role_taken",
    "announcement",
    "announcement_sample",
    "event_cancelled",
    "event_moved",
    "newsletter",
    "newsletter_sample",
    "organisation_decided",
    "reminder",
    "ticket_withdrawn",
}
CLASSES = (
    COUNTED,
    COUNTED_IF_UNVERIFIED,
    LINKS_OF_THEIR_OWN,
    ONCE_FOR_SOMETHING_COUNTED,
    AFTER_MONEY,
    BY_SELLERS_AND_ADMINS,
)


def test_each_email_has_a_reason_why_it_cannot_fill_a_mailbox() -> None:
    named = [template for each in CLASSES for template in each]

    assert sorted(named) == sorted(WRITERS)


@dataclass
class Stranger:
    """Somebody who wants to fill the mailbox of another, and what they have for it."""

    api: Client
    conn: Connection
    owner: UUID
    organisation: UUID
    free: UUID
    paid: UUID
    person: Person

    def ticket(self, ticket_type: UUID, email: str) -> tuple[UUID, UUID]:
        """Return an order of a ticket, and the ticket."""
        order = factories.paid_order(self.conn, ticket_type, quantity=1, buyer_email=email)
        (ticket,) = tickets.list_for_order(self.conn, order)
        return order, ticket.id

    def transfer(self, ticket_type: UUID, holder: str, to: str) -> Answer:
        order, ticket = self.ticket(ticket_type, holder)
        return self.api.post(f"/v1/tickets/{ticket}/transfers", {"email": to}, order_token=order_token(order))

    def order(self, ticket_type: UUID, email: str = VICTIM, **options: object) -> Answer:
        buyer = {"name": "Eve", "email": email}
        return self.api.post("/v1/orders", order_request(ticket_type, 1, buyer=buyer), key="new", **options)

    def resend(self, email: str = VICTIM) -> Answer:
        order, _ = self.ticket(self.paid, email)
        return self.api.post(f"/v1/orders/{order}/resend-email", order_token=order_token(order))

    def readdress(self, email: str, to: str) -> Answer:
        order, _ = self.ticket(self.paid, email)
        return self.api.patch(f"/v1/orders/{order}", {"buyer": {"email": to}}, order_token=order_token(order))

    def join(self) -> Answer:
        sold_out = factories.ticket_type(self.conn, quantity=1)
        factories.order(self.conn, sold_out, quantity=1)
        body = {"quantity": 1, "name": "Eve", "email": VICTIM}
        return self.api.post(f"/v1/ticket-types/{sold_out}/waitlist", body)

    def sign_up(self) -> Answer:
        self.conn.execute("INSERT INTO platform_settings (name, value) VALUES ('verify_emails', 'true')")
        platform_settings.forget()
        return self.api.post("/v1/accounts", sign_up_request(email=VICTIM))

    def invite(self) -> Answer:
        path = f"/v1/organisations/{self.organisation}/members"
        return self.api.post(path, {"email": VICTIM, "role": "scanner"}, account=self.owner)

    def change_email(self) -> Answer:
        body = {"email": VICTIM, "current_password": PASSWORD}
        return self.api.put("/v1/me/email", body, headers=self.person.headers)

    def use_address(self) -> None:
        """Have an account with the victim's address, which nobody has verified."""
        self.conn.execute("UPDATE accounts SET email = %s WHERE id = %s", [VICTIM, self.person.id])

    def verify(self) -> Answer:
        self.use_address()
        return self.api.post("/v1/email-verifications", headers=self.person.headers)

    def change_password(self) -> Answer:
        self.use_address()
        body = {"current_password": PASSWORD, "new_password": "a better one entirely"}
        return self.api.put("/v1/me/password", body, headers=self.person.headers)

    def make_key(self) -> Answer:
        self.use_address()
        factories.member(self.conn, self.organisation, "owner", account_id=self.person.id)
        body = {"name": "Shop", "scopes": ["orders:write"]}
        return self.api.post(f"/v1/organisations/{self.organisation}/api-keys", body, headers=self.person.headers)

    def hand_over(self) -> Answer:
        self.use_address()
        factories.member(self.conn, self.organisation, "manager", account_id=self.person.id)
        path = f"/v1/organisations/{self.organisation}/owner"
        return self.api.put(path, {"account_id": str(self.person.id)}, account=self.owner)


@pytest.fixture
def stranger(api: Client, conn: Connection) -> Stranger:
    owner = factories.account(conn, email_verified_at="now")
    organisation = factories.organisation(conn, owner=owner)
    event = factories.event(conn, organisation_id=organisation)
    free, paid = (factories.ticket_type(conn, event_id=event, price=price) for price in (0, 5000))
    return Stranger(api, conn, owner, organisation, free, paid, sign_up(api))


def fill(conn: Connection, attempts: int = 10) -> None:
    """Let the mailbox have got so many emails within an hour."""
    conn.execute("DELETE FROM rate_limits")
    conn.execute(
        "INSERT INTO rate_limits VALUES (%s, %s, now() + interval '1 hour')", [f"emails to {VICTIM}", attempts]
    )


def emails_to(conn: Connection) -> int:
    (count,) = conn.execute("SELECT count(*) FROM outbox WHERE recipient = %s", [VICTIM]).fetchone() or (0,)
    return int(count)


CAUSES: dict[str, Callable[[Stranger], Answer]] = {
    "a free order": lambda eve: eve.order(eve.free),
    "a transfer": lambda eve: eve.transfer(eve.paid, "eve@example.com", VICTIM),
    "a transfer of the victim's free ticket": lambda eve: eve.transfer(eve.free, VICTIM, "eve@example.com"),
    "a confirmation sent again": Stranger.resend,
    "a change of an order's address": lambda eve: eve.readdress("eve@example.com", VICTIM),
    "a change of the victim's order": lambda eve: eve.readdress(VICTIM, "eve@example.com"),
    "a sign-up": Stranger.sign_up,
    "an invitation": Stranger.invite,
    "a change of address": Stranger.change_email,
    "a verification": Stranger.verify,
    "a change of password": Stranger.change_password,
    "an API key": Stranger.make_key,
    "a hand-over": Stranger.hand_over,
}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
def test_the_request_that_would_cause_one_more_is_refused(
    stranger: Stranger, conn: Connection, cause: Callable[[Stranger], Answer]
) -> None:
    fill(conn)
    refused = cause(stranger)
    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert 3590 <= int(refused.headers["retry-after"]) <= 3600


def test_they_count_together(stranger: Stranger, conn: Connection) -> None:
    """Thirty requests come by three ways."""
    conn.execute("DELETE FROM rate_limits")
    answers = []
    for _ in range(10):
        causes = (lambda: stranger.order(stranger.free), stranger.invite, stranger.resend)
        answers += [cause().status for cause in causes]

    assert [status < 300 for status in answers[:10]] == [True] * 10
    assert set(answers[10:]) == {429}
    (caused,) = conn.execute(
        "SELECT attempts FROM rate_limits WHERE bucket = %s", [f"emails to {VICTIM}"]
    ).fetchone() or (0,)
    assert caused == 10


def test_thirty_a_day(stranger: Stranger, conn: Connection) -> None:
    assert stranger.order(stranger.free).status == 201
    conn.execute("UPDATE rate_limits SET attempts = 30 WHERE bucket = %s", [f"emails a day to {VICTIM}"])

    assert stranger.order(stranger.free, "ada+x@example.com").status == 429


def test_paid_orders_never_count(stranger: Stranger, conn: Connection) -> None:
    fill(conn)
    before = conn.execute("SELECT * FROM rate_limits").fetchall()

    assert stranger.order(stranger.paid).status == 201
    stranger.ticket(stranger.paid, VICTIM)

    assert emails_to(conn) == 1
    assert conn.execute("SELECT * FROM rate_limits").fetchall() == before


def test_what_the_reader_of_the_mailbox_asks_for_does_not_count(stranger: Stranger, conn: Connection) -> None:
    ada = factories.account(conn, email=VICTIM, email_verified_at="now")
    fill(conn)

    assert stranger.order(stranger.free, account=ada).status == 201
    assert emails_to(conn) == 1
    eve = factories.account(conn, email="eve@example.com", email_verified_at="now")
    assert stranger.order(stranger.free, account=eve).status == 429
    conn.execute("UPDATE accounts SET email_verified_at = NULL WHERE id = %s", [ada])
    assert stranger.order(stranger.free, account=ada).status == 429


def test_links_that_let_people_in_come_whatever_strangers_send(stranger: Stranger, conn: Connection) -> None:
    fill(conn, 1000)

    for path in ("password-resets", "order-links", "personal-data-requests"):
        assert stranger.api.post(f"/v1/{path}", {"email": VICTIM}, address="192.0.2.9").status == 202
    assert stranger.join().status == 202


def test_a_mailbox_with_many_addresses_has_few_accounts(api: Client, conn: Connection) -> None:
    """Each could have links sent to it."""
    conn.execute("DELETE FROM rate_limits")

    def sign_up_as(number: int) -> int:
        body = sign_up_request(email=f"ada+{number}@example.com")
        return api.post("/v1/accounts", body, address=f"198.51.100.{number}").status

    assert [sign_up_as(number) for number in (0, *range(11))] == [201, 409, *[201] * 9, 429], "a refusal does not count"


@pytest.mark.parametrize("path", ["password-resets", "order-links"])
def test_one_network_has_few_links_sent_to_the_addresses_of_a_mailbox(api: Client, conn: Connection, path: str) -> None:
    conn.execute("DELETE FROM rate_limits")

    def ask(email: str, address: str) -> int:
        return api.post(f"/v1/{path}", {"email": email}, address=address).status

    asked = [ask(f"ada+{number}@example.com", "192.0.2.9") for number in range(22)]
    assert asked == [202] * 20 + [429] * 2
    assert ask(VICTIM, "192.0.2.10") == 202, "the owner is in another network"


def test_a_mailbox_with_many_addresses_gets_few_links_to_personal_data(api: Client, conn: Connection) -> None:
    """They are sent to any address, even if nothing is held about it."""
    conn.execute("DELETE FROM rate_limits")

    def ask(name: str, address: str) -> int:
        return api.post("/v1/personal-data-requests", {"email": f"{name}@gmail.com"}, address=address).status

    assert [ask(f"ada.l+{number}", "192.0.2.9") for number in range(7)] == [202] * 5 + [429] * 2
    assert ask("ada.l", "192.0.2.10") == 202, "who has another address can still ask"
    by_others = [ask(f"a.d.al+{number}", f"198.51.100.{number}") for number in range(30)]
    assert by_others == [202] * 24 + [429] * 6


def test_whoever_has_not_proved_their_address_adds_few_payout_methods(api: Client, conn: Connection) -> None:
    owner = factories.account(conn, email=VICTIM)
    path = f"/v1/organisations/{factories.organisation(conn, owner=owner)}/payout-methods"
    account = {"kind": "iban", "iban": "DE89370400440532013000"}
    body = {"account": account, "currency": "EUR", "holder": "Ada"}
    fill(conn)

    assert api.post(path, body, account=owner).status == 429
    assert emails_to(conn) == 0
    conn.execute("UPDATE accounts SET email_verified_at = now() WHERE id = %s", [owner])
    assert api.post(path, body, account=owner).status == 201
    assert emails_to(conn) == 1


def test_whoever_has_not_proved_their_address_makes_few_endpoints(api: Client, conn: Connection) -> None:
    owner = factories.account(conn, email=VICTIM)
    path = f"/v1/organisations/{factories.organisation(conn, owner=owner)}/webhook-endpoints"
    body = {"url": "https://example.com/webhooks"}
    made = api.post(path, body, account=owner).json
    fill(conn)

    assert api.post(path, body, account=owner).status == 429
    assert api.patch(f"{path}/{made['id']}", {"enabled": True}, account=owner).status == 429
    assert api.patch(f"{path}/{made['id']}", {"enabled": False}, account=owner).status == 200
    assert emails_to(conn) == 0


def test_of_what_people_write_only_titles_stand_in_subjects() -> None:
    """Titles of events that are for sale, whose sellers an admin has approved. No name of a person or of a seller."""
    shown = set()
    for path in sorted((ROOT / "layers/common/boxoffice").glob("*/emails.py")):
        for subject in _subjects(ast.parse(path.read_text())):
            calls = [node for node in ast.walk(subject) if isinstance(node, ast.Call)]
            texts = [call for call in calls if ast.unparse(call.func) in ("gettext", "ngettext")]
            assert not [node for node in ast.walk(subject) if isinstance(node, ast.JoinedStr)], ast.unparse(subject)
            shown |= {ast.unparse(value.value) for text in texts for value in text.keywords}

    others = {"events", "number"}  # the titles of an order, and its number
    assert {"titles_of(titles)", "transfer.event_title"} <= shown
    assert {value for value in shown if not re.fullmatch(r"titles_of\(.*\)|\w+\.event_title", value)} == others


def _subjects(module: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(module):
        match node:
            case ast.Assign(targets=[ast.Name(id="subject")], value=value):
                yield value
            case ast.Call(func=ast.Name(id="write" | "_write"), args=[_, subject, *_]):
                yield subject
            case ast.Call(func=ast.Name(id="write_about"), args=[_, _, subject, *_]):
                yield subject
