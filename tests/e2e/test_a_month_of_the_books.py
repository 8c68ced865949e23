"""A month of an organiser's books: what was sold, given back, disputed and paid out, and the statement of it.

The fees are 2.5 % and 0.30 a ticket in EUR, and 5 % in JPY. What is expected is worked out by hand here.

In EUR the platform holds what these orders come to:

- Jazz, 3 tickets of 40.00: sales of 120.00, and a fee of 3.90.
- Jazz, 2 tickets of which one is refunded: sales of 80.00, refunds of 40.00, and a fee of 2.60 - 1.30 = 1.30.
- Jazz, 1 ticket whose dispute is lost: sales of 40.00, disputes of 40.00, and a fee of 1.30 - 1.30 = 0.00.
- Jazz, 2 tickets that are paid in cash: a fee of 2.60. The organisation has the 80.00 itself.
- All of Jazz: sales of 240.00, refunds of 40.00, disputes of 40.00, and fees of 7.80.
- Gala, 2 tickets of 25.00, then cancelled: sales of 50.00, refunds of 50.00, and a fee of 1.85 - 1.85 = 0.00.
- All events: sales of 290.00, refunds of 90.00, disputes of 40.00, and fees of 7.80.

So the rest follows:

- The fee of 120.00 is 3.00 and three times 0.30. That of 80.00 is 2.00 and 0.60, of which a half returns. That of 40.00
  is 1.00 and 0.30. That of 50.00 is 1.25 and 0.60.
- The net is 290.00 - 90.00 - 40.00 - 7.80 = 152.20, all of it of Jazz, and less a correction of 2.20 it is 150.00.
- Jazz is over, so all is released. Of 150.00, a payout of 100.00 is sent, and one of 50.00 is under way. So in the end
  the platform holds 150.00 - 100.00 = 50.00.
- In JPY, 4 tickets of 3,000 are 12,000, and the fee of 5 % is 600. The event is to come, so 11,400 are not released.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pypdfium2
import pytest

from boxoffice import db, storage
from boxoffice.payments import sending
from tests.helpers import invariants, ledgers, payers
from tests.helpers.people import sign_up
from tests.helpers.provider_servers import Sandbox
from tests.helpers.queues import Queues, own_queues
from tests.helpers.sellers import finish_cancellations
from tests.helpers.support import Answer, Client, as_owner

PRICES = {"Jazz by the sea": ("EUR", 4000), "Gala": ("EUR", 2500), "Tokyo night": ("JPY", 3000)}
FEES = {"EUR": {"basis_points": 250, "fixed": 30}, "JPY": {"basis_points": 500}}


@dataclass
class Someone:
    """Somebody who calls the API, each time with the same headers."""

    api: Client
    headers: dict[str, str] = field(default_factory=dict)

    def asks(self, call: str, body: Any = None, *, answered: int = 200, **options: Any) -> Answer:
        """Call such as ``GET /v1/events``. The answer has the status that is expected."""
        method, path = call.split()
        answer = self.api.request(method, path, body, headers=self.headers, **options)
        assert answer.status == answered, answer.body
        return answer


@dataclass
class Month:
    """Who takes part in the month, and what is sold."""

    conn: db.Connection
    sandbox: Sandbox
    queues: Queues
    organiser: Someone
    admin: Someone
    public: Someone
    organisation: str
    events: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/v1/organisations/{self.organisation}"

    def orders(self, title: str, quantity: int) -> str:
        """Hold tickets of an event. Return the order's id."""
        body = {
            "items": [{"ticket_type_id": self.types[title], "quantity": quantity}],
            "buyer": {"name": "Ada", "email": f"ada-{quantity}@example.com"},
        }
        return str(self.public.asks("POST /v1/orders", body, answered=201, key="new").json["id"])

    def sells(self, title: str, quantity: int) -> tuple[str, dict[str, Any]]:
        """Sell tickets, paid on the sandbox's page. Return the order's id, and its payment."""
        order = self.orders(title, quantity)
        payment = self.organiser.asks(
            f"POST /v1/orders/{order}/payments", {"provider": "sandbox"}, answered=201, key="new"
        ).json
        self.sandbox.decide(payment)
        self.hears(payment, "payment.succeeded")
        return order, payment

    def hears(self, payment: dict[str, Any], kind: str, **facts: Any) -> None:
        """Receive a webhook of the sandbox. Its own would come at any time, while this process does something else."""
        assert payers.tell(self.public.api, payment, kind, **facts).status == 200

    def sends_refunds(self) -> None:
        """Let all refunds that are owed go out."""
        sending.send_refunds(self.conn)


