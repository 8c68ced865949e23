"""What the supervisor tells the gateway, as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True)
class Settings:
    """`listener` is an open file descriptor; `database` is how the owner of the schema connects."""

    template: str
    listener: int
    logs: str
    emails: str
    aws_endpoint: str
    parameters: dict[str, str]
    variables: dict[str, str]
    database: str

    def line(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of_line(cls, line: str) -> Self:
        return cls(**json.loads(line))
