"""The routes of API Gateway: written into template.yaml from the declarations of the endpoints.

They stand under `paths:`, at the end of the template's API, instead of SAM's `HttpApi` events. For each such event SAM
adds a permission, and a stack may have 500 resources only. Here one role calls all functions.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from boxoffice.api import Route

_ALIAS = "live"  # of the functions that are deployed gradually
_PATHS = re.compile(r"(?<=\n)        paths:.*?(?=\n+\S)", re.DOTALL)
_GRADUAL = re.compile(
    rf"^  (\w+):\n    Type: AWS::Serverless::Function\n(?:    .*\n)*?      AutoPublishAlias: {_ALIAS}\n", re.M
)
_URI = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${%s.Arn}%s/invocations"


def with_routes(template: str, routes: Iterable[Route]) -> str:
    """Return the template with new routes.

    Raises:
        ValueError: the template has no section for them.
    """
    gradual = set(_GRADUAL.findall(template))
    written, sections = _PATHS.subn(lambda _: "\n".join(_lines(routes, gradual)), template)
    if sections != 1:
        raise ValueError("template.yaml needs one API with `paths:`, as the last of its resources")
    return written


def _lines(routes: Iterable[Route], gradual: set[str]) -> Iterator[str]:
    yield "        paths: # written by `make openapi`"
    ordered = sorted(routes, key=lambda route: (route.path, route.method))
    for path, methods in groupby(ordered, key=lambda route: route.path):
        yield f"          {path}:"
        for route in methods:
            name = logical_id(route.function.__name__)
            uri = _URI % (name, f":{_ALIAS}" if name in gradual else "")
            yield f"            {route.method.lower()}: {json.dumps(_operation(path, uri))}"
    yield f"    DependsOn: [{', '.join(f'{name}Alias{_ALIAS}' for name in sorted(gradual))}]"


def _operation(path: str, uri: str) -> dict[str, Any]:
    """Return what SAM would write for an event of the function, with the role that calls it."""
    integration = {
        "uri": {"Fn::Sub": uri},
        "credentials": {"Fn::GetAtt": ["GatewayRole", "Arn"]},
        "type": "aws_proxy",
        "httpMethod": "POST",
        "payloadFormatVersion": "2.0",
    }
    parameters = [{"name": name, "in": "path", "required": True} for name in re.findall(r"{(\w+)}", path)]
    operation = {"x-amazon-apigateway-integration": integration, "responses": {}}
    return operation | ({"parameters": parameters} if parameters else {})


def logical_id(function: str) -> str:
    """Return the name of a function in the template: `create_order` is `CreateOrder`."""
    return function.title().replace("_", "")
