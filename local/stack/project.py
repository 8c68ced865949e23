"""What the local stack needs to know of a project: its SAM template, and the little that no template says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from flask import Blueprint


@dataclass(frozen=True)
class RunningStack:
    """A stack, as the project's own pages see it."""

    url: str
    """The API's address, without a slash at the end."""
    emails: Path
    """The folder of captured emails, to be read through `Inbox`."""
    data: Path
    """A folder for what the project's own pages keep between runs."""
    owner_url: str
    """The connection URL of the database's owner. It is empty without a database."""


@dataclass(frozen=True)
class Database:
    """The project's PostgreSQL database."""

    name: str
    role: str
    """The role as which the functions connect."""
    set_up: Callable[[str, str], object]
    """Makes the role and the tables. Each start calls it with the owner's connection URL and the role's password."""


@dataclass(frozen=True)
class Project:
    """A SAM project that can be run locally.

    In the values of `parameters`, `variables` and `secrets`, `{url}` stands for the API's address. In those of the
    first two, `{database_url}` stands for how the functions connect to the database.
    """

    template: Path
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the template, in place of their defaults."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of every function, in place of the template's values."""
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """More fields of the template's secrets, by the secret's logical id."""
    email_senders: Sequence[str] = ()
    """The addresses that SES accepts as senders."""
    preload: Sequence[str] = ()
    """Packages of the layers that are imported once, before the first call to a function."""
    preload_clients: Sequence[str] = ()
    """AWS services whose boto3 clients are made once, for the same reason."""
    pages: Sequence[Callable[[RunningStack], Blueprint]] = ()
    """Functions of importable modules that make the project's own pages; the gateway serves them beside the API."""
    inbox: str = ""
    """The path of the page that shows captured messages, each below it by its id."""
    database: Database | None = None

    def with_variables(self, **variables: str) -> Project:
        """Return the same project with other environment variables for its functions."""
        return replace(self, variables={**self.variables, **variables})
