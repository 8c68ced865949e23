"""The gateway's process: HTTP API, functions, queues and schedules of the local stack.

`python -m local.stack.gateway` reads its settings, one line of JSON, from standard input; the line `go` says that database
and AWS services are ready; the end of the input, that the supervisor has gone.
"""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from flask import Blueprint, Flask, Response, request

from local.boxoffice import pages
from local.boxoffice.sandbox import Sandbox
from local.stack import account
from local.stack import schedules as triggers
from local.stack.environments import Environments, Outcome, Zygote
from local.stack.inbox import Inbox
from local.stack.logs import ErrorWatch, say
from local.stack.sam import FunctionSpec, Template, Throttled
from local.stack.server import serve
from local.stack.settings import Settings

CHECK_SECONDS = 0.5
GRACE_SECONDS = 60
PACKAGES = ["boxoffice"]
CLIENTS = ["secretsmanager", "sqs", "sesv2"]
PROCESS = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC", **account.ENVIRONMENT}
WATCHED = (".py", ".sql", ".json", ".html", ".txt")


class Gateway:
    """Everything that the gateway's process runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._template = Template(Path(settings.template), settings.parameters, settings.variables | PROCESS)
        self._functions = self._template.functions
        self._act_as_a_function()
        self._parent = self._warm_parent()
        self._environments = Environments(self._functions, self._parent, Path(settings.logs), self._complain)
        self._listener = socket.socket(fileno=settings.listener)
        self._app = self._make_app()
        self._seen = self._fingerprint()

    def start(self) -> None:
        """Serves, consumes and schedules, in threads."""
        threading.Thread(target=serve, args=(self._app, self._listener), daemon=True).start()
        triggers.start(self._template, self._settings.aws_endpoint, self._invoke_quietly)

    def run(self) -> int:
        """Watches over it until the supervisor goes; answers the exit code."""
        watch = ErrorWatch(Path(self._settings.logs), list(self._functions))
        while True:
            if select.select([sys.stdin], [], [], CHECK_SECONDS)[0] and not sys.stdin.readline():
                return 0
            if not self._parent.alive:
                say("the parent of the execution environments ended")
                return 1
            watch.report()
            self._reload_if_changed()

    def stop(self) -> None:
        self._parent.close()

    def _act_as_a_function(self) -> None:
        """The sandbox provider signs with the layer's own code, which finds here what it would find in a function."""
        os.environ.update(_common(self._functions))
        sys.path += {str(layer) for spec in self._functions.values() for layer in spec.layers}

    def _warm_parent(self) -> Zygote:
        parent = Zygote(_common(self._functions))
        layers = list(dict.fromkeys(layer for spec in self._functions.values() for layer in spec.layers))
        packages = [package for package in PACKAGES if any((layer / package).is_dir() for layer in layers)]
        for problem in parent.warm(layers, packages, CLIENTS):
            say(f"cannot import {problem}")
        return parent

    def _make_app(self) -> Flask:
        port = self._listener.getsockname()[1]
        app = self._template.http_api(self._answer, port)
        app.register_blueprint(pages.emails(Inbox(Path(self._settings.emails))))
        app.register_blueprint(pages.payments(Sandbox(f"http://127.0.0.1:{port}", self._settings.database)))
        app.register_blueprint(pages.orders())
        app.register_blueprint(self._lambda_api())
        return app

    def _lambda_api(self) -> Blueprint:
        """Lambda's own way to call a function, for `aws lambda invoke --endpoint-url` and for the tests."""
        blueprint = Blueprint("lambda", __name__)

        @blueprint.post("/2015-03-31/functions/<name>/invocations")
        def invoke(name: str) -> Response:
            if name not in self._functions:
                return Response(json.dumps({"Message": f"Function not found: {name}"}), 404)
            event = request.get_data(as_text=True) or "{}"
            if request.headers.get("X-Amz-Invocation-Type") == "Event":
                threading.Thread(target=self._invoke_quietly, args=(name, event), daemon=True).start()
                return Response(status=202)
            outcome = self._environments.invoke(name, event)
            headers = {"X-Amz-Function-Error": "Unhandled"} if outcome.failed else {}
            return Response(outcome.document, headers=headers, content_type="application/json")

        return blueprint

    def _answer(self, name: str, event: str) -> str:
        return self._environments.invoke(name, event).document

    def _invoke_quietly(self, name: str, event: str) -> Outcome:
        """For callers that nobody answers: being throttled is a failure like another."""
        try:
            return self._environments.invoke(name, event)
        except Throttled:
            return Outcome.failure("TooManyRequestsException", "no execution environment came free in time")

    def _complain(self, name: str, message: str) -> None:
        say(f"{name}: {message}  (logs/{name}.log)")

    def _reload_if_changed(self) -> None:
        """Changed code is served by new environments; calls in hand end on the old ones."""
        seen = self._fingerprint()
        if seen == self._seen:
            return
        self._seen = seen
        old, self._parent = self._parent, self._warm_parent()
        self._environments.replace(self._parent)
        threading.Timer(GRACE_SECONDS, old.close).start()
        say("code changed: reloaded")

    def _fingerprint(self) -> float:
        folders = {spec.code for spec in self._functions.values()}
        folders |= {layer for spec in self._functions.values() for layer in spec.layers}
        return max((_newest(folder) for folder in folders), default=0.0)


def _newest(folder: Path) -> float:
    newest = 0.0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            if name.endswith(WATCHED):
                newest = max(newest, os.stat(os.path.join(path, name)).st_mtime)
    return newest


def _common(functions: Mapping[str, FunctionSpec]) -> dict[str, str]:
    """The environment variables that all functions share: what the layer may read while it is imported."""
    environments = [set(spec.variables.items()) for spec in functions.values()]
    return dict(set.intersection(*environments)) if environments else {}


def main() -> int:
    logging.getLogger("samcli").setLevel(logging.ERROR)
    gateway = Gateway(Settings.of_line(sys.stdin.readline()))
    if sys.stdin.readline().strip() != "go":
        return 0
    gateway.start()
    try:
        return gateway.run()
    finally:
        gateway.stop()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads may still be waiting on functions
