"""The gateway's process: HTTP API, functions, queues, schedules and the project's own pages.

`python -m local.stack.gateway` reads its settings, one line of JSON, from standard input. The line `go` tells it that
database and AWS services are ready. The end of the input tells it that the supervisor has ended.
"""

from __future__ import annotations

import json
import logging
import os
import pkgutil
import select
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from flask import Blueprint, Flask, Response, request

from local.stack import account, queues, schedules
from local.stack.environments import Environments, Outcome, Parent
from local.stack.logs import ErrorWatch, MessageWatch, say, show_requests
from local.stack.project import RunningStack
from local.stack.sam import FunctionSpec, Template, Throttled
from local.stack.server import serve
from local.stack.settings import Settings

CHECK_SECONDS = 0.5
GRACE_SECONDS = 60  # for calls in hand, before the fork server of outdated code ends
PROCESS_VARIABLES = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC", **account.ENVIRONMENT}
CODE = (".py", ".sql", ".json", ".html", ".txt")


class Gateway:
    """The HTTP API, the functions, the queues and the schedules of one template."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        variables = {**settings.variables, **PROCESS_VARIABLES}
        self._template = Template(Path(settings.template), settings.parameters, variables)
        self._functions = self._template.functions
        self._layers = list(dict.fromkeys(layer for spec in self._functions.values() for layer in spec.layers))
        self._set_up_layers()
        self._parent = self._start_parent()
        self._environments = Environments(self._functions, self._parent, Path(settings.logs), _report_failure)
        self._app = self._make_app()
        self._code_changed_at = self._newest_code()

    def start(self) -> None:
        """Serve, consume and schedule, in threads."""
        for listener in self._settings.listeners:
            opened = socket.socket(fileno=listener)
            threading.Thread(target=serve, args=(self._app, opened), daemon=True).start()
        queues.start(self._template, self._settings.aws_endpoint, self._invoke_unanswered)
        schedules.start(self._template, self._invoke_unanswered)

    def watch(self) -> int:
        """Report errors and reload changed code until the supervisor ends. Return the exit code."""
        settings = self._settings
        watches: list[ErrorWatch | MessageWatch] = [ErrorWatch(Path(settings.logs), list(self._functions))]
        if not settings.quiet:
            watches.append(MessageWatch(Path(settings.emails), settings.url + settings.inbox))
        while True:
            if select.select([sys.stdin], [], [], CHECK_SECONDS)[0] and not sys.stdin.readline():
                return 0
            if not self._parent.alive:
                say("the fork server ended")
                return 1
            for each in watches:
                each.report()
            self._reload_if_changed()

    def stop(self) -> None:
        """End every execution environment."""
        self._parent.close()

    def _set_up_layers(self) -> None:
        """Give this process the functions' variables and layers, since the project's pages use the layers' code."""
        os.environ.update(_common_variables(self._functions))
        sys.path += map(str, self._layers)

    def _start_parent(self) -> Parent:
        parent = Parent(_common_variables(self._functions))
        for problem in parent.preload(self._layers, self._settings.preload, self._settings.preload_clients):
            say(f"cannot import {problem}")
        return parent

    def _make_app(self) -> Flask:
        settings = self._settings
        app = self._template.http_api(self._answer, int(settings.url.rpartition(":")[2]))
        if not settings.quiet:
            show_requests(app)
        running = RunningStack(settings.url, Path(settings.emails), Path(settings.data), settings.owner_url)
        for page in settings.pages:
            app.register_blueprint(pkgutil.resolve_name(page)(running))
        app.register_blueprint(self._lambda_api())
        return app

    def _lambda_api(self) -> Blueprint:
        """Make Lambda's own route to call a function, which `aws lambda invoke --endpoint-url` uses."""
        blueprint = Blueprint("lambda", __name__)

        @blueprint.post("/2015-03-31/functions/<name>/invocations")
        def invoke(name: str) -> Response:
            if name not in self._functions:
                return Response(json.dumps({"Message": f"Function not found: {name}"}), 404)
            event = request.get_data(as_text=True) or "{}"
            if request.headers.get("X-Amz-Invocation-Type") == "Event":
                threading.Thread(target=self._invoke_unanswered, args=(name, event), daemon=True).start()
                return Response(status=202)
            outcome = self._environments.invoke(name, event)
            headers = {"X-Amz-Function-Error": "Unhandled"} if outcome.failed else {}
            return Response(outcome.document, headers=headers, content_type="application/json")

        return blueprint

    def _answer(self, name: str, event: str) -> str:
        return self._environments.invoke(name, event).document

    def _invoke_unanswered(self, name: str, event: str) -> Outcome:
        """Call a function for a caller that waits for no answer. If it is throttled, return that as a failure."""
        try:
            return self._environments.invoke(name, event)
        except Throttled:
            return Outcome.failure("TooManyRequestsException", "no execution environment came free in time")

    def _reload_if_changed(self) -> None:
        """Serve changed code by new environments. Calls in hand end on the old ones."""
        changed_at = self._newest_code()
        if changed_at == self._code_changed_at:
            return
        self._code_changed_at = changed_at
        old, self._parent = self._parent, self._start_parent()
        self._environments.replace(self._parent)
        threading.Timer(GRACE_SECONDS, old.close).start()
        say("code changed: reloaded")

    def _newest_code(self) -> float:
        """Return when functions or layers were changed last, in seconds since 1970."""
        folders = {*self._layers, *(spec.code for spec in self._functions.values())}
        return max((_newest(folder) for folder in folders), default=0.0)


def _newest(folder: Path) -> float:
    newest = 0.0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            if name.endswith(CODE):
                newest = max(newest, os.stat(os.path.join(path, name)).st_mtime)
    return newest


def _common_variables(functions: Mapping[str, FunctionSpec]) -> dict[str, str]:
    """Return the environment variables that all functions share: what a layer may read while it is imported."""
    environments = [set(spec.variables.items()) for spec in functions.values()]
    return dict(set.intersection(*environments)) if environments else {}


def _report_failure(name: str, message: str) -> None:
    say(f"{name}: {message}  (logs/{name}.log)")


def main() -> int:
    """Run the gateway. Return the exit code."""
    logging.getLogger("samcli").setLevel(logging.ERROR)
    gateway = Gateway(Settings.of_line(sys.stdin.readline()))
    if sys.stdin.readline().strip() != "go":
        return 0
    gateway.start()
    try:
        return gateway.watch()
    finally:
        gateway.stop()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads may still be waiting on functions
