"""template.yaml says what the code says, and keeps within the limits of AWS."""

import ast
import json
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from typing import Any, get_args, get_type_hints

import boto3
from cfnlint.api import ManualArgs, lint
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from boxoffice.api import ROUTES, Route
from boxoffice.models import Request
from boxoffice.payments.models import StartableProvider
from tests.helpers.support import ROOT, all_functions, words

DOMAINS = [
    "accounts",
    "organisations",
    "events",
    "ticket_types",
    "vouchers",
    "waitlist",
    "orders",
    "payments",
    "refunds",
    "tickets",
    "checkin",
    "slots",
    "finance",
    "messaging",
    "media",
    "newsletter",
    "admin",
    "platform",
]

BUYERS_WAIT_FOR = {
    "create_order",
    "get_availability",
    "get_event",
    "get_order",
    "list_events",
    "scan_ticket",
    "start_payment",
    *(f"receive_{provider}_webhook" for provider in get_args(StartableProvider.__value__)),
}

# Set by Lambda itself, or only where there is no template.
OTHER_VARIABLES = {"AWS_SESSION_TOKEN", "DATABASE_OWNER_URL"}

type Resource = dict[str, Any]


@cache
def template() -> dict[str, Any]:
    return dict(yaml_parse((ROOT / "template.yaml").read_text()))


