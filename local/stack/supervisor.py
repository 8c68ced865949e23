"""The whole local stack: starts its parts in order, watches over them, and ends them.

    with Stack(project, tmp_path, port=0) as stack:
        httpx.get(stack.url + "/health")

Start it from the main thread of a process that stays: its parts end with the thread that started them.
"""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.stack import aws, sam_local, server
from local.stack.postgres import Server
from local.stack.processes import Part
from local.stack.project import Project
from local.stack.sam import Template
from local.stack.sam_local import Containers
from local.stack.settings import Settings
from local.stack.state import State

HOST = "127.0.0.1"
OWNER_URL_FILE = "database.url"
READY_SECONDS = 60
WATCH_SECONDS = 0.2
POSTGRES_OPTIONS = {
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "off",  # faster; if the machine itself crashes, delete the state
}


class PartEnded(Exception):
    """A part of the stack ended by itself."""


class Stack:
    """A project's PostgreSQL, AWS services and gateway, with their state in one folder."""

    def __init__(
        self, project: Project, folder: Path, port: int, *, containers: Containers | None = None, quiet: bool = True
    ) -> None:
        """
        Args:
            project: what is run.
            folder: where data, secrets, emails and logs are kept.
            port: of the gateway; 0 takes a free one.
            containers: where Docker's containers must reach database and AWS services too.
            quiet: show neither requests nor captured messages in the terminal.
        """
        self._project = project
        self._state = State(folder)
        self._port = port
        self._containers = containers
        self._quiet = quiet
        self._postgres: Server | None = None
        self._parts: list[Part] = []
        self._template = Template(project.template)  # with its parameters, once there are addresses
        self.url = ""
        self.aws_endpoint = ""
        self.owner_url = ""

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
        """Start everything, and return when the API answers.

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
        """End every part, in reverse order."""
        while self._parts:
            self._parts.pop().stop()
        self._state.unlock()

    def watch(self) -> None:
        """Watch until a part ends by itself.

        Raises:
            PartEnded: always.
        """
        while True:
            for part in self._parts:
                if part.exit_code is not None:
                    raise PartEnded(f"{part.name} ended by itself (exit code {part.exit_code})")
            time.sleep(WATCH_SECONDS)

    def serve_in_docker(self, port: int) -> None:
        """Serve the API a second time, through `sam local start-api`.

        Raises:
            RuntimeError: the functions could not be built, or SAM did not start.
        """
        assert self._containers
        endpoint = self.aws_endpoint.replace(self._containers.address, self._containers.host)
        parameters, variables = self._parameters(), self._variables(self._containers.host, endpoint)
        built = sam_local.build(self._project.template, self._state.folder / "sam", parameters)
        log = self._state.logs / "sam-local.log"
        part = self._run(sam_local.start(built, port, parameters, variables, log))
        sam_local.wait(part, port)

    def _start(self) -> None:
        """Start all parts side by side, then prepare what the gateway's functions need, and let it go."""
        self._state.trim_logs()
        with ExitStack() as opened:
            listeners = [opened.enter_context(server.listen(HOST, self._port))]
            port = listeners[0].getsockname()[1]
            self.url = f"http://{HOST}:{port}"
            if self._containers and self._containers.address != HOST:
                listeners.append(opened.enter_context(server.listen(self._containers.address, port)))
            self._start_database()
            self._template = Template(self._project.template, self._parameters())
            services = self._start_services()
            gateway = self._start_gateway([listener.fileno() for listener in listeners])
        self._prepare_database()
        aws.wait(services, self.aws_endpoint)
        aws.prepare(self._template, self.aws_endpoint, self._state, self._project.email_senders, self._secrets(port))
        gateway.tell("go")
        gateway.wait_until(partial(_answers, self.url), READY_SECONDS)

    def _run(self, part: Part) -> Part:
        self._parts.append(part)
        return part

    def _start_services(self) -> Part:
        host, port = self._containers.address if self._containers else HOST, self._state.port("aws")
        self.aws_endpoint = f"http://{host}:{port}"
        return self._run(aws.start(self._state, host, port, self._template, self.url))

    def _start_database(self) -> None:
        if self._project.database is None:
            return
        self._postgres = Server(
            self._state.database / "data",
            self._state.port("postgres"),
            options=POSTGRES_OPTIONS,
            password=self._state.secret("database owner"),
            addresses=[HOST, *([self._containers.address] if self._containers else [])],
            networks=[f"{HOST}/32", *([self._containers.network] if self._containers else [])],
            log=self._state.logs / "postgres.log",
        )
        self.owner_url = self._postgres.url(self._project.database.name)
        self._run(self._postgres.start())

    def _prepare_database(self) -> None:
        database = self._project.database
        if database is None:
            return
        assert self._postgres
        self._postgres.wait()
        self._postgres.ensure_database(database.name)
        database.set_up(self.owner_url, self._state.secret(database.role))
        self._state.write_private(OWNER_URL_FILE, self.owner_url)

    def _start_gateway(self, listeners: list[int]) -> Part:
        settings = Settings(
            template=str(self._project.template),
            parameters=self._parameters(),
            variables=self._variables(HOST, self.aws_endpoint),
            preload=list(self._project.preload),
            preload_clients=list(self._project.preload_clients),
            pages=[_name(page) for page in self._project.pages],
            listeners=listeners,
            url=self.url,
            aws_endpoint=self.aws_endpoint,
            owner_url=self.owner_url,
            logs=str(self._state.logs),
            emails=str(self._state.emails),
            data=str(self._state.data),
            inbox=self._project.inbox,
            quiet=self._quiet,
        )
        part = self._run(Part("gateway", [sys.executable, "-m", "local.stack.gateway"], pass_fds=listeners))
        part.tell(settings.line())
        return part

    def _parameters(self) -> dict[str, str]:
        """Return the template's parameters."""
        return self._filled_in(self._project.parameters, HOST)

    def _variables(self, database_host: str, aws_endpoint: str) -> dict[str, str]:
        """Return what the functions find in their environment instead of, or besides, what the template says."""
        references = aws.references(self._template, aws_endpoint)
        own = self._filled_in(self._project.variables, database_host)
        return {"AWS_ENDPOINT_URL": aws_endpoint, **references, **own}

    def _secrets(self, port: int) -> dict[str, dict[str, str]]:
        """Return the project's own fields of secrets. Functions in containers reach the gateway by another address."""
        host = self._containers.host if self._containers else HOST
        url = f"http://{host}:{port}"
        return {
            name: {field: value.replace("{url}", url) for field, value in fields.items()}
            for name, fields in self._project.secrets.items()
        }

    def _filled_in(self, values: Mapping[str, str], database_host: str) -> dict[str, str]:
        """Return a project's values with addresses in place of `{url}` and `{database_url}`."""
        database_url = self._database_url(database_host)
        return {
            name: value.replace("{url}", self.url).replace("{database_url}", database_url)
            for name, value in values.items()
        }

    def _database_url(self, host: str) -> str:
        """Return how the functions connect; nothing without a database."""
        database = self._project.database
        if database is None or self._postgres is None:
            return ""
        return self._postgres.url(database.name, database.role, self._state.secret(database.role), host)


def _name(function: Callable[..., Any]) -> str:
    """Return where another process finds a function: `module:function`."""
    return f"{function.__module__}:{function.__qualname__}"


def _answers(url: str) -> bool:
    """Return True if the gateway answers, whatever it says. It starts functions only when they are called."""
    try:
        urllib.request.urlopen(url + "/_local", timeout=READY_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
