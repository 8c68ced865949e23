"""Processes that call the functions as Lambda does. They read requests and write answers, each a line of JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import ROOT
from bench.server import Bench

ENVIRONMENT = {
    "STAGE": "staging",
    **{f"{ring.upper()}_KEYS_SECRET": f"{ring}-keys" for ring in ("token", "ticket", "link", "code", "data", "edge")},
    "EMAIL_QUEUE_URL": "",
    "SMS_QUEUE_URL": "",
    "WEBHOOK_QUEUE_URL": "",
    "SMS_SENDER_ID": "",
    "SMS_ORIGINATION_NUMBER": "",
    "SMS_MAX_PRICE": "0.30",
    "REFUND_QUEUE_URL": "",
    "EXPORT_QUEUE_URL": "",
    "EMAIL_CONFIGURATION_SET": "",
    "FILES_BUCKET": "files",
    "MEDIA_BUCKET": "media",
    "UPLOAD_QUEUE_URL": "",
    "PICTURES_URL": "https://pictures.example.com",
    "PICTURE_STORAGE": "s3",
    "CLOUDINARY_SECRET": "cloudinary",
    "EMAIL_SENDER": "tickets@example.com",
    "PUBLIC_URL": "https://tickets.example.com",
    "API_URL": "https://api.example.com",
    "HOLD_MINUTES": "15",
    "AUTO_APPROVE_ORGANISATIONS": "false",
    "VERIFY_EMAILS": "false",
    "CHALLENGE_PROVIDER": "",
    "CHALLENGE_SITE_KEY": "",
    "CHALLENGE_SECRET": "challenge",
    "GOOGLE_LOG_IN": "false",
    "GOOGLE_CLIENT_SECRET": "google-client",
    "BCRYPT_COST": "12",
    "BLOCK_DISPUTED_TICKETS": "false",
    "PAYMENT_PROVIDERS": "",
    "POWERTOOLS_SERVICE_NAME": "boxoffice",
    "POWERTOOLS_METRICS_NAMESPACE": "Boxoffice",
    "LOG_LEVEL": "INFO",
    "AWS_SESSION_TOKEN": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


class Process:
    """A module of the benchmark in a process, with the settings of the functions and more environment variables."""

    def __init__(
        self,
        module: str,
        *arguments: object,
        bench: Bench,
        database: str,
        secrets_port: int,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        environment = {
            **os.environ,
            **ENVIRONMENT,
            "DATABASE_URL": bench.api_url(database),
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(secrets_port),
            **(variables or {}),
        }
        command = [sys.executable, "-m", module, *map(str, arguments)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *request: object) -> None:
        """Send a request: the name of a method, and its arguments."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def wait_until_ready(self) -> None:
        """Wait for the line by which the process says that it serves."""
        self._read_line()

    def answer(self) -> Any:
        """Wait for the answer to a request, and return it."""
        return json.loads(self._read_line())

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process ended with exit code {self._process.wait()}")
        return line

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(make_worker: Callable[[], object]) -> None:
    """Make a worker, and serve requests from standard input: call the method that each names, and write its answer.

    Standard output is for answers alone. The functions write their logs and metrics there, so those are discarded.
    """
    with os.fdopen(os.dup(1), "w", buffering=1) as answers, Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        worker = make_worker()
        print("ready", file=answers)
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            print(json.dumps(getattr(worker, name)(*arguments)), file=answers)
