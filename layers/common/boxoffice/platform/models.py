"""What the API shows to those who operate the deployment."""

from typing import Literal

from pydantic import Field

from boxoffice.models import View

type HealthState = Literal["up", "down", "delayed"]


class DatabaseHealth(View):
    state: HealthState
    latency_ms: float | None


class EmailHealth(View):
    state: HealthState = Field(description="delayed: a message has waited for more than five minutes")
    waiting: int | None = Field(description="Messages that are due, counted up to 1,000")


class Health(View):
    status: HealthState = Field(description="up if the database and the emails are up")
    version: str
    database: DatabaseHealth
    email: EmailHealth