@cache
def functions() -> dict[str, Resource]:
    """The properties of every function, by the name of its file, in the order of the template."""
    return {
        words(logical_id): resource["Properties"]
        for logical_id, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


@cache
def expanded() -> dict[str, Resource]:
    """The resources that CloudFormation sees."""
    source = yaml_parse((ROOT / "template.yaml").read_text())
    for resource in source["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = "s3://bucket/key"
    session = boto3.Session(region_name="eu-west-1")
    return dict(Translator({}, Parser(), boto_session=session).translate(source, {})["Resources"])


def of_type(kind: str) -> list[Resource]:
    return [resource["Properties"] for resource in expanded().values() if resource["Type"] == kind]


def http_events() -> dict[str, tuple[str, str]]:
    """Method and path of every function of the API, by name."""
    return {
        name: (event["Properties"]["Method"], event["Properties"]["Path"])
        for name, function in functions().items()
        for event in function.get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }


def routes() -> dict[str, Route]:
    """What the functions' files declare, by name."""
    all_functions()
    return {route.function.__name__: route for route in ROUTES}


def domain(name: str) -> str:
    return str(functions()[name]["CodeUri"]).split("/")[1]


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every file of functions/, parsed."""
    for path in sorted(ROOT.glob("functions/*/*.py")):
        yield path.stem, ast.parse(path.read_text())


def test_every_file_is_a_function_and_every_function_a_file() -> None:
    declared = {f"{function['CodeUri']}{function['Handler']}" for function in functions().values()}
    files = {f"functions/{path.parent.name}/{path.stem}.handler" for path in ROOT.glob("functions/*/*.py")}
    assert declared == files


def test_a_function_is_called_like_its_file() -> None:
    assert [name for name, function in functions().items() if function["Handler"] != f"{name}.handler"] == []


def test_every_handler_can_be_called() -> None:
    assert [name for name, module in all_functions().items() if not callable(getattr(module, "handler", None))] == []


def test_functions_stand_in_the_order_of_the_folders_and_then_of_the_alphabet() -> None:
    names = list(functions())
    assert names == sorted(names, key=lambda name: (DOMAINS.index(domain(name)), name))


def test_routes_are_those_that_the_files_declare() -> None:
    assert http_events() == {name: (route.method, route.path) for name, route in routes().items()}


def test_every_function_has_a_sample_event() -> None:
    samples = {f"{path.parent.name}/{path.stem}" for path in ROOT.glob("events/*/*.json")}
    assert samples == {f"{domain(name)}/{name}" for name in functions()}


def test_sample_events_match_their_routes() -> None:
    for name, (method, path) in http_events().items():
        event = json.loads((ROOT / f"events/{domain(name)}/{name}.json").read_text())
        assert event["routeKey"] == f"{method} {path}"
        assert event["rawPath"] == path.format(**event.get("pathParameters", {}))


def test_sample_events_have_valid_bodies() -> None:
    for name, route in routes().items():
        event = json.loads((ROOT / f"events/{domain(name)}/{name}.json").read_text())
        for hint in get_type_hints(route.function).values():
            if isinstance(hint, type) and issubclass(hint, Request):
                hint.model_validate_json(event["body"])


def test_functions_do_not_import_each_other() -> None:
    ours = set(all_functions())
    for name, tree in sources():
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not imported & ours, name


def test_no_file_is_named_like_a_library() -> None:
    libraries = sys.stdlib_module_names | set(packages_distributions()) | {"boxoffice"}
    assert not libraries & set(all_functions())


def test_a_function_can_be_read_at_a_glance() -> None:
    for name, tree in sources():
        for function in tree.body:
            if isinstance(function, ast.FunctionDef):
                statements = [node for node in function.body if not _is_docstring(node)]
                assert int(statements[-1].end_lineno or 0) - statements[0].lineno < 15, name


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_variables_that_the_code_reads_are_set() -> None:
    given = set(template()["Globals"]["Function"]["Environment"]["Variables"])
    for function in functions().values():
        given |= set(function.get("Environment", {}).get("Variables", {}))
    read = {name for path in _python_files() for name in _variables(ast.parse(path.read_text()))}
    assert read - OTHER_VARIABLES <= given


def _python_files() -> list[Any]:
    return [*ROOT.glob("layers/common/boxoffice/**/*.py"), *ROOT.glob("functions/*/*.py")]


def _variables(tree: ast.AST) -> Iterator[str]:
    """The names in ``environ["X"]`` and ``environ.get("X")``, however environ is called here."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=source, slice=ast.Constant(value=str(name))) if _is_environ(source):
                yield name
            case ast.Call(func=ast.Attribute(value=source, attr="get"), args=[ast.Constant(value=str(name)), *_]) if (
                _is_environ(source)
            ):
                yield name


def _is_environ(node: ast.expr) -> bool:
    return ast.unparse(node) in {"os.environ", "environ", "env"}


def test_every_function_waits_for_the_migrations() -> None:
    versions = {
        logical_id: resource["Properties"]["Environment"]["Variables"]["SCHEMA_VERSION"]
        for logical_id, resource in expanded().items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert versions.pop("Migrate") == ""
    assert all(version == {"Fn::GetAtt": ["Migration", "Version"]} for version in versions.values())


def test_what_a_buyer_waits_for_is_deployed_gradually() -> None:
    gradual = {name for name, function in functions().items() if "DeploymentPreference" in function}
    assert gradual == BUYERS_WAIT_FOR
    for name in gradual:
        assert functions()[name]["AutoPublishAlias"] == "live"
        assert functions()[name]["AutoPublishAliasAllProperties"] is True  # else a new layer alone publishes nothing


def test_a_message_stays_hidden_for_six_times_the_timeout() -> None:
    queues = {name: resource for name, resource in expanded().items() if resource["Type"] == "AWS::SQS::Queue"}
    mappings = of_type("AWS::Lambda::EventSourceMapping")
    assert mappings
    for mapping in mappings:
        queue = queues[mapping["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
        function = expanded()[mapping["FunctionName"]["Ref"]]["Properties"]
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_no_role_may_do_everything() -> None:
    for role in of_type("AWS::IAM::Role"):
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                assert "*" not in json.dumps(statement["Action"])
                assert statement["Resource"] != "*"


def test_the_stack_stays_well_below_the_limit_of_500_resources() -> None:
    assert len(expanded()) < 450


def test_the_linter_finds_nothing() -> None:
    text = (ROOT / "template.yaml").read_text()
    assert lint(text, config=ManualArgs(regions=["eu-west-1", "us-east-1"])) == []
