"""Makes the buyers: what each wants and does is random, but the same in each run."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, unique
from typing import Any

SEED = 20_260_301


@unique
class Habit(Enum):
    """What a buyer does once the tickets are held. The value says how many of a hundred buyers do so."""

    PAYS = 60
    DECLINED_ONCE = 8  # and then pays with another card
    DECLINED = 5
    LEAVES = 11
    REPORTED_TWICE = 9  # pays, and the provider sends its webhook three times
    REPORTED_LATE = 7  # pays at the second try, and the webhook of the first try arrives last


@dataclass(frozen=True)
class TicketType:
    """A ticket type of the demo, and how many of a hundred buyers want it."""

    name: str
    price: int
    quantity: int
    wanted_by: int
    most_at_once: int


def ticket_types(buyers: int) -> list[TicketType]:
    """Return three ticket types with fewer tickets than the crowd wants: a scarce, a plain and a free one."""
    return [
        TicketType("Front row", 2_500_000, buyers * 12 // 100, wanted_by=55, most_at_once=2),
        TicketType("Standing", 500_000, buyers * 40 // 100, wanted_by=30, most_at_once=4),
        TicketType("Soundcheck", 0, buyers * 10 // 100, wanted_by=15, most_at_once=2),
    ]


@dataclass
class Buyer:
    """One of the crowd."""

    email: str
    wants: str
    quantity: int
    habit: Habit = Habit.PAYS
    clicks_twice: bool = False
    orders: list[dict[str, Any]] = field(default_factory=list)
    """The order that each click on Order was answered with. Empty if the tickets were sold out."""
    paid_at: datetime | None = None
    """When the payment succeeded. For a free order, when it was placed."""

    @property
    def order(self) -> dict[str, Any]:
        """The order, as the buyer last read it."""
        return self.orders[0]


def crowd(run: str, size: int) -> list[Buyer]:
    """Return the buyers of a run. Their addresses contain the name of the run, so that no other run has them."""
    chance = random.Random(SEED)
    types = ticket_types(size)
    wanted = chance.choices(types, [each.wanted_by for each in types], k=size)
    habits = chance.choices(list(Habit), [habit.value for habit in Habit], k=size)
    return [
        Buyer(
            email=f"buyer{number}.{run}@example.com",
            wants=ticket_type.name,
            quantity=chance.randint(1, ticket_type.most_at_once),
            habit=habit,
            clicks_twice=chance.random() < 0.1,
        )
        for number, (ticket_type, habit) in enumerate(zip(wanted, habits, strict=True), 1)
    ]


def latecomers(run: str, left: dict[str, int]) -> list[Buyer]:
    """Return later buyers of one ticket each. For each type there are a few more buyers than tickets."""
    return [
        Buyer(email=f"late{number}.{name.split()[0].lower()}.{run}@example.com", wants=name, quantity=1)
        for name, tickets in left.items()
        if tickets
        for number in range(tickets + 5)
    ]