@pytest.fixture
def month(api: Client, conn: db.Connection, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Month]:
    """A business that sells three events, on a platform that takes a fee."""
    owner = sign_up(api, name="Fatou", organisation_name="Opéra de Lomé")
    organiser, admin = Someone(api, owner.headers), Someone(api, sign_up(api).headers)
    conn.execute("UPDATE accounts SET email_verified_at = now(), is_admin = id <> %s", [owner.id])
    (membership,) = organiser.asks("GET /v1/me").json["memberships"]
    storage._s3.cache_clear()
    with own_queues(monkeypatch) as queues:
        month = Month(conn, sandbox, queues, organiser, admin, Someone(api), membership["organisation_id"])
        prepares(month)
        yield month
    storage._s3.cache_clear()


def prepares(month: Month) -> None:
    """Agree on the fees, say who the organisation is, and publish its events."""
    fees = f"PUT /v1/admin/organisations/{month.organisation}/platform-fees"
    month.admin.asks(fees, {"fees": FEES, "reason": "As agreed."})
    about = {"postal_address": "1 rue de l'Opéra\nLomé\nTogo", "locale": "en"}
    month.organiser.asks(f"PATCH {month.path}", about)
    start = datetime.now(UTC) + timedelta(days=8)
    for title, (currency, price) in PRICES.items():
        body = {
            "organisation_id": month.organisation,
            "title": title,
            "category": "Concert",
            "venue": {"name": "Opéra", "address": "1 rue", "city": "Lomé", "country": "TG", "time_zone": "Africa/Lome"},
            "starts_at": start.isoformat(),
            "ends_at": (start + timedelta(hours=4)).isoformat(),
            "currency": currency,
            "ticket_types": [{"name": "Standing", "price": price, "quantity": 100}],
        }
        event = month.organiser.asks("POST /v1/events", body, answered=201).json
        month.organiser.asks(f"POST /v1/events/{event['id']}/publish")
        month.events[title], month.types[title] = event["id"], event["ticket_types"][0]["id"]


def test_a_month_of_the_books(month: Month) -> None:
    sells_and_gives_back(month)
    ledgers.count(month.conn)  # what comes after this is not counted yet
    cancels(month)
    pays_out(month)
    is_stated(month)
    is_reported(month)
    is_accounted_for(month)
    invariants.check(month.conn)


def sells_and_gives_back(month: Month) -> None:
    """Sell three times for money, once for cash and once for yen. Refund a ticket, and lose a dispute."""
    month.sells("Jazz by the sea", 3)
    refunded, _ = month.sells("Jazz by the sea", 2)
    ticket = month.organiser.asks(f"GET /v1/orders/{refunded}").json["tickets"][0]["id"]
    month.organiser.asks(f"POST /v1/orders/{refunded}/refunds", {"ticket_ids": [ticket]}, answered=201, key="new")
    _, disputed = month.sells("Jazz by the sea", 1)
    for kind in ("dispute.opened", "dispute.lost"):
        month.sandbox.reverse(disputed, kind, 4000)
        month.hears(disputed, kind, reference=f"dispute_{disputed['id']}")
    by_hand = month.orders("Jazz by the sea", 2)
    month.organiser.asks(f"POST /v1/orders/{by_hand}/mark-paid", {"method": "cash"}, key="new")
    month.sells("Tokyo night", 4)
    month.sends_refunds()


def cancels(month: Month) -> None:
    """Sell the gala, and cancel it: all goes back, and so does the fee."""
    month.sells("Gala", 2)
    month.organiser.asks(f"POST /v1/events/{month.events['Gala']}/cancel", {"reason": "The singer is ill."})
    finish_cancellations()
    month.sends_refunds()


def pays_out(month: Month) -> None:
    """Correct the balance after the concert, send a payout, and approve another one."""
    correction = {"currency": "EUR", "amount": -220, "reason": "A broken chair, as agreed on the phone"}
    path = f"POST /v1/admin/organisations/{month.organisation}/corrections"
    month.admin.asks(path, correction, answered=201, key="new")
    ledgers.end(month.conn, UUID(month.events["Jazz by the sea"]), timedelta(days=10))
    account = {"kind": "iban", "iban": "DE89 3704 0044 0532 0130 00"}
    body = {"account": account, "holder": "Opéra de Lomé", "currency": "EUR"}
    method = month.organiser.asks(f"POST {month.path}/payout-methods", body, answered=201).json["id"]
    with as_owner(month.conn) as platform:
        waited = "created_at = created_at - interval '3 days', usable_from = usable_from - interval '3 days'"
        platform.execute(f"UPDATE payout_methods SET {waited}".encode())
    for amount in (10_000, 5_000):
        wanted = {"method_id": method, "amount": amount}
        payout = month.organiser.asks(f"POST {month.path}/payouts", wanted, answered=201, key="new").json["id"]
        decide = f"POST /v1/admin/payouts/{payout}/decision"
        month.admin.asks(decide, {"decision": "approve"})
        if amount == 10_000:
            sent = {"bank_reference": "RF18539007547034", "value_date": f"{datetime.now(UTC):%Y-%m-%d}"}
            month.admin.asks(decide, {"decision": "mark_sent", **sent})


