"""What operators are shown."""

from typing import Literal

from pydantic import Field

from boxoffice.models import View

type State = Literal["up", "down", "delayed"]


class DatabaseHealth(View):
    state: State
    latency_ms: float | None


class EmailHealth(View):
    state: State = Field(description="delayed: a message has waited for more than five minutes")
    waiting: int | None = Field(description="Messages that are due, counted up to 1,000")


class Health(View):
    status: State = Field(description="up if everything is")
    version: str
    database: DatabaseHealth
    email: EmailHealth
