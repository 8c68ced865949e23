"""The whole local stack: starts its parts in order, watches over them, and ends them.

    with Stack(tmp_path, port=0) as stack:
        httpx.get(stack.url + "/health")

It is started from the main thread of a process that stays: its parts end with the thread that started them.
"""

from __future__ import annotations

import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from local.stack import aws, sam_local, server
from local.stack.postgres import API_ROLE, Postgres
from local.stack.processes import ROOT, Part
from local.stack.sam import Template
from local.stack.sam_local import Containers
from local.stack.settings import Settings
from local.stack.state import State

HOST = "127.0.0.1"
LAYER = ROOT / "layers" / "common"
DATABASE_URL_FILE = "database.url"
READY_SECONDS = 60
WATCH_SECONDS = 0.2
PARAMETERS = {"SecretsExtension": "false", "AutoApproveOrganisations": "true", "EmailSender": aws.EMAIL_SENDER}


class PartEnded(Exception):
    """A part of the stack ended by itself."""


class Stack:
    """PostgreSQL, AWS services and gateway, with their state in one folder."""

    def __init__(
        self,
        folder: Path = ROOT / ".local",
        port: int = 3000,
        *,
        template: Path = ROOT / "template.yaml",
        database: bool = True,
        containers: Containers | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            folder: where data, secrets, emails and logs are kept.
            port: of the gateway; 0 takes a free one.
            template: another template than the project's own, for tests of the stack itself.
            database: False leaves PostgreSQL out.
            containers: where Docker's containers must reach database and AWS services too.
            variables: what the functions find in their environment instead of what the template says.
        """
        self._state = State(folder)
        self._port = port
        self._template = template
        self._with_database = database
        self._containers = containers
        self._overrides = dict(variables or {})
        self._postgres: Postgres | None = None
        self._parts: list[Part] = []
        self.url = ""
        self.aws_endpoint = ""
        self.owner_conninfo = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def folder(self) -> Path:
        """Where data, secrets, emails and logs are kept."""
        return self._state.folder

    def start(self) -> None:
        """Starts everything, and returns when the API answers.

        Raises:
            StateInUse: another run has the folder.
            PortInUse: the port is taken.
            RuntimeError: a part did not start.
        """
        self._state.lock()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends every part, in reverse order."""
        while self._parts:
            self._parts.pop().stop()
        self._state.unlock()

    def watch(self) -> None:
        """Watches until a part ends by itself.

        Raises:
            PartEnded: always.
        """
        while True:
            for part in self._parts:
                if part.exit_code is not None:
                    raise PartEnded(f"{part.name} ended by itself (exit code {part.exit_code})")
            time.sleep(WATCH_SECONDS)

    def _start(self) -> None:
        self._state.trim_logs()
        with server.listen(HOST, self._port) as listener:
            self.url = f"http://{HOST}:{listener.getsockname()[1]}"
            host, port = self._containers.address if self._containers else HOST, self._state.port("aws")
            self.aws_endpoint = f"http://{host}:{port}"
            services = self._run(aws.start(self._state, host, port))
            database = self._start_database() if self._with_database else None
            gateway = self._run(self._gateway(listener.fileno()))
            if database:
                self._prepare_database(database)
            aws.wait(services, self.aws_endpoint)
            aws.prepare(Template(self._template), self.aws_endpoint, self._state)
        gateway.tell("go")
        _wait(gateway, self.url)

    def _run(self, part: Part) -> Part:
        self._parts.append(part)
        return part

    def _start_database(self) -> Part:
        self._postgres = Postgres(
            self._state.database,
            self._state.port("postgres"),
            self._state.secret("database owner"),
            self._state.logs / "postgres.log",
            addresses=[HOST, *([self._containers.address] if self._containers else [])],
            networks=[f"{HOST}/32", *([self._containers.network] if self._containers else [])],
        )
        self.owner_conninfo = self._postgres.owner_conninfo()
        return self._run(self._postgres.start())

    def _prepare_database(self, part: Part) -> None:
        sys.path += [str(LAYER)] if str(LAYER) not in sys.path else []
        from boxoffice import migrations

        assert self._postgres
        self._postgres.wait(part)
        migrations.apply(self.owner_conninfo, api_password=self._state.secret(API_ROLE))
        self._state.write_private(DATABASE_URL_FILE, self._postgres.owner_url())

    def _gateway(self, listener: int) -> Part:
        settings = Settings(
            template=str(self._template),
            listener=listener,
            logs=str(self._state.logs),
            emails=str(self._state.emails),
            aws_endpoint=self.aws_endpoint,
            parameters=PARAMETERS | {"PublicUrl": self.url},
            variables=self._variables(HOST, self.aws_endpoint),
            database=self.owner_conninfo,
        )
        part = Part("gateway", [sys.executable, "-m", "local.stack.gateway"], pass_fds=[listener])
        part.tell(settings.line())
        return part

    def serve_in_docker(self, built: Path, port: int) -> None:
        """Serves the API a second time, through `sam local start-api`."""
        assert self._containers
        endpoint = self.aws_endpoint.replace(self._containers.address, self._containers.host)
        variables = self._variables(self._containers.host, endpoint)
        part = self._run(sam_local.start(built, port, variables, self._state.logs / "sam-local.log"))
        sam_local.wait(part, port)

    def _variables(self, database_host: str, aws_endpoint: str) -> dict[str, str]:
        """What the functions find in their environment instead of, or besides, what the template says."""
        variables = {
            "STAGE": "local",
            "PUBLIC_URL": self.url,
            "AWS_ENDPOINT_URL": aws_endpoint,
            "DATABASE_SECRET": "",
            "MIGRATION_SECRET": "",
        }
        variables |= aws.references(Template(self._template, PARAMETERS), aws_endpoint)
        if self._postgres:
            variables["DATABASE_URL"] = self._postgres.url(API_ROLE, self._state.secret(API_ROLE), database_host)
        return variables | self._overrides


def _wait(gateway: Part, url: str) -> None:
    """Waits until the gateway answers; functions are started by the first call to each."""
    deadline = time.monotonic() + READY_SECONDS
    while gateway.exit_code is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url + "/_local/emails?limit=1", timeout=READY_SECONDS).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the gateway did not start")
