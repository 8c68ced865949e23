"""Reads the template, and serves its HTTP API, with the SAM CLI's own code.

The SAM CLI is no public library. So its version is pinned, and no other module imports it.
tests/e2e/test_local_stack.py tests the behaviour that this module needs. `Runtime` takes the place of SAM's Docker.

`HttpApi` adds what SAM leaves out. Unknown routes answer 404, and a body that is not text arrives in Base64. Header
names are lower-case, and each request has its own id and time.
"""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import os

os.environ["SAM_CLI_TELEMETRY"] = "0"  # read by SAM when it is imported

import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, abort, jsonify, make_response, request
from samcli.commands.local.lib.local_lambda import LocalLambdaRunner
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.provider import Function
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.lib.telemetry.event import EventTracker
from samcli.lib.utils.stream_writer import StreamWriter
from samcli.local.apigw.event_constructor import construct_v2_event_http
from samcli.local.apigw.local_apigw_service import LocalApigwService
from samcli.local.apigw.path_converter import PathConverter
from samcli.local.apigw.route import Route
from samcli.local.lambdafn.config import FunctionConfig
from samcli.local.lambdafn.env_vars import EnvironmentVariables
from samcli.yamlhelper import yaml_dump, yaml_parse

from local.stack import account

EventTracker.track_event = staticmethod(
    lambda *_, **__: None
)  # else SAM keeps an event for each call, even when told not to

# API Gateway passes bodies of these types on as text, and all others in Base64 (payload format 2.0).
TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})
PAYLOAD_LIMIT = 10 * 2**20
MOMENT_FORMAT = "%d/%b/%Y:%H:%M:%S +0000"

Invoke = Callable[[str, str], str]
"""Calls a function by its logical id, with an event as JSON. Returns its result, or its error, as JSON."""


@dataclass(frozen=True)
class FunctionSpec:
    """A function as the template declares it, with the local values of its environment variables."""

    name: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    timeout: int
    memory: int
    variables: Mapping[str, str]


@dataclass(frozen=True)
class QueueTrigger:
    """An event source mapping: a function that takes messages from a queue."""

    function: str
    queue: str
    batch_size: int
    reports_failures: bool
    concurrency: int


@dataclass(frozen=True)
class ScheduleTrigger:
    """A schedule that calls a function. ``payload`` is the event, or None for EventBridge's own."""

    function: str
    expression: str
    payload: str | None = None


@dataclass(frozen=True)
class Queue:
    """An SQS queue. `dead_letters` is the logical id of the queue for messages that were received too often."""

    name: str
    attributes: Mapping[str, str]
    dead_letters: str | None
    receives: int


