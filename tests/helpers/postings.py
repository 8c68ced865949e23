"""Transfers of the ledger that were posted on some day."""

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg

from boxoffice.ids import first_id

INSERT = """
INSERT INTO ledger_transfers (id, organisation_id, kind, holder, currency, amount, source_id, posting_no, line_no,
    order_id, event_id, ticket_type_id, provider, posted_at)
SELECT %(id)s, %(organisation_id)s, %(kind)s, %(holder)s, %(currency)s, %(amount)s,
    %(source_id)s, 1, %(line_no)s, %(order_id)s, %(event_id)s, %(ticket_type_id)s, %(provider)s, %(at)s
"""
_number = count()
NOTHING = dict.fromkeys(("order_id", "event_id", "ticket_type_id", "provider"))


@dataclass(frozen=True)
class Ledger:
    """The ledger of an organisation, in which a test posts."""

    conn: psycopg.Connection
    organisation: UUID

    def post(self, at: str, kind: str, amount: int, currency: str = "EUR", **fields: Any) -> UUID:
        """Post a transfer at a time, like ``2026-06-30T23:59:59Z``. Return what posts."""
        source = fields.pop("source_id", None) or uuid4()
        of_moment = UUID(int=first_id(datetime.fromisoformat(at)).int + next(_number))
        row = {
            "id": of_moment,
            "organisation_id": self.organisation,
            "kind": kind,
            "amount": amount,
            "currency": currency,
            "at": at,
        }
        self.conn.execute(INSERT, {**NOTHING, "holder": "platform", "line_no": 1, "source_id": source, **row, **fields})
        return UUID(str(source))
