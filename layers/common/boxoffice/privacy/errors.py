"""Why a request about personal data is refused."""

from datetime import datetime

from boxoffice.errors import DomainError


class TicketsAhead(DomainError):
    code = "tickets_ahead"
    meaning = "There are {tickets} valid tickets for events to come, and {open_claims} open claims of a slot."
    remedy = (
        "Save them first: they stay valid, but nobody can send them again, or tell you if an event is cancelled. "
        "Then repeat the request with `force`."
    )
    tickets: int
    open_claims: int
    next_event_at: datetime | None
