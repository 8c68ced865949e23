"""The settings that the supervisor gives to the gateway, as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True)
class Settings:
    """The gateway's settings. All values have types of JSON, since they are passed to another process."""

    template: str
    parameters: dict[str, str]
    variables: dict[str, str]
    preload: list[str]
    preload_clients: list[str]
    pages: list[str]
    """The functions that make the project's pages, each as `module:function`."""
    listeners: list[int]
    """The file descriptors of the open sockets."""
    url: str
    aws_endpoint: str
    owner_url: str
    logs: str
    emails: str
    data: str
    inbox: str
    """The path of the page that shows captured messages."""
    quiet: bool
    """True if requests and messages are not shown in the terminal."""

    def line(self) -> str:
        """Return the settings as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def of_line(cls, line: str) -> Self:
        """Read the settings from a line that `line` wrote."""
        return cls(**json.loads(line))
