"""The template gives each function what its code needs, and no more.

What a function needs is found from its code (`tests.helpers.reach`). What cannot be found there is a table, by hand.
"""

import ast
import inspect
import operator
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name

from boxoffice import jobs
from boxoffice.config import Settings
from boxoffice.messaging.rules import LEASE
from boxoffice.provider_names import PROVIDERS
from boxoffice.webhooks import rules
from tests.architecture.test_template import functions, template
from tests.helpers import conformance
from tests.helpers.operations import operations
from tests.helpers.reach import LAYER, reach_of
from tests.helpers.support import ROOT, all_functions

type Grant = tuple[str, str]
"""An action of IAM, and what it is allowed on."""

# What the operations of AWS that the code calls need, by their names in boto3.
ACTIONS = {
    "describe_secret": {"secretsmanager:DescribeSecret"},
    "get_secret_value": {"secretsmanager:GetSecretValue"},
    "put_secret_value": {"secretsmanager:PutSecretValue"},
    "update_secret_version_stage": {"secretsmanager:UpdateSecretVersionStage"},
    "send_message_batch": {"sqs:SendMessage"},
    "send_email": {"ses:SendEmail", "ses:SendRawEmail"},
    "publish": {"sns:Publish"},
    "head_bucket": {"s3:ListBucket"},
    # Without s3:ListBucket, S3 answers 403 for an object that is not there.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    "head_object": {"s3:GetObject", "s3:ListBucket"},
    "get_object": {"s3:GetObject", "s3:ListBucket"},
    "put_object": {"s3:PutObject"},
    "delete_objects": {"s3:DeleteObject"},
    "create_multipart_upload": {"s3:PutObject"},
    "upload_part": {"s3:PutObject"},
    "complete_multipart_upload": {"s3:PutObject"},
    "abort_multipart_upload": {"s3:AbortMultipartUpload"},
    # Whoever signs may do what the link and the form do.
    "generate_presigned_url": {"s3:GetObject"},
    "generate_presigned_post": {"s3:PutObject"},
}
# The part of the bucket of uploads and pictures that an operation is for, by hand.
OF_MEDIA = {
    "generate_presigned_post": "uploads/",
    "get_object": "uploads/",
    "put_object": "pictures/",
    "delete_objects": "",
}
SIGNING = {"generate_presigned_url", "generate_presigned_post"}
# What Lambda does in the name of a function that takes the records of a queue.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-lambda-function-trigger.html
POLL = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}

# Libraries that the Lambda runtime has.
IN_LAMBDA = {"boto3", "botocore"}

# The roles of functions, the least powerful first.
ROLES = [
    "ApiRole",
    "EmailRole",
    "SmsRole",
    "WebhookRole",
    "AccountRole",
    "PictureRole",
    "StorageRole",
    "PaymentRole",
    "WithdrawRole",
    "MigrateRole",
    "RotateRole",
]
MANAGED = {"service-role/AWSLambdaVPCAccessExecutionRole", "AWSXRayDaemonWriteAccess"}

# How often each job runs.
JOBS = {
    "check_all_invariants": "rate(10 minutes)",
    "count_ledger": "rate(1 minute)",
    "count_sales": "rate(1 minute)",
    "expire_orders": "rate(1 minute)",
    "finish_cancellations": "rate(1 minute)",
    "offer_waitlist": "rate(1 minute)",
    "purge_personal_data": "rate(1 hour)",
    "send_announcements": "rate(1 minute)",
    "write_newsletters": "rate(10 minutes)",
    "send_reminders": "rate(1 hour)",
    "tell_moves": "rate(1 minute)",
    "reconcile_books": "rate(10 minutes)",
    "reconcile_payments": "rate(1 minute)",
    "reissue_tickets": "rate(1 minute)",
    "release_funds": "rate(1 hour)",
    "review_uploads": "rate(1 minute)",
    "relay_outbox": "rate(1 minute)",
}
DEFAULT_SECONDS = 15
# The functions that may take longer than the default, in seconds.
SECONDS = {
    "check_uploads": 60,
    "review_uploads": 60,
    "check_all_invariants": 540,  # many parts, of which each may take a minute
    "count_ledger": 30,
    "count_sales": 30,
    "check_invariants": 29,  # its statements may take 25 s
    "download_tickets_pdf": 29,
    "get_revenue_report": 29,
    "get_statement": 29,
    "finish_cancellations": 60,
    "finish_google_login": 29,  # three calls to Google may take 6 s each
    "get_scan_manifest": 29,
    "tell_moves": 60,
    "migrate": 840,
    "purge_personal_data": 60,
    "reconcile_books": 540,  # many pages of providers' reports
    "reconcile_payments": 60,
    "reissue_tickets": 60,
    "release_funds": 60,
    "relay_outbox": 60,
    "rotate_secret": 60,
    "send_announcements": 60,
    "write_newsletters": 60,
    "send_reminders": 300,
    "send_email": 60,
    "send_sms": 60,
    "send_refunds": 120,
    "deliver_webhook": 60,
    "write_export": 600,
    "withdraw_key": 60,
    "start_payment": 29,  # waits 10 s for the provider's pace, and 11 s for its answer
}
SECONDS_OF_API_GATEWAY = 30

