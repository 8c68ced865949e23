"""Processes that call the functions as Lambda does: told what to do by a line, and answering by one."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from bench import ROOT
from bench.server import Bench

_ENVIRONMENT = {
    "STAGE": "staging",
    "TOKEN_KEYS_SECRET": "token-keys",
    "TICKET_KEYS_SECRET": "ticket-keys",
    "EMAIL_QUEUE_URL": "",
    "EMAIL_SENDER": "tickets@example.com",
    "PUBLIC_URL": "https://tickets.example.com",
    "HOLD_MINUTES": "15",
    "AUTO_APPROVE_ORGANISATIONS": "false",
    "BCRYPT_COST": "12",
    "PAYMENT_PROVIDERS": "",
    "POWERTOOLS_SERVICE_NAME": "boxoffice",
    "POWERTOOLS_METRICS_NAMESPACE": "Boxoffice",
    "LOG_LEVEL": "INFO",
    "AWS_SESSION_TOKEN": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


class Process:
    """A module of the benchmark, run with the settings of the functions and ``others``."""

    def __init__(
        self,
        module: str,
        *arguments: object,
        bench: Bench,
        database: str,
        secrets_port: int,
        others: Mapping[str, str] | None = None,
    ) -> None:
        environment = {
            **os.environ,
            **_ENVIRONMENT,
            "DATABASE_URL": bench.api_url(database),
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(secrets_port),
            **(others or {}),
        }
        command = [sys.executable, "-m", module, *map(str, arguments)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *request: object) -> None:
        """Tell it what to do."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def line(self) -> str:
        """A line of its output, which it writes when it is done."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a client ended with {self._process.wait()}")
        return line

    def answer(self) -> Any:
        """What it found."""
        return json.loads(self.line())

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def serve(worker: object) -> None:
    """The other end: call the method of the worker that each line of the input names; its answer is a line, too."""
    print("ready", flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(worker, name)(*arguments)), flush=True)