def is_stated(month: Month) -> None:
    """Print the statement, and read it as a bookkeeper does."""
    document = month.organiser.asks(f"GET {month.path}/statements/{datetime.now(UTC):%Y-%m}").body
    with pypdfium2.PdfDocument(document) as pdf:
        texts = [" ".join(page.get_textpage().get_text_range().split()) for page in pdf]
    euros, yen = " ".join(texts[:-1]), texts[-1]
    expected = (
        "Opéra de Lomé 1 rue de l'Opéra Lomé Togo",
        "Provisional: the month is not closed.",
        "0.00 Ticket sales 290.00 Refunds -90.00 Disputed payments -40.00",
        "Fees of the platform -7.80 Corrections -2.20 Payouts -100.00",
        "€50.00",  # the closing balance
        "In payouts that are under way 50.00",
        "240.00 -40.00 -40.00 -7.80 152.20",  # Jazz
        "50.00 -50.00 0.00 0.00 0.00",  # Gala
        "Total 290.00 -90.00 -40.00 -7.80 152.20",
        "RF18539007547034",
        "A broken chair, as agreed on the phone",
        "Ticket sales 80.00 Total 80.00",
    )
    assert [text for text in expected if text not in euros] == [], euros
    assert "Ticket sales 12,000 Fees of the platform -600 Payouts 0" in yen
    assert "¥11,400" in yen
    assert "Of events whose money is not released yet 11,400" in yen


def is_reported(month: Month) -> None:
    """Ask for the figures of the month."""
    totals = month.organiser.asks(f"GET {month.path}/reports/revenue", query={"interval": "month"}).json["totals"]
    names = ("gross", "refunds", "disputes", "platform_fees", "corrections", "net", "taxes", "payouts")
    assert {(each["currency"], each["holder"]): tuple(each[name] for name in names) for each in totals} == {
        ("EUR", "platform"): (29_000, 9_000, 4_000, 780, -220, 15_000, 0, 10_000),
        ("EUR", "organisation"): (8_000, 0, 0, 0, 0, 8_000, 0, 0),
        ("JPY", "platform"): (12_000, 0, 0, 600, 0, 11_400, 0, 0),
    }


def is_accounted_for(month: Month) -> None:
    """Add up the accountant's file: each booking is balanced, and the accounts have what the statement says."""
    asked = month.organiser.asks(f"POST {month.path}/exports", {"kind": "accounting"}, answered=202, key="new").json
    month.queues.work()
    url = month.organiser.asks(f"GET /v1/exports/{asked['id']}").json["download_url"]
    rows = [*csv.DictReader(io.StringIO(httpx.get(url).content.decode("utf-8-sig"), newline=""))]
    by_reference: dict[str, Decimal] = defaultdict(Decimal)
    by_account: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        amount = Decimal(row["credit"] or 0) - Decimal(row["debit"] or 0)
        by_reference[row["reference"]] += amount
        by_account[row["currency"], row["account_name"]] += amount
    assert set(by_reference.values()) == {0}
    assert {account: balance for account, balance in by_account.items() if balance} == {
        # 290.00 came, 90.00 was sent back, and the provider took 40.00 for the dispute.
        ("EUR", "platform: at_provider"): Decimal("-160.00"),
        ("EUR", "platform: bank"): Decimal("100.00"),
        ("EUR", "platform: in_payout"): Decimal("50.00"),
        # Fees of 7.80, and the correction of 2.20.
        ("EUR", "platform: platform_income"): Decimal("10.00"),
        ("EUR", "organisation: at_provider"): Decimal("-80.00"),
        ("EUR", "organisation: pending"): Decimal("80.00"),
        ("JPY", "platform: at_provider"): Decimal(-12_000),
        ("JPY", "platform: pending"): Decimal(11_400),
        ("JPY", "platform: platform_income"): Decimal(600),
    }