@dataclass(frozen=True)
class Template:
    """A template as SAM reads it: `!Ref` has become the logical id, and so has the end of each `!GetAtt … Arn`."""

    path: Path
    parameters: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    """Values of environment variables for every function, in place of the template's."""

    @cached_property
    def _stacks(self) -> list[Any]:
        with _reading():
            stacks, _ = SamLocalStackProvider.get_stacks(str(self.path), parameter_overrides=dict(self.parameters))
        return list(stacks)

    @cached_property
    def _resources(self) -> dict[str, Any]:
        with _reading():
            return dict(self._stacks[0].resources)

    @cached_property
    def _runner(self) -> _Runner:
        with _reading():
            return _Runner(self)

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of every resource of a CloudFormation type, by logical id."""
        return {
            name: resource.get("Properties") or {}
            for name, resource in self._resources.items()
            if resource["Type"] == kind
        }

    @cached_property
    def functions(self) -> dict[str, FunctionSpec]:
        """Every function, by logical id."""
        specs = (self._runner.spec(function) for function in self._runner.provider.get_all())
        return {spec.name: spec for spec in specs}

    @property
    def queues(self) -> dict[str, Queue]:
        """Every SQS queue, by logical id."""
        return {name: _queue(name, properties) for name, properties in self.of_type("AWS::SQS::Queue").items()}

    @property
    def queue_triggers(self) -> list[QueueTrigger]:
        """Every SQS event source mapping."""
        return [_queue_trigger(name, event) for name, kind, event in self._events() if kind == "SQS"]

    @property
    def schedule_triggers(self) -> list[ScheduleTrigger]:
        """Every enabled schedule, of EventBridge rules (Schedule) and of its Scheduler (ScheduleV2)."""
        return [
            _schedule_trigger(name, event)
            for name, kind, event in self._events()
            if kind in ("Schedule", "ScheduleV2") and _is_on(event)
        ]

    def _events(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [
            (function.name, event["Type"], event.get("Properties") or {})
            for function in self._runner.provider.get_all()
            for event in (function.events or {}).values()
        ]

    def http_api(self, invoke: Invoke, port: int) -> Flask:
        """Return the template's HTTP API as a WSGI application, whose functions are called by `invoke`."""
        self._runner.local_runtime = Runtime(invoke)
        with _reading():
            provider = ApiProvider(self._stacks, cwd=str(self.path.parent))
        service = HttpApi(provider.api, self._runner, port=port, stderr=None)
        service.create()
        self._expose_headers(service.app)
        return service.app

    def _expose_headers(self, app: Flask) -> None:
        """Tell pages of other origins which headers they may read. SAM leaves that part of the template out."""
        apis = self.of_type("AWS::Serverless::HttpApi").values()
        names = [name for api in apis for name in (api.get("CorsConfiguration") or {}).get("ExposeHeaders", [])]

        @app.after_request
        def expose(response: Response) -> Response:
            if names and "Access-Control-Allow-Origin" in response.headers and request.method != "OPTIONS":
                response.headers["Access-Control-Expose-Headers"] = ",".join(names)
            return response


class Runtime:
    """Takes the place of SAM's Docker runtime: passes the event on, and writes the function's answer to `stdout`."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def invoke(
        self,
        function_config: FunctionConfig,
        event: str,
        _tenant_id: str | None = None,
        *,
        stdout: StreamWriter,
        **_: Any,
    ) -> None:
        stdout.write_str(self._invoke(function_config.name, event))


class _Runner(LocalLambdaRunner):  # type: ignore[misc]
    """SAM's runner, with made-up credentials, and each function's configuration made once."""

    def __init__(self, template: Template) -> None:
        folder = str(template.path.parent)
        provider = SamFunctionProvider(template._stacks)
        super().__init__(None, provider, folder, folder)
        self._configs: dict[str, FunctionConfig] = {}
        self._variables = template.variables

    def get_aws_creds(self) -> dict[str, str]:
        """Return made-up credentials: SAM would hand the developer's own to the functions."""
        return {
            "region": account.REGION,
            "key": account.ACCESS_KEY,
            "secret": account.SECRET_KEY,
            "sessiontoken": account.SESSION_TOKEN,
        }

    def _make_env_vars(self, function: Function) -> EnvironmentVariables:
        """Return the template's values, even for variables that the developer's shell has too."""
        variables = super()._make_env_vars(function)
        variables.shell_env_values = {}
        return variables

    def get_invoke_config(self, function: Function, override_runtime: str | None = None) -> FunctionConfig:
        if function.name not in self._configs:
            self._configs[function.name] = super().get_invoke_config(function, override_runtime)
        return self._configs[function.name]

    def spec(self, function: Function) -> FunctionSpec:
        config = self.get_invoke_config(function)
        folder = Path(self.cwd)
        return FunctionSpec(
            name=function.name,
            handler=str(config.handler),
            code=Path(str(config.code_abs_path)),
            layers=tuple(folder / str(layer.codeuri) for layer in config.layers),
            timeout=int(config.timeout or 3),
            memory=int(config.memory or 128),
            variables={**config.env_vars.resolve(), **self._variables},
        )