# Headers that browsers send, or show to pages, without being told so (Fetch standard, CORS-safelisted).
SAFE_REQUEST_HEADERS = {"accept", "accept-language", "content-language"}
SAFE_RESPONSE_HEADERS = {"cache-control", "content-language", "content-length", "content-type", "expires"}
# Headers that say something to caches and browsers themselves, not to the code of a page.
NOT_FOR_PAGES = {"content-disposition", "location", "vary", "www-authenticate"}


def resources() -> dict[str, Any]:
    """Return the resources of the template, by logical id."""
    return dict(template()["Resources"])


def role_of(function: str) -> str:
    """Return the name of a function's role."""
    return str(functions()[function]["Role"]["Fn::GetAtt"][0])


def properties_of(role: str) -> dict[str, Any]:
    """Return the properties of a role."""
    return dict(template()["Resources"][role]["Properties"])


def variables_of(function: str) -> dict[str, Any]:
    """Return a function's environment variables."""
    common = template()["Globals"]["Function"]["Environment"]["Variables"]
    return {**common, **functions()[function].get("Environment", {}).get("Variables", {})}


def named(reference: Any) -> str:
    """Return what the value of a variable or a policy refers to. An ARN and a URL of a resource are the resource."""
    match reference:
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, "Arn"]}:
            return str(name)
        case {"Fn::GetAtt": path}:
            return ".".join(path)
        case {"Fn::Sub": text}:
            return str(text)
        case {"Fn::If": [_, held, _]}:
            return named(held)
        case {"but": other}:
            return f"all but {named(other)}"
    raise AssertionError(f"{reference} refers to nothing")


