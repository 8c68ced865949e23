"""Routes are written into their section of a template, and always alike."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from samcli.yamlhelper import yaml_parse

from boxoffice.routes import logical_id, with_routes

TEMPLATE = """\
Resources:
  GetEvent:
    Type: AWS::Serverless::Function
    Properties:
      Handler: get_event.handler
      AutoPublishAlias: live

  CreateEvent:
    Type: AWS::Serverless::Function
    Properties:
      Handler: create_event.handler

  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody:
        openapi: 3.0.1
        paths: {}

Outputs:
  ApiUrl: {}
"""


def route(method: str, path: str, function: str) -> Any:
    """Return the part of a route that matters here."""
    return SimpleNamespace(method=method, path=path, function=SimpleNamespace(__name__=function))


ROUTES = [route("GET", "/v1/events/{event_id}", "get_event"), route("POST", "/v1/events", "create_event")]


def test_each_route_calls_its_function_or_the_alias() -> None:
    api = yaml_parse(with_routes(TEMPLATE, ROUTES))["Resources"]["Api"]

    paths = api["Properties"]["DefinitionBody"]["paths"]
    assert list(paths) == ["/v1/events", "/v1/events/{event_id}"]
    assert "/functions/${CreateEvent.Arn}/invocations" in json.dumps(paths["/v1/events"]["post"])
    assert "/functions/${GetEvent.Arn}:live/invocations" in json.dumps(paths["/v1/events/{event_id}"]["get"])
    assert paths["/v1/events/{event_id}"]["get"]["parameters"] == [{"name": "event_id", "in": "path", "required": True}]
    assert api["DependsOn"] == ["GetEventAliaslive"]


def test_the_rest_of_the_template_stays_as_it_is() -> None:
    written = with_routes(TEMPLATE, ROUTES)

    head, _, tail = TEMPLATE.partition("        paths: {}")
    assert written.startswith(head)
    assert written.endswith(tail)
    assert with_routes(written, ROUTES) == written


def test_a_template_without_the_section_is_refused() -> None:
    with pytest.raises(ValueError, match="paths"):
        with_routes(TEMPLATE.replace("paths", "components"), ROUTES)


def test_a_logical_id_is_the_name_in_camel_case() -> None:
    assert logical_id("download_tickets_pdf") == "DownloadTicketsPdf"
