"""Who comes to the sale, what they want, and how they behave: at random, but the same in each run."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

SEED = 20_260_301


class Habit(Enum):
    """What a buyer does once the tickets are held."""

    PAYS = "pays"
    DECLINED_ONCE = "is declined, and pays with another card"
    DECLINED = "is declined, and leaves"
    LEAVES = "leaves without paying"
    WEBHOOK_TWICE = "pays, and the provider reports it twice"
    WEBHOOK_LATE = "is declined and pays, and the provider reports the one after the other, the wrong way round"

    @property
    def ends_paid(self) -> bool:
        return self not in (Habit.DECLINED, Habit.LEAVES)


HABITS = {
    Habit.PAYS: 60,
    Habit.DECLINED_ONCE: 8,
    Habit.DECLINED: 4,
    Habit.LEAVES: 12,
    Habit.WEBHOOK_TWICE: 8,
    Habit.WEBHOOK_LATE: 8,
}


@dataclass(frozen=True)
class TicketType:
    """A ticket type of the demo, and how many of a hundred buyers want it."""

    name: str
    price: int
    quantity: int
    wanted_by: int
    most_at_once: int


def ticket_types(buyers: int) -> list[TicketType]:
    """A free type, a plain one, and a small one that most want; together fewer tickets than the crowd asks for."""
    return [
        TicketType("Front row", 2_500_000, buyers * 12 // 100, wanted_by=55, most_at_once=2),
        TicketType("Standing", 500_000, buyers * 40 // 100, wanted_by=30, most_at_once=4),
        TicketType("Soundcheck", 0, buyers * 10 // 100, wanted_by=15, most_at_once=2),
    ]


@dataclass
class Buyer:
    """One of the crowd. The fields without a plan in them are filled in as things happen."""

    email: str
    wants: str
    quantity: int
    habit: Habit
    clicks_twice: bool
    order: dict[str, Any] | None = None
    refused: bool = False
    paid_at: datetime | None = None


def crowd(run: str, size: int) -> list[Buyer]:
    """The buyers of a run; its name keeps their addresses apart from those of other runs."""
    chance = random.Random(SEED)
    types = ticket_types(size)
    wishes = chance.choices(types, [each.wanted_by for each in types], k=size)
    habits = chance.choices(list(HABITS), list(HABITS.values()), k=size)
    return [
        Buyer(
            email=f"buyer{number}.{run}@example.com",
            wants=wish.name,
            quantity=chance.randint(1, wish.most_at_once),
            habit=habit,
            clicks_twice=chance.random() < 0.1,
        )
        for number, (wish, habit) in enumerate(zip(wishes, habits, strict=True), 1)
    ]
