"""Count what is only inserted, each row once, for sums that stand beside it.

A snapshot of PostgreSQL says which transactions had committed at a moment. What one snapshot sees and the one before
does not, is what is new. The transaction that adds it also stores the snapshot. So a run that dies has counted nothing,
and of two runs at once the second finds the snapshot changed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from boxoffice import db

_MOST = 50_000  # transactions whose rows are counted at once


@dataclass(frozen=True)
class Uncounted:
    """What is not counted yet: the transactions that the second snapshot sees and the first does not.

    Attributes:
        id: both snapshots, as a name.
        is_all: True if the second snapshot is of now, so that all is counted then.
        at: when the second snapshot was taken.
    """

    begins: str
    ends: str
    is_all: bool
    at: datetime

    @property
    def id(self) -> str:
        return self.begins


@dataclass(frozen=True)
class Counter:
    """The statements that count one kind of rows.

    Attributes:
        find: finds what is to be counted next.
        lock: locks what was counted, if that is still so.
        add: add what is new to the sums.
        store: stores what is counted then.
    """

    find: LiteralString
    lock: LiteralString
    add: Sequence[LiteralString]
    store: LiteralString

    def find_uncounted(self, conn: db.Connection, leave_out: Collection[str] = ()) -> list[Uncounted]:
        """Return what is to be counted next, if there is something.

        It runs in autocommit: a snapshot of a transaction that writes would have this transaction as an open one.

        Args:
            leave_out: what the run has tried in vain.
        """
        return [each for each in db.many(conn, Uncounted, self.find, most=_MOST) if each.id not in leave_out]

    def count(self, conn: db.Connection, uncounted: Uncounted) -> int:
        """Add what is new to the sums, unless another run has done it.

        Returns:
            1.
        """
        if db.value(conn, self.lock, begins=uncounted.begins):
            for statement in self.add:
                db.run(conn, statement, begins=uncounted.begins, ends=uncounted.ends)
            db.run(conn, self.store, ends=uncounted.ends, is_all=uncounted.is_all, at=uncounted.at)
        return 1