def granted(role: str) -> set[Grant]:
    """Return what a role allows."""
    grants = set()
    for policy in properties_of(role)["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            on = statement["Resource"] if "Resource" in statement else {"but": statement["NotResource"]}
            actions, on = (each if isinstance(each, list) else [each] for each in (statement["Action"], on))
            grants |= {(action, named(resource)) for action in actions for resource in on}
    return grants


@cache
def needed(function: str) -> set[Grant]:
    """Return what the code of a function, and Lambda in its name, must be allowed to do."""
    grants = {
        (action, resource)
        for operation, actions in ACTIONS.items()
        if operation in reach_of(function).attributes
        for action in actions
        for resource in resources_of(operation, action, function)
    }
    for event in functions()[function].get("Events", {}).values():
        if event["Type"] == "SQS":
            grants |= {(action, named(event["Properties"]["Queue"])) for action in POLL}
    return grants


def resources_of(operation: str, action: str, function: str) -> set[str]:
    """Return what a function does an operation on: secrets, queues, objects, or the identities it sends emails as."""
    reach, variables = reach_of(function), variables_of(function)
    if operation == "send_email":
        return {"arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:*"}
    if operation == "publish":  # to a phone number, which has no ARN
        return {"all but arn:${AWS::Partition}:sns:*:*:*"}
    if action.startswith("s3:"):
        fields = {
            field for field in Settings.__dataclass_fields__.keys() & reach.attributes if field.endswith("_bucket")
        }
        buckets = {named(variables[field.upper()]) for field in fields}
        if action == "s3:ListBucket":
            return buckets
        parts = {bucket: OF_MEDIA[operation] if bucket == "MediaBucket" else "" for bucket in buckets}
        return {f"${{{bucket}.Arn}}/{part}*" for bucket, part in parts.items()}
    kind = "_SECRET" if "secret" in operation else "_QUEUE_URL"
    own = functions()[function].get("Environment", {}).get("Variables", {})
    names = {field.upper() for field in Settings.__dataclass_fields__.keys() & reach.attributes}
    names |= own.keys() & reach.texts
    if "boxoffice.config.provider_secret" in reach.names:
        names |= {f"{provider.upper()}_SECRET" for provider in PROVIDERS}
    if operation != "get_secret_value":
        names -= {"OWNER_SECRET"}  # RDS changes it
        names -= {"DATABASE_SECRET"} if "boxoffice.platform.rotation" not in reach.names else set()
    resources = {named(variables[name]) for name in names if name.endswith(kind)}
    if kind == "_SECRET" and "boxoffice.payments.merchants._secret_of_organisation" in reach.names:
        secrets = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
        resources.add(f"{secrets}boxoffice/${{Stage}}/organisations/*")
    return resources


@pytest.mark.parametrize("function", sorted(functions()))
def test_a_function_may_do_what_it_needs_by_the_least_role_that_allows_it(function: str) -> None:
    assert needed(function) - granted(role_of(function)) == set()
    assert role_of(function) == next(role for role in ROLES if needed(function) <= granted(role))


def test_each_function_has_one_of_the_roles() -> None:
    assert {role_of(function) for function in functions()} == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_allows_what_some_function_needs_and_nothing_else(role: str) -> None:
    assert granted(role) == set().union(*(needed(name) for name in functions() if role_of(name) == role))
    trust = properties_of(role)["AssumeRolePolicyDocument"]["Statement"]
    assert trust == [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    policies = {policy["Fn::Sub"].partition(":policy/")[2] for policy in properties_of(role)["ManagedPolicyArns"]}
    assert policies == MANAGED


def test_emails_are_sent_by_the_configured_sender_alone() -> None:
    statements = [
        statement
        for role in ROLES
        for policy in properties_of(role)["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    conditions = [each.get("Condition") for each in statements if "ses:" in str(each["Action"])]
    assert conditions == [{"StringEquals": {"ses:FromAddress": {"Ref": "EmailSender"}}}]


def test_the_actions_of_every_operation_of_aws_are_known() -> None:
    code = "".join(path.read_text() for path in LAYER.glob("boxoffice/**/*.py"))
    services = set(re.findall(r"boto3\.client\(\s*\"(\w+)\"", code))
    assert services == set(re.findall(r"boto3\.client\(\s*\"?([^\s\"),]+)", code))
    known = {
        xform_name(operation)
        for service in services
        for operation in boto3.client(service, region_name="eu-west-1").meta.service_model.operation_names
    }
    called = {attribute for name in functions() for attribute in reach_of(name).attributes}
    called |= set(re.findall(r"\.(\w+)\(", (LAYER / "boxoffice/storage.py").read_text()))
    assert called & known == set(ACTIONS) - SIGNING


def test_each_variable_names_the_secret_the_queue_or_the_bucket_that_it_is_called_after() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    secrets = {name: named(value) for name, value in variables.items() if name.endswith("_SECRET")}
    assert {stem(name.title().replace("_", "")): stem(secret) for name, secret in secrets.items()} == {
        stem(secret): stem(secret) for secret in secrets.values()
    }
    of_type = {name for name, each in template()["Resources"].items() if each["Type"] == "AWS::SecretsManager::Secret"}
    assert set(secrets.values()) == of_type - {"AdminPassword"}, "which the deploy step alone reads"
    queues = {name: named(value) for name, value in variables.items() if name.endswith("_QUEUE_URL")}
    assert queues == {name: name.title().replace("_", "").removesuffix("Url") for name in queues}
    buckets = {name: named(value) for name, value in variables.items() if name.endswith("_BUCKET")}
    assert buckets == {name: name.title().replace("_", "") for name in buckets}
    assert set(buckets.values()) == {name for name, each in resources().items() if each["Type"] == "AWS::S3::Bucket"}


@pytest.mark.parametrize(("bucket", "policy"), [("FilesBucket", "FilesPolicy"), ("MediaBucket", "MediaPolicy")])
def test_a_bucket_is_private_and_encrypted(bucket: str, policy: str) -> None:
    properties = resources()[bucket]["Properties"]
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    blocked = properties["PublicAccessBlockConfiguration"]
    kinds = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    assert blocked == dict.fromkeys(kinds, True)
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert resources()[policy]["Properties"]["Bucket"] == {"Ref": bucket}
    without_tls, *_ = resources()[policy]["Properties"]["PolicyDocument"]["Statement"]
    assert without_tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert (without_tls["Effect"], without_tls["Principal"], without_tls["Action"]) == ("Deny", "*", "s3:*")
    assert without_tls["Resource"] == [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}]


def test_everybody_sees_pictures_by_the_cdn_alone() -> None:
    """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html"""
    _, shows, *others = resources()["MediaPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert not others
    assert (shows["Principal"], shows["Action"]) == ({"Service": "cloudfront.amazonaws.com"}, "s3:GetObject")
    assert shows["Resource"] == {"Fn::Sub": "${MediaBucket.Arn}/pictures/*"}
    source = shows["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"]
    assert source.endswith(":distribution/${PictureCdn}")
    access = resources()["PictureAccess"]["Properties"]["OriginAccessControlConfig"]
    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")


def test_each_upload_is_told_to_the_queue_and_no_picture_is() -> None:
    """A picture that is written must call no worker, which would write it again."""
    told = resources()["MediaBucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert told == [
        {
            "Event": "s3:ObjectCreated:*",
            "Queue": {"Fn::GetAtt": ["UploadQueue", "Arn"]},
            "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "uploads/"}]}},
        }
    ]
    (allowed,) = resources()["UploadQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "s3.amazonaws.com"}, "sqs:SendMessage")
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_files_are_gone_after_a_week_and_parts_after_a_day() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html"""
    files, media = (resources()[name]["Properties"] for name in ("FilesBucket", "MediaBucket"))
    expire, drop = files["LifecycleConfiguration"]["Rules"]
    assert (expire["Status"], expire["ExpirationInDays"]) == ("Enabled", 7)
    assert (drop["Status"], drop["AbortIncompleteMultipartUpload"]) == ("Enabled", {"DaysAfterInitiation": 1})
    assert "VersioningConfiguration" not in files, "a version would outlive its day"
    assert media["VersioningConfiguration"] == {"Status": "Enabled"}
    kept = {
        rule["Prefix"]: rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in media["LifecycleConfiguration"]["Rules"]
        if "NoncurrentVersionExpiration" in rule
    }
    assert kept == {"uploads/": 1, "pictures/": 7}


def stem(name: str) -> str:
    """Return whose secret a name is of: `TokenKeysSecret` and `TokenKeys` are both of `Token`."""
    return re.sub(r"(Keys|Secret)+$", "", name)


@cache
def distributions_of(layer: str) -> set[str]:
    """Return the distributions in a layer: those that it asks for, and those that they require."""
    lines = (ROOT / f"layers/{layer}/requirements.txt").read_text().splitlines()
    left, found = [line for line in lines if line and not line.startswith("#")], set[str]()
    while left:
        name = normal(re.split(r"[^\w.-]", left.pop())[0])
        if name not in found and any(name in names for names in owners().values()):
            found.add(name)
            left += [each for each in requires(name) or [] if "extra ==" not in each]
    return found


@cache
def owners() -> dict[str, set[str]]:
    """Return the distributions that bring a library, by the name under which it is imported."""
    return {library: {normal(name) for name in names} for library, names in packages_distributions().items()}


def normal(distribution: str) -> str:
    """Return the name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@pytest.mark.parametrize("function", sorted(functions()))
def test_a_function_has_the_layers_of_what_it_imports(function: str) -> None:
    libraries = reach_of(function).libraries - sys.stdlib_module_names - IN_LAMBDA
    extra = {library for library in libraries if not owners()[library] & distributions_of("common")}
    layers = {name for name in ("documents", "pictures") for each in extra if owners()[each] & distributions_of(name)}
    assert all(owners()[each] & (distributions_of("documents") | distributions_of("pictures")) for each in extra), extra
    assert functions()[function].get("Layers", []) == [{"Ref": f"{name.title()}Layer"} for name in sorted(layers)]


def test_all_functions_have_the_common_layer() -> None:
    common, extension = template()["Globals"]["Function"]["Layers"]
    assert common == {"Ref": "CommonLayer"}
    assert extension["Fn::If"][0] == "UsesSecretsExtension"


@pytest.mark.parametrize("function", sorted(functions()))
def test_a_function_that_hashes_passwords_has_a_whole_processor(function: str) -> None:
    hashes = "bcrypt" in reach_of(function).libraries
    assert (functions()[function].get("MemorySize") == 1769) is hashes


def seconds_of(function: str) -> int:
    """Return a function's time-out."""
    return int(functions()[function].get("Timeout", template()["Globals"]["Function"]["Timeout"]))


def declared_with(decorator: str) -> Iterator[tuple[str, float]]:
    """Yield the functions that are declared as jobs or workers, with the seconds before their time-out they stop at."""
    default = inspect.signature(getattr(jobs, decorator)).parameters["seconds_to_stop"].default
    for name, module in all_functions().items():
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
            match node:
                case ast.Call(func=ast.Name(id=called), keywords=keywords) if called == decorator:
                    given = {keyword.arg: ast.unparse(keyword.value) for keyword in keywords}
                    stop = given.get("seconds_to_stop")
                    yield name, default if stop is None else eval(stop, vars(module))


def test_each_job_runs_as_often_as_it_must() -> None:
    assert {name for name, _ in declared_with("job")} == set(JOBS)
    schedules = {
        name: [event["Properties"] for event in function.get("Events", {}).values() if event["Type"] == "Schedule"]
        for name, function in functions().items()
    }
    state = {"Fn::If": ["SchedulesRun", "ENABLED", "DISABLED"]}
    assert {name: each for name, each in schedules.items() if each} == {
        name: [{"Schedule": rate, "State": state}] for name, rate in JOBS.items()
    }


def test_each_worker_takes_the_records_of_a_queue() -> None:
    polled = {
        name
        for name, function in functions().items()
        if any(event["Type"] == "SQS" for event in function.get("Events", {}).values())
    }
    assert polled == {name for kind in ("worker", "queue_job") for name, _ in declared_with(kind)}


def test_time_outs_are_as_long_as_the_work_and_shorter_than_the_wait_for_it() -> None:
    assert {name: seconds_of(name) for name in functions()} == {
        name: SECONDS.get(name, DEFAULT_SECONDS) for name in functions()
    }
    for name in operations():
        assert seconds_of(name) < SECONDS_OF_API_GATEWAY, name
    for name, seconds_to_stop in [*declared_with("job"), *declared_with("worker"), *declared_with("queue_job")]:
        assert seconds_of(name) >= 2 * seconds_to_stop, f"{name} stops before it has done half of what it could"
    for name, rate in JOBS.items():
        assert seconds_of(name) <= {"rate(1 minute)": 60, "rate(10 minutes)": 600, "rate(1 hour)": 3600}[rate], (
            f"{name} meets its next run"
        )


def test_a_message_is_leased_for_longer_than_a_worker_lives_and_shorter_than_the_queue_hides_it() -> None:
    for worker, queue in {"send_email": "EmailQueue", "send_sms": "SmsQueue"}.items():
        hidden = template()["Resources"][queue]["Properties"]["VisibilityTimeout"]
        assert seconds_of(worker) < LEASE.total_seconds() < hidden


def test_the_lease_of_a_webhook_turn_outlives_the_worker() -> None:
    hidden = template()["Resources"]["WebhookQueue"]["Properties"]["VisibilityTimeout"]
    assert rules.TURN.total_seconds() + rules.SECONDS_TO_SEND < seconds_of("deliver_webhook")
    assert seconds_of("deliver_webhook") < rules.LEASE.total_seconds() < hidden


def watched(part: Any) -> Iterator[dict[str, Any]]:
    """Yield the metrics of this deployment that a part of the template watches."""
    if isinstance(part, dict):
        if part.get("Namespace") == {"Ref": "AWS::StackName"}:
            yield part
        part = [*part.values()]
    if isinstance(part, list):
        for inner in part:
            yield from watched(inner)


def test_alarms_watch_metrics_that_somebody_measures() -> None:
    resources = template()["Resources"].values()
    by_functions = {text for name in functions() for text in reach_of(name).texts}
    by_filters = {
        metric["MetricName"]
        for each in resources
        if each["Type"] == "AWS::Logs::MetricFilter"
        for metric in each["Properties"]["MetricTransformations"]
    }
    alarms = [each["Properties"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = list(watched(alarms))
    assert {metric["MetricName"] for metric in metrics} >= {"ApiErrors", "UnitsFailed"}
    for metric in metrics:
        name = metric["MetricName"]
        if name in by_filters:
            assert "Dimensions" not in metric, name
        else:
            assert name in by_functions
            assert metric["Dimensions"] == [{"Name": "service", "Value": "boxoffice"}], name


def cors() -> dict[str, Any]:
    """Return what pages of other origins may do."""
    return dict(template()["Resources"]["Api"]["Properties"]["CorsConfiguration"])


def test_pages_may_send_the_headers_and_methods_that_operations_read() -> None:
    document = conformance.document()
    called_by_pages = {name for name, operation in operations().items() if operation.who != "provider"}
    read = {"authorization", "content-type"}
    read |= {scheme["name"].lower() for scheme in document["components"]["securitySchemes"].values() if "in" in scheme}
    for methods in document["paths"].values():
        for operation in methods.values():
            if operation["operationId"] in called_by_pages:
                read |= {each["name"].lower() for each in operation.get("parameters", []) if each["in"] == "header"}
    for name in called_by_pages:
        source = Path(str(all_functions()[name].__file__)).read_text()
        read |= set(re.findall(r"request_header\(\"([\w-]+)\"\)", source))
    assert {header.lower() for header in cors()["AllowHeaders"]} == read - SAFE_REQUEST_HEADERS
    assert set(cors()["AllowMethods"]) == {operation.method for operation in operations().values()}


def test_pages_may_read_the_headers_that_answers_have() -> None:
    paths = [*LAYER.glob("boxoffice/**/*.py"), *ROOT.glob("functions/*/*.py")]
    code = "".join(path.read_text() for path in paths)
    of_problems = re.findall(r"headers\[\"([\w-]+)\"\] = ", (LAYER / "boxoffice/api.py").read_text())
    set_by_code = {name.lower() for name in [*re.findall(r"set_header\(\"([\w-]+)\"", code), *of_problems]}
    assert set_by_code >= {"etag", "retry-after", "idempotent-replayed"}
    exposed = {header.lower() for header in cors()["ExposeHeaders"]}
    assert exposed == set_by_code - SAFE_RESPONSE_HEADERS - NOT_FOR_PAGES


def parameters(**given: str) -> dict[str, Any]:
    """Return the parameters of a deployment, as CloudFormation hands them to rules and conditions."""
    values: dict[str, Any] = {
        name: str(given.get(name, each.get("Default", ""))) for name, each in template()["Parameters"].items()
    }
    for name, each in template()["Parameters"].items():
        if each["Type"] == "CommaDelimitedList":
            values[name] = [text.strip() for text in values[name].split(",")]
    assert given.keys() <= values.keys()
    return values


def evaluate(expression: Any, values: dict[str, Any]) -> Any:
    """Evaluate an expression of CloudFormation.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
    """
    if not isinstance(expression, dict):
        return expression
    ((function, given),) = expression.items()
    if function == "Ref":
        return values[given]
    if function == "Condition":
        return evaluate(template()["Conditions"][given], values)
    arguments = [evaluate(each, values) for each in given]
    return FUNCTIONS[function](*arguments)


FUNCTIONS: dict[str, Callable[..., bool]] = {
    "Fn::Equals": operator.eq,
    "Fn::Not": operator.not_,
    "Fn::And": lambda *each: all(each),
    "Fn::Or": lambda *each: any(each),
    "Fn::Contains": operator.contains,
}


def broken_rules(values: dict[str, Any]) -> set[str]:
    """Return the names of the rules for which CloudFormation would refuse a deployment."""
    return {
        name
        for name, rule in template()["Rules"].items()
        if evaluate(rule["RuleCondition"], values)
        and not all(evaluate(each["Assert"], values) for each in rule["Assertions"])
    }


A_SHOP = {"PublicUrl": "https://shop.example.org"}
A_DOMAIN = {"DomainName": "tickets.example.org", "CertificateArn": "arn:aws:acm:certificate"}


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        ({"Stage": "prod", "PaymentProviders": "stripe", **A_SHOP}, set()),
        ({"Stage": "prod", "PaymentProviders": "", **A_SHOP}, set()),
        ({"Stage": "prod", "PaymentProviders": "sandbox", **A_SHOP}, {"SandboxStaysOutOfProduction"}),
        ({"Stage": "prod", "PaymentProviders": "stripe,sandbox", **A_SHOP}, {"SandboxStaysOutOfProduction"}),
        ({"Stage": "prod", "PaymentProviders": "stripe, sandbox", **A_SHOP}, {"SandboxStaysOutOfProduction"}),
        ({"Stage": "staging", "PaymentProviders": "sandbox"}, set()),
        ({"Stage": "dev", "PaymentProviders": "stripe,sandbox"}, set()),
        ({"Stage": "prod", "PaymentProviders": "stripe"}, {"LinksHaveABase"}),
        ({"Stage": "prod", "PaymentProviders": "stripe", **A_DOMAIN}, {"LinksHaveABase"}),
        ({"Stage": "dev", "DomainName": "tickets.example.org"}, {"DomainHasACertificate"}),
    ],
)
def test_rules_refuse_deployments_that_cannot_work(given: dict[str, str], broken: set[str]) -> None:
    assert broken_rules(parameters(**given)) == broken


# Each condition with parameters for which it holds, and others for which it does not.
CONDITIONS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "HasDomain": (A_DOMAIN, {}),
    "HasDnsRecord": ({**A_DOMAIN, "HostedZoneId": "Z1"}, A_DOMAIN),
    "HasPublicUrl": ({"PublicUrl": "https://tickets.example.org"}, {}),
    "HasAdminEmail": ({"AdminEmail": "ada@example.org"}, {}),
    "HasAlarmEmail": ({"AlarmEmail": "ops@example.org"}, {}),
    "HasStandby": ({"DatabaseStandby": "true"}, {}),
    "UsesSecretsExtension": ({}, {"SecretsExtension": "false"}),
    "IsArm64": ({}, {"Architecture": "x86_64"}),
    "SchedulesRun": ({}, {"Schedules": "false"}),
    "LogsDebug": ({"LogLevel": "DEBUG"}, {"LogLevel": "WARN"}),
}


def test_conditions_follow_from_the_parameters() -> None:
    assert set(CONDITIONS) == set(template()["Conditions"])
    for name, (holds, holds_not) in CONDITIONS.items():
        assert evaluate({"Condition": name}, parameters(**holds)) is True, name
        assert evaluate({"Condition": name}, parameters(**holds_not)) is False, name


def test_what_nobody_can_make_again_outlives_its_stack() -> None:
    kept = {
        name: (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
        for name, resource in template()["Resources"].items()
        if "DeletionPolicy" in resource or "UpdateReplacePolicy" in resource
    }
    assert kept["Database"] == ("Snapshot", "Snapshot")
    assert kept["MediaBucket"] == kept["FilesBucket"] == ("RetainExceptOnCreate", "Retain")
    assert kept["TicketKeys"] == ("RetainExceptOnCreate", "Retain")
    database = template()["Resources"]["Database"]["Properties"]
    assert database["DeletionProtection"] == {"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "Protected"]}
    assert database["StorageEncrypted"] is True
    stages = template()["Mappings"]["Stages"]
    assert {stage: settings["Protected"] for stage, settings in stages.items()} == {
        "dev": False,
        "staging": False,
        "prod": True,
    }
