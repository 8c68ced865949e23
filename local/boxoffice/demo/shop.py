"""Does what buyers do: orders, pays on the provider's page, cancels."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx

from local.boxoffice.demo.client import Client, Refused
from local.boxoffice.demo.crowd import Buyer, Habit


class Shop:
    """A shop that uses the API for its buyers.

    Its server orders with the organisation's API key. Guests who all come from one address would have one budget.
    """

    def __init__(self, http: httpx.AsyncClient, key: str, ticket_types: dict[str, str]) -> None:
        """
        Args:
            http: the connection to the API.
            key: the organisation's API key.
            ticket_types: the ids of the ticket types, by name.
        """
        self._http = http
        self._api = Client(http).as_program(key)
        self._ticket_types = ticket_types

    async def order(self, buyer: Buyer) -> None:
        """Order what the buyer wants. A double click sends the order twice, with the same Idempotency-Key.

        Raises:
            Refused: for another reason than that the tickets are sold out.
        """
        body = {
            "items": [{"ticket_type_id": self._ticket_types[buyer.wants], "quantity": buyer.quantity}],
            "buyer": {"name": "Bola Buyer", "email": buyer.email},
        }
        key = str(uuid.uuid4())
        clicks = [self._place(body, key) for _ in range(2 if buyer.clicks_twice else 1)]
        buyer.orders = [order for order in await asyncio.gather(*clicks) if order]
        if buyer.orders and buyer.order["status"] == "paid":
            buyer.paid_at = datetime.fromisoformat(buyer.order["created_at"])

    async def _place(self, body: dict[str, Any], key: str) -> dict[str, Any] | None:
        try:
            return await self._api.post("/v1/orders", body, key)
        except Refused as refusal:
            if refusal.code != "sold_out":
                raise
            return None

    async def pay(self, buyer: Buyer) -> None:
        """Pay as the buyer's habit says.

        Raises:
            Refused: for another reason than that the hold has lapsed.
        """
        try:
            await self._pay(buyer)
        except Refused as refusal:
            if refusal.code != "order_expired":
                raise

    async def _pay(self, buyer: Buyer) -> None:
        match buyer.habit:
            case Habit.PAYS:
                await self._decide(await self._start(buyer), "pay")
            case Habit.DECLINED_ONCE:
                await self._decide(await self._start(buyer), "decline")
                await self._decide(await self._start(buyer), "pay")
            case Habit.DECLINED:
                await self._decide(await self._start(buyer), "decline")
            case Habit.REPORTED_TWICE:
                await self._decide(await self._start(buyer), "pay", repeat=3)
            case Habit.REPORTED_LATE:
                payment = await self._start(buyer)
                await self._decide(payment, "decline", delay=2)
                await self._decide(payment, "pay")
            case Habit.LEAVES:
                pass

    async def _start(self, buyer: Buyer) -> dict[str, Any]:
        return await self._guest(buyer).post(f"/v1/orders/{buyer.order['id']}/payments", {"provider": "sandbox"})

    async def _decide(self, payment: dict[str, Any], outcome: str, repeat: int = 1, delay: float = 0) -> None:
        """Press a button of the provider's page. It sends its webhook `repeat` times, after so many seconds."""
        choice = {"outcome": outcome, "repeat": repeat, "delay": delay}
        answer = await self._http.post(payment["url"], json=choice)
        answer.raise_for_status()

    async def cancel(self, buyer: Buyer) -> None:
        """Cancel the order before its hold lapses."""
        await self._guest(buyer).post(f"/v1/orders/{buyer.order['id']}/cancel")

    async def refresh(self, buyer: Buyer) -> None:
        """Read the order again, and when it was paid."""
        guest = self._guest(buyer)
        buyer.order.update(await guest.get(f"/v1/orders/{buyer.order['id']}"))
        for each in buyer.order["payments"]:
            if each["status"] == "succeeded":
                payment = await guest.get(f"/v1/payments/{each['id']}")
                buyer.paid_at = datetime.fromisoformat(payment["closed_at"])

    def _guest(self, buyer: Buyer) -> Client:
        return self._api.as_guest(buyer.order)


def hold_of(buyer: Buyer) -> timedelta:
    """Return how long the buyer's order keeps its tickets."""
    return datetime.fromisoformat(buyer.order["expires_at"]) - datetime.fromisoformat(buyer.order["created_at"])
