"""The story of the demo: an organiser sets up a sale, a crowd buys at once, some pay, and visitors go in.

Each chapter is a method of `Story`, in the order in which `tell` calls them.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

import httpx

from local.boxoffice import demo_data
from local.boxoffice.demo.client import Client
from local.boxoffice.demo.crowd import Buyer, TicketType, crowd, latecomers, ticket_types
from local.boxoffice.demo.door import Door
from local.boxoffice.demo.mail import wait_for_tickets
from local.boxoffice.demo.report import Report
from local.boxoffice.demo.shop import Shop, hold_of

TIMEOUT_SECONDS = 60
COPIED = 5  # every fifth ticket is shown by two people at once
LONGEST_WAIT = timedelta(minutes=3)  # for holds to lapse
EXPIRY_PATIENCE = timedelta(minutes=2)  # a job ends lapsed holds once a minute


async def tell(url: str, buyers: int) -> Report:
    """Run the story against a stack, with a connection for each buyer. Return the report."""
    transport = httpx.AsyncHTTPTransport(
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=None), local_address=_address()
    )
    headers = {"Accept": "application/json"}
    async with httpx.AsyncClient(base_url=url, transport=transport, timeout=TIMEOUT_SECONDS, headers=headers) as http:
        return await Story(http, buyers).tell()


def _address() -> str | None:
    """Return the address to call from. Log-ins are limited by address, so on Linux each run has its own."""
    return f"127.0.{uuid.uuid4().bytes[0]}.1" if sys.platform == "linux" else None


class Story:
    """One run of the demo against a stack. Each run has an event and email addresses of its own."""

    def __init__(self, http: httpx.AsyncClient, buyers: int) -> None:
        self._http = http
        self._api = Client(http)
        self._run = uuid.uuid4().hex[:8]
        self._types = ticket_types(buyers)
        self._crowd = crowd(self._run, buyers)
        self._waits: list[float] = []  # seconds from payment to email
        self._report = Report()

    async def tell(self) -> Report:
        """Run all chapters, from sign-up to the door."""
        await self._set_up()
        await self._rush()
        await self._pay(self._crowd)
        tickets = await self._read_mail(self._crowd)
        await self._open_doors(tickets)
        await self._wait_for_lapsed_holds()
        await self._sell_freed_tickets()
        await self._add_up()
        return self._report

    async def _set_up(self) -> None:
        """Let an organiser sign up with a business, draft an event and publish it."""
        say("An organiser signs up and puts an event on sale")
        organiser = {
            "email": f"organiser.{self._run}@example.com",
            "password": demo_data.PASSWORD,
            "name": "Olu Organiser",
            "organisation_name": f"Harbour Nights {self._run}",
        }
        session = await self._api.post("/v1/accounts", organiser)
        self._organiser = self._api.as_account(session)
        self._organisation = session["organisation"]["id"]
        draft = await self._organiser.post("/v1/events", self._event())
        event = await self._organiser.post(f"/v1/events/{draft['id']}/publish")
        self._event_id = event["id"]
        self._type_names = {each["id"]: each["name"] for each in event["ticket_types"]}
        of_shop = {"name": "The shop's server", "scopes": ["orders:write"]}
        key = await self._organiser.post(f"/v1/organisations/{self._organisation}/api-keys", of_shop)
        self._shop = Shop(self._http, key["key"], {each["name"]: each["id"] for each in event["ticket_types"]})
        self._door = Door(self._organiser, self._event_id)

    def _event(self) -> dict[str, Any]:
        starts_at = datetime.now(UTC) + timedelta(hours=2)
        return {
            "organisation_id": self._organisation,
            "title": f"Harbour Nights {self._run}",
            "category": "concert",
            "venue": demo_data.VENUE,
            "currency": "NGN",
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + timedelta(hours=4)).isoformat(),
            "ticket_types": [_ticket_type(each) for each in self._types],
        }

    async def _rush(self) -> None:
        """Let everybody order in the same moment. Nobody may be refused while enough tickets are left for them."""
        wanted = sum(buyer.quantity for buyer in self._crowd)
        on_sale = sum(each.quantity for each in self._types)
        say(f"{len(self._crowd)} buyers arrive at once: they want {wanted} tickets of {on_sale}")
        seconds = await self._order(self._crowd)
        served = [buyer for buyer in self._crowd if buyer.orders]
        refused = [buyer for buyer in self._crowd if not buyer.orders]
        say(f"{len(served)} hold tickets, {len(refused)} are refused as sold out, within {seconds:.1f} s")
        self._report.figure("buyers at once", len(self._crowd))
        self._report.figure("refused: sold out", len(refused))
        self._report.figure("orders answered a second", len(self._crowd) / seconds)
        left = await self._counts("available")
        wrongly = [buyer.email for buyer in refused if left[buyer.wants] >= buyer.quantity]
        self._report.check("nobody is refused while there is enough for them", holds=not wrongly, finding=wrongly)
        doubled = [{order["id"] for order in buyer.orders} for buyer in served if buyer.clicks_twice]
        self._report.check("a double click makes one order", holds=all(len(ids) == 1 for ids in doubled))

    async def _order(self, buyers: list[Buyer]) -> float:
        started = time.perf_counter()
        await asyncio.gather(*(self._shop.order(buyer) for buyer in buyers))
        return time.perf_counter() - started

    async def _pay(self, buyers: list[Buyer]) -> None:
        """Let all who owe money go to the provider's page, each with their own habit."""
        owing = [buyer for buyer in buyers if buyer.orders and buyer.order["status"] == "pending"]
        habits = Counter(buyer.habit.name.lower().replace("_", " ") for buyer in owing)
        say(f"{len(owing)} go to pay: " + ", ".join(f"{count} {habit}" for habit, count in habits.most_common()))
        await asyncio.gather(*(self._shop.pay(buyer) for buyer in owing))
        await asyncio.gather(*(self._shop.refresh(buyer) for buyer in owing))
        say(f"{sum(buyer.paid_at is not None for buyer in owing)} have paid")

    async def _read_mail(self, buyers: list[Buyer]) -> list[str]:
        """Let all who have paid open their email. Return the texts of the QR codes in it."""
        paid = {buyer.email: buyer for buyer in buyers if buyer.paid_at}
        say(f"Waiting for {len(paid)} emails, and reading the QR codes in them")
        deliveries = await wait_for_tickets(self._http, set(paid))
        if not deliveries:
            raise RuntimeError("no email came: see the logs of the local stack")
        self._report.compare(
            f"each of {len(paid)} buyers who paid has one email with all their tickets",
            sorted((delivery.to, len(delivery.codes)) for delivery in deliveries),
            sorted((email, buyer.quantity) for email, buyer in paid.items()),
        )
        waits = [_seconds_between(paid[delivery.to].paid_at, delivery.sent_at) for delivery in deliveries]
        say(f"They were sent {median(waits):.1f} s after the payment (median)")
        self._waits += waits
        return [code for delivery in deliveries for code in delivery.codes]

    async def _open_doors(self, codes: list[str]) -> None:
        """Scan every ticket. Two people show a copy of the same ticket in the same moment, and one ticket is forged."""
        say(f"{len(codes)} tickets are scanned at the door")
        copied, others = codes[::COPIED], [code for number, code in enumerate(codes) if number % COPIED]
        started = time.perf_counter()
        outcomes = await self._door.admit(others)
        self._report.figure("scans a second", len(others) / (time.perf_counter() - started))
        pairs = await self._door.admit_copies(copied)
        again = await self._door.admit(others)
        self._report.compare("every ticket admits", outcomes, Counter(admitted=len(others)))
        self._report.compare("no ticket admits twice", again, Counter(already_scanned=len(others)))
        once = Counter(admitted=1, already_scanned=1)
        self._report.check(
            "of two who show the same ticket at once, one goes in",
            holds=all(pair == once for pair in pairs),
            finding=[pair for pair in pairs if pair != once],
        )
        self._report.compare("a forged ticket is refused", await self._door.scan(forged(codes[0]), "East"), "forged")

    async def _wait_for_lapsed_holds(self) -> None:
        """Wait until the holds of those who did not pay lapse. If holds are long, let these buyers cancel instead."""
        gone = [buyer for buyer in self._crowd if buyer.orders and not buyer.paid_at]
        if not gone:
            return
        if hold_of(gone[0]) > LONGEST_WAIT:
            say(f"{len(gone)} cancel: holds of {hold_of(gone[0])} are too long to wait for (HOLD_MINUTES=1 make run)")
            await asyncio.gather(*(self._shop.cancel(buyer) for buyer in gone))
        else:
            say(f"{len(gone)} never paid: waiting for their holds to lapse")
            await self._until_nothing_is_held(hold_of(gone[0]) + EXPIRY_PATIENCE)
        await asyncio.gather(*(self._shop.refresh(buyer) for buyer in gone))
        ended = Counter(buyer.order["status"] for buyer in gone)
        self._report.figure("holds lapsed", ended["expired"])
        self._report.figure("orders cancelled", ended["cancelled"])
        self._report.compare("no stock stays held", sum((await self._counts("held")).values()), 0)

    async def _until_nothing_is_held(self, patience: timedelta) -> None:
        deadline = time.monotonic() + patience.total_seconds()
        reported = 0
        while (held := sum((await self._counts("held")).values())) and time.monotonic() < deadline:
            if held != reported:
                say(f"{held} tickets are still held")
            reported = held
            await asyncio.sleep(1)

    async def _sell_freed_tickets(self) -> None:
        """Sell the freed tickets to others, down to the last one."""
        left = await self._counts("available")
        buyers = latecomers(self._run, left)
        if not buyers:
            return
        say(f"{sum(left.values())} tickets are free again; {len(buyers)} others want them")
        await self._order(buyers)
        await self._pay(buyers)
        codes = await self._read_mail(buyers)
        self._report.compare("freed tickets are sold again", len(codes), sum(left.values()))
        self._report.compare(
            "tickets that were sold again admit", await self._door.admit(codes), Counter(admitted=len(codes))
        )

    async def _add_up(self) -> None:
        """Check the sums: what the organiser sees, what the door counted, and the invariants of the data."""
        sold, quantities = await self._counts("sold"), {each.name: each.quantity for each in self._types}
        self._report.figure("tickets sold", sum(sold.values()))
        self._report.figure("payment to email, median, s", median(self._waits))
        self._report.figure("payment to email, 95th percentile, s", quantiles(self._waits, n=20)[-1])
        self._report.compare("sold exactly what there was", sold, quantities)
        attendance = await self._organiser.get(f"/v1/events/{self._event_id}/attendance")
        self._report.compare("everybody is inside", attendance["used_tickets"], sum(quantities.values()))
        invariants = await (await self._admin()).get("/v1/admin/invariants")
        for check in invariants["checks"]:
            self._report.check(
                f"invariant {check['invariant']}: {check['name']}", holds=check["holds"], finding=check["violations"]
            )

    async def _admin(self) -> Client:
        login = {"email": demo_data.ADMIN, "password": demo_data.PASSWORD}
        return self._api.as_account(await self._api.post("/v1/sessions", login))

    async def _counts(self, what: str) -> dict[str, int]:
        """Return how many tickets of each type are `available`, `held` or `sold`, by the type's name."""
        availability = await self._api.get(f"/v1/events/{self._event_id}/availability")
        return {self._type_names[each["ticket_type_id"]]: each[what] for each in availability["ticket_types"]}


def say(what: str) -> None:
    """Print what happens now."""
    print(f"{datetime.now(UTC).astimezone():%H:%M:%S}  {what}", flush=True)


def forged(code: str) -> str:
    """Return the text of a QR with its last characters changed."""
    return code[:-4] + ("AAAA" if code[-4:] != "AAAA" else "BBBB")


def _seconds_between(paid_at: datetime | None, sent_at: datetime) -> float:
    assert paid_at
    return (sent_at - paid_at).total_seconds()


def _ticket_type(ticket_type: TicketType) -> dict[str, Any]:
    return {
        "name": ticket_type.name,
        "price": ticket_type.price,
        "quantity": ticket_type.quantity,
        "max_per_order": ticket_type.most_at_once,
    }
