"""Money matters: what a person must look at. Whatever needs a person opens one. `settling` shows and settles them."""

from collections.abc import Sequence
from dataclasses import replace

from psycopg.types.json import Jsonb

from boxoffice import db, sql
from boxoffice.ids import new_id
from boxoffice.observability import count
from boxoffice.orders.models import MatterKind
from boxoffice.payments.models import NewMatter

SQL = sql.queries("payments")


def open_new(conn: db.Connection, matter: NewMatter) -> None:
    """Open a matter, in the transaction of what needs a person. If there is one about the subject, it opens again."""
    facts = {**vars(matter), "details": Jsonb(matter.details)}
    db.run(conn, SQL.open_matter, id=new_id(), **facts)
    count("MattersOpened")


def close(conn: db.Connection, kind: MatterKind, subject: object, resolution: str) -> None:
    """Settle a matter that has settled itself, if there is one and it is open."""
    db.run(conn, SQL.close_matter, kind=kind, subject=str(subject), resolution=resolution)


def close_all(conn: db.Connection, kind: MatterKind, subjects: Sequence[object], resolution: str) -> None:
    """Settle matters that have settled themselves: those about some subjects that there are and that are open."""
    if subjects:
        names = sorted({str(subject) for subject in subjects})
        db.run(conn, SQL.lock_and_close_matters, kind=kind, subjects=names, resolution=resolution)


def difference(matter: NewMatter, amount: int) -> NewMatter:
    """Return the matter of a difference between what a provider says and the books.

    Args:
        matter: the matter about the reversal that shows the difference.
        amount: how much more went back than is left of the money. Negative if less went back than is booked.
    """
    details = {**matter.details, "amount_too_large": amount > 0}
    return replace(matter, kind="difference", amount=abs(amount), details=details)