class HttpApi(LocalApigwService):  # type: ignore[misc]
    """SAM's local HTTP API, with more of API Gateway's behaviour."""

    @property
    def app(self) -> Flask:
        app: Flask = self._app
        return app

    def create(self) -> None:
        super().create()
        self.app.config["MAX_CONTENT_LENGTH"] = PAYLOAD_LIMIT

    def _construct_error_handling(self) -> None:
        super()._construct_error_handling()
        for status in (404, 405):
            self.app.register_error_handler(status, _answers(404, "Not Found"))
        self.app.register_error_handler(413, _answers(413, "Request Entity Too Large"))
        self.app.register_error_handler(Throttled, _answers(503, "Service Unavailable"))

    def _get_current_route(self, flask_request: Request) -> Route:
        # Flask adds HEAD to each GET; API Gateway does not.
        route = self._dict_of_routes.get(self._route_key(flask_request.method, flask_request.endpoint))
        return route if route else abort(404)

    def _generate_lambda_event(
        self, flask_request: Request, _route: Route, method: str, endpoint: str
    ) -> dict[str, Any]:
        now = datetime.now(UTC)
        event: dict[str, Any] = construct_v2_event_http(
            flask_request=flask_request,
            port=self.port,
            binary_types=() if _is_text(flask_request) else ("*/*",),
            stage_name=self.api.stage_name,
            stage_variables=self.api.stage_variables,
            route_key=f"{method} {PathConverter.convert_path_to_api_gateway(endpoint)}",
            request_time_epoch=int(now.timestamp() * 1000),
            request_time=now.strftime(MOMENT_FORMAT),
        )
        event["headers"] = {name.lower(): value for name, value in event["headers"].items()}
        event["requestContext"]["requestId"] = str(uuid.uuid4())
        event["requestContext"]["http"]["userAgent"] = flask_request.headers.get("User-Agent", "")
        return {name: value for name, value in event.items() if value not in (None, [], {}, "") or name in _ALWAYS}


class Throttled(Exception):
    """No execution environment came free in time; API Gateway answers 503."""


_ALWAYS = ("rawPath", "rawQueryString", "headers")


def declare_variables(template: str, names: Iterable[str]) -> str:
    """Return a template's text that declares these environment variables too: SAM overrides only declared ones."""
    document = yaml_parse(template)
    declared = document["Globals"]["Function"]["Environment"]["Variables"]
    declared.update({name: declared.get(name, "") for name in names})
    return str(yaml_dump(document))


def _reading() -> warnings.catch_warnings[None]:
    """Silence SAM while it reads a template: it calls functions that it has deprecated itself."""
    return warnings.catch_warnings(category=DeprecationWarning, action="ignore")


def _is_text(request: Request) -> bool:
    if not (request.mimetype in TEXT_TYPES or request.mimetype.startswith("text/") or not request.mimetype):
        return False
    try:
        request.get_data().decode()
    except UnicodeDecodeError:
        return False
    return True


def _answers(status: int, message: str) -> Callable[[Exception], Response]:
    return lambda _: make_response(jsonify(message=message), status)


def _logical_id(reference: str) -> str:
    return reference.rpartition(":")[2]


def _is_on(event: Mapping[str, Any]) -> bool:
    return event.get("Enabled", True) is not False and event.get("State", "ENABLED") == "ENABLED"


def _queue(name: str, properties: Mapping[str, Any]) -> Queue:
    redrive = properties.get("RedrivePolicy") or {}
    attributes = ("VisibilityTimeout", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "DelaySeconds")
    return Queue(
        name=name,
        attributes={key: str(properties[key]) for key in attributes if key in properties},
        dead_letters=_logical_id(redrive["deadLetterTargetArn"]) if redrive else None,
        receives=int(redrive.get("maxReceiveCount", 0)),
    )


def _queue_trigger(function: str, event: Mapping[str, Any]) -> QueueTrigger:
    return QueueTrigger(
        function=function,
        queue=_logical_id(event["Queue"]),
        batch_size=int(event.get("BatchSize", 10)),
        reports_failures="ReportBatchItemFailures" in event.get("FunctionResponseTypes", ()),
        concurrency=int((event.get("ScalingConfig") or {}).get("MaximumConcurrency", 2)),
    )


def _schedule_trigger(function: str, event: Mapping[str, Any]) -> ScheduleTrigger:
    expression = event.get("ScheduleExpression") or event["Schedule"]
    return ScheduleTrigger(function=function, expression=str(expression), payload=event.get("Input"))
