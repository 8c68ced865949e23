"""The local stack, on a small template: what it adds to SAM, and the behaviour that it needs of SAM."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from local.boxoffice import ROOT, pages
from local.boxoffice.project import BOXOFFICE, EMAIL_SENDER
from local.stack import aws, server
from local.stack.environments import PER_FUNCTION
from local.stack.inbox import Inbox
from local.stack.project import Project
from local.stack.sam import Template, declare_variables
from local.stack.schedules import moments
from local.stack.server import PortInUse
from local.stack.state import State, StateInUse
from local.stack.supervisor import Stack

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.13
    Timeout: 5
    CodeUri: functions/
    Layers: [!Ref Layer]
    Environment: {Variables: {QUEUE_URL: !Ref Work, KEYS: !Ref Keys, STAGE: dev}}
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer/}
    Metadata: {BuildMethod: makefile}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties: {StageName: $default}
  Keys:
    Type: AWS::SecretsManager::Secret
    Properties:
      GenerateSecretString: {SecretStringTemplate: '{"current": "1"}', GenerateStringKey: "1", PasswordLength: 64}
  Work:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  Dead:
    Type: AWS::SQS::Queue
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Handler: echo.handler
      Events:
        Post: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: /echo}}
        Get: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/echo/{name}"}}
  Misbehave:
    Type: AWS::Serverless::Function
    Properties:
      Handler: misbehave.handler
      Timeout: 1
      Events:
        Http: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: /misbehave}}
  Broken:
    Type: AWS::Serverless::Function
    Properties: {Handler: broken.handler}
  Consume:
    Type: AWS::Serverless::Function
    Properties:
      Handler: consume.handler
      Events:
        Queue:
          Type: SQS
          Properties: {Queue: !GetAtt Work.Arn, BatchSize: 10, FunctionResponseTypes: [ReportBatchItemFailures]}
  KeysRotation:
    Type: AWS::SecretsManager::RotationSchedule
    Properties: {SecretId: !Ref Keys, RotationLambdaARN: !GetAtt Rotate.Arn}
  Rotate:
    Type: AWS::Serverless::Function
    Properties: {Handler: rotate.handler}
  Tick:
    Type: AWS::Serverless::Function
    Properties:
      Handler: tick.handler
      Events:
        EveryMinute: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}
        Never: {Type: Schedule, Properties: {Schedule: rate(1 minute), State: DISABLED, Input: '{"never": true}'}}
"""
FUNCTIONS = {
    "echo": """
import json, os
from greeting import GREETING

def handler(event, context):
    picture = {"pid": os.getpid(), "event": event, "environ": dict(os.environ), "greeting": GREETING}
    return {"statusCode": 200, "body": json.dumps(picture)}
""",
    "misbehave": """
import json, os, time

def handler(event, context):
    started, wish = time.monotonic(), json.loads(event["body"])
    if wish == "crash":
        os._exit(3)
    if wish == "hang":
        time.sleep(60)
    if wish == "raise":
        raise LookupError("lost")
    time.sleep(wish)
    return {"statusCode": 200, "body": json.dumps([os.getpid(), started, time.monotonic()])}
""",
    "broken": "import nothing_of_that_name\n",
    "consume": """
def handler(event, context):
    failed = [record["messageId"] for record in event["Records"] if record["body"] == "poison"]
    print([record["body"] for record in event["Records"]])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
""",
    "rotate": """
import boto3, json

def handler(event, context):
    secrets, secret, token = boto3.client("secretsmanager"), event["SecretId"], event["ClientRequestToken"]
    if event["Step"] == "createSecret":
        old = json.loads(secrets.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["SecretString"])
        new = json.dumps({**old, "steps": old.get("steps", 0) + 1})
        secrets.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString=new, VersionStages=["AWSPENDING"])
    if event["Step"] == "finishSecret":
        stages = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
        (current,) = [version for version, labels in stages.items() if "AWSCURRENT" in labels]
        secrets.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current)
""",
    "tick": """
def handler(event, context):
    print("tick", event)
""",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    (folder / "template.yaml").write_text(TEMPLATE)
    for name in ("functions", "layer"):
        (folder / name).mkdir()
    (folder / "layer" / "greeting.py").write_text('GREETING = "hello"\n')
    for name, code in FUNCTIONS.items():
        (folder / "functions" / f"{name}.py").write_text(code)
    return Project(
        folder / "template.yaml",
        variables={"STAGE": "local", "SELF": "{url}"},
        email_senders=[EMAIL_SENDER],
        pages=[pages.emails],
    )


@pytest.fixture(scope="module")
def stack(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALKEY")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "the developer's own")
        patch.setenv("AWS_PROFILE", "production")
        patch.setenv("KEYS", "a value of the shell")
        folder = tmp_path_factory.mktemp("state")
        with Stack(project, folder, port=0) as stack:
            yield stack


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client


def eventually[T](look: Callable[[], T], seconds: float = 15) -> T:
    """Call ``look`` until what it returns is true. Return that."""
    deadline = time.monotonic() + seconds
    while not (result := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return result


def log(stack: Stack, function: str) -> str:
    """Return what a function has logged."""
    path = stack.folder / "logs" / f"{function}.log"
    return path.read_text() if path.exists() else ""


# ---------------------------------------------------------------------------------------------------------- HTTP


def test_a_route_reaches_its_function(client: httpx.Client) -> None:
    answer = client.get("/echo/ada", params={"a": "1"}, headers={"X-Order-Token": "t"})

    event = answer.json()["event"]
    assert answer.status_code == 200
    assert answer.json()["greeting"] == "hello"
    assert event["routeKey"] == "GET /echo/{name}"
    assert event["pathParameters"] == {"name": "ada"}
    assert event["queryStringParameters"] == {"a": "1"}
    assert event["headers"]["x-order-token"] == "t"
    assert abs(event["requestContext"]["timeEpoch"] / 1000 - time.time()) < 5
    assert "body" not in event


def test_each_request_has_an_id_of_its_own(client: httpx.Client) -> None:
    ids = {client.get("/echo/x").json()["event"]["requestContext"]["requestId"] for _ in range(3)}

    assert len(ids) == 3


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/echo"), ("HEAD", "/echo/x")])
def test_an_unknown_route_answers_as_api_gateway_does(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)

    assert answer.status_code == 404
    assert method == "HEAD" or answer.json() == {"message": "Not Found"}


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/json", "image/png", ""])
def test_a_binary_body_arrives_whole(client: httpx.Client, content_type: str) -> None:
    body = bytes(range(256))

    event = client.post("/echo", content=body, headers={"Content-Type": content_type}).json()["event"]

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


def test_text_arrives_as_text(client: httpx.Client) -> None:
    event = client.post("/echo", json={"name": "Zoë"}).json()["event"]

    assert event["isBase64Encoded"] is False
    assert json.loads(event["body"]) == {"name": "Zoë"}


def test_a_body_in_chunks_arrives_whole(client: httpx.Client) -> None:
    event = client.post("/echo", content=iter([b"a" * 1000, b"b"]), headers={"Content-Type": "text/plain"}).json()

    assert event["event"]["body"] == "a" * 1000 + "b"


def test_a_body_that_is_too_long_is_refused(stack: Stack) -> None:
    answer = httpx.post(stack.url + "/echo", content=b"x" * (server.LARGEST_BODY + 1))

    assert answer.status_code == 413


def test_500_clients_are_served_at_once(stack: Stack) -> None:
    host, port = stack.url.removeprefix("http://").split(":")
    request = b"GET /echo/x HTTP/1.1\r\nHost: x\r\n\r\n"
    sockets = [socket.create_connection((host, int(port)), timeout=30) for _ in range(500)]
    try:
        for each in sockets:
            each.sendall(request)
        answers = [each.recv(20) for each in sockets]
    finally:
        for each in sockets:
            each.close()

    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 200"}


# ------------------------------------------------------------------------------------------------- environments


def test_functions_never_see_the_developers_credentials(client: httpx.Client) -> None:
    environ = client.get("/echo/x").json()["environ"]

    assert environ["AWS_ACCESS_KEY_ID"] == "local"
    assert environ["AWS_SECRET_ACCESS_KEY"] == "local"
    assert "AWS_PROFILE" not in environ
    assert environ["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"


def test_functions_get_local_names_for_what_the_template_refers_to(stack: Stack, client: httpx.Client) -> None:
    environ = client.get("/echo/x").json()["environ"]

    assert environ["QUEUE_URL"] == aws.queue_url(stack.aws_endpoint, "Work")
    assert environ["KEYS"] == "Keys"
    assert environ["STAGE"] == "local"
    assert environ["SELF"] == stack.url


def test_an_environment_serves_one_call_at_a_time_and_a_call_beyond_the_limit_waits(client: httpx.Client) -> None:
    with ThreadPoolExecutor(3 * PER_FUNCTION) as pool:
        answers = list(pool.map(lambda _: client.post("/misbehave", json=0.05).json(), range(3 * PER_FUNCTION)))

    calls: dict[int, list[tuple[float, float]]] = {}
    for pid, started, ended in answers:
        calls.setdefault(pid, []).append((started, ended))
    assert 1 < len(calls) <= PER_FUNCTION
    for spans in calls.values():
        ordered = sorted(spans)
        assert all(first[1] <= second[0] for first, second in pairwise(ordered))


def test_a_function_that_takes_too_long_is_ended(stack: Stack, client: httpx.Client) -> None:
    started = time.monotonic()

    answer = client.post("/misbehave", json="hang")

    assert answer.status_code == 500
    assert 1 <= time.monotonic() - started < 3
    assert client.post("/misbehave", json=0).status_code == 200


def test_a_crashed_environment_is_replaced(client: httpx.Client) -> None:
    crashed = [client.post("/misbehave", json="crash").status_code for _ in range(2 * PER_FUNCTION)]

    assert set(crashed) == {500}
    assert client.post("/misbehave", json=0).status_code == 200


def test_lambdas_own_interface_answers_with_the_error(stack: Stack) -> None:
    functions = aws.client("lambda", stack.url)

    def failure(name: str, event: Any) -> dict[str, Any]:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event))
        assert answer["FunctionError"] == "Unhandled"
        error: dict[str, Any] = json.load(answer["Payload"])
        return error

    assert failure("Misbehave", {"body": '"raise"'})["errorType"] == "LookupError"
    assert "timed out after 1.00 seconds" in failure("Misbehave", {"body": '"hang"'})["errorMessage"]
    assert failure("Misbehave", {"body": '"crash"'})["errorType"] == "Runtime.ExitError"
    assert failure("Broken", {})["errorType"] == "Runtime.ModuleNotFoundError"


def test_changed_code_is_served_at_once(project: Project, client: httpx.Client) -> None:
    greeting = project.template.parent / "layer" / "greeting.py"
    before = greeting.read_text()
    greeting.write_text('GREETING = "good day, and welcome"\n')
    try:
        eventually(lambda: client.get("/echo/x").json()["greeting"] == "good day, and welcome")
    finally:
        greeting.write_text(before)
        eventually(lambda: client.get("/echo/x").json()["greeting"] == "hello")


# ----------------------------------------------------------------------------------------- queues and schedules


def test_a_poison_message_ends_in_the_dead_letter_queue_and_the_others_are_done(stack: Stack) -> None:
    sqs = aws.client("sqs", stack.aws_endpoint)
    for body in ("good", "poison", "good"):
        sqs.send_message(QueueUrl=aws.queue_url(stack.aws_endpoint, "Work"), MessageBody=body)

    dead = eventually(
        lambda: sqs.receive_message(
            QueueUrl=aws.queue_url(stack.aws_endpoint, "Dead"), MessageSystemAttributeNames=["All"]
        ).get("Messages")
    )

    assert [message["Body"] for message in dead] == ["poison"]
    assert log(stack, "Consume").count("'poison'") == 2
    assert log(stack, "Consume").count("'good'") == 2


def test_schedules_run_when_they_are_switched_on(stack: Stack) -> None:
    eventually(lambda: "tick" in log(stack, "Tick"))

    assert "Scheduled Event" in log(stack, "Tick")
    assert "never" not in log(stack, "Tick")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(5 minutes)", ["2026-03-02 10:30", "2026-03-02 10:35"]),
        ("cron(0 3 * * ? *)", ["2026-03-03 03:00", "2026-03-04 03:00"]),
        ("cron(0/20 10-11 ? * MON *)", ["2026-03-02 10:40", "2026-03-02 11:00"]),
        ("cron(15 9 1,15 JAN-MAR ? *)", ["2026-03-15 09:15", "2027-01-01 09:15"]),
    ],
)
def test_schedules_mean_what_they_mean_in_aws(expression: str, expected: list[str]) -> None:
    start_at = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)

    first_two = [f"{moment:%Y-%m-%d %H:%M}" for moment in islice(moments(expression, start_at), 2)]

    assert first_two == expected


def test_a_schedule_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="fortnightly"):
        moments("fortnightly", datetime.now(UTC))


# ------------------------------------------------------------------------------------------------------- emails


def test_emails_are_captured(stack: Stack, client: httpx.Client) -> None:
    raw = (
        "From: tickets@example.com\nTo: Ada <ada@example.com>\nSubject: Your tickets\n"
        "Content-Type: text/html; charset=utf-8\n\n<p>Hello <a href='https://example.com/o/1'>there</a></p>"
    )
    aws.client("sesv2", stack.aws_endpoint).send_email(
        FromEmailAddress=EMAIL_SENDER,
        Destination={"ToAddresses": ["ada@example.com"]},
        Content={"Raw": {"Data": raw.encode()}},
    )

    (entry,) = client.get("/_local/emails", params={"to": "ada@example.com"}).json()["items"]

    assert entry["subject"] == "Your tickets"
    assert entry["links"] == ["https://example.com/o/1"]
    assert "Your tickets" in client.get("/_local/emails", headers={"Accept": "text/html"}).text
    assert "Hello" in client.get(f"/_local/emails/{entry['id']}").text
    assert b"Subject: Your tickets" in client.get(f"/_local/emails/{entry['id']}.eml").content
    assert client.get("/_local/emails/../secrets.eml").status_code == 404


def test_the_inbox_stays_fast_with_thousands_of_messages(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    raw = "From: a@example.com\nSubject: Tickets\n\n" + "x" * 30_000
    for number in range(2_000):
        inbox.add(f"{number:08}", [f"buyer{number}@example.com"], raw)
    inbox.entries()

    started = time.perf_counter()
    (entry,) = inbox.entries(to="buyer1999@example.com")

    assert time.perf_counter() - started < 0.05
    assert entry.subject == "Tickets"


# ------------------------------------------------------------------------------------------------ state and parts


def test_secrets_survive_a_restart_and_have_the_form_that_the_template_declares(
    tmp_path: Path, project: Project
) -> None:
    def ring() -> Any:
        with Stack(project, tmp_path, port=0) as stack:
            secret = aws.client("secretsmanager", stack.aws_endpoint).get_secret_value(SecretId="Keys")
            return json.loads(secret["SecretString"])

    first = ring()

    assert ring() == first
    assert first["current"] == "1"
    assert len(first["1"]) == 64
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_secret_is_rotated_by_its_function_and_survives_a_restart(tmp_path: Path, project: Project) -> None:
    def ring(stack: Stack) -> Any:
        secrets = aws.client("secretsmanager", stack.aws_endpoint)
        return json.loads(secrets.get_secret_value(SecretId="Keys", VersionStage="AWSCURRENT")["SecretString"])

    with Stack(project, tmp_path, port=0) as stack:
        aws.client("secretsmanager", stack.aws_endpoint).rotate_secret(SecretId="Keys")
        eventually(lambda: "steps" in ring(stack))
        rotated = ring(stack)
    with Stack(project, tmp_path, port=0) as stack:
        assert ring(stack) == rotated


def test_a_folder_serves_one_run_at_a_time(stack: Stack, project: Project) -> None:
    with pytest.raises(StateInUse, match=str(os.getpid())):
        Stack(project, stack.folder, port=0).start()


def test_the_error_names_a_port_that_is_in_use(tmp_path: Path, project: Project) -> None:
    with server.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)):
            Stack(project, tmp_path, port=port).start()


class Run:
    """`python -m local run` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "local", "run", "--no-demo", "--state", str(folder), "--port", "0"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        assert self.process.stdout
        self.output: list[str] = []
        ready = threading.Event()

        def read(lines: Any) -> None:
            for line in lines:
                self.output.append(line)
                if "ready after" in line:
                    ready.set()
            ready.set()

        self._reader = threading.Thread(target=read, args=[self.process.stdout])
        self._reader.start()
        assert ready.wait(60)
        assert self.process.poll() is None, "".join(self.output)
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def part(self, name: str) -> psutil.Process:
        """Return the process of a part of the stack."""
        marks = {
            "PostgreSQL": "bin/postgres",
            "AWS services": "local.stack.aws_server",
            "gateway": "local.stack.gateway",
        }
        own = [child for child in self.children if child.ppid() == self.process.pid]
        (process,) = [child for child in own if any(marks[name] in word for word in child.cmdline())]
        return process

    def end(self, sign: signal.Signals) -> int:
        """Send a signal, and wait. Return the exit code."""
        self.process.send_signal(sign)
        return self.wait()

    def wait(self) -> int:
        """Wait until the process ends. Return the exit code."""
        code = self.process.wait(20)
        self._reader.join(20)
        assert self.process.stdout
        self.process.stdout.close()
        return code


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything(folder: Path, sign: signal.Signals) -> None:
    run = Run(folder)

    assert run.end(sign) == 0
    assert psutil.wait_procs(run.children, timeout=5)[1] == []
    State(folder).delete()


def test_everything_ends_when_the_supervisor_is_killed(folder: Path) -> None:
    run = Run(folder)

    run.end(signal.SIGKILL)

    assert psutil.wait_procs(run.children, timeout=10)[1] == []


@pytest.mark.parametrize("part", ["PostgreSQL", "AWS services", "gateway"])
def test_everything_ends_when_a_part_does(folder: Path, part: str) -> None:
    run = Run(folder)

    run.part(part).kill()

    assert run.wait() == 1
    assert f"{part} ended by itself" in "".join(run.output)
    assert psutil.wait_procs(run.children, timeout=5)[1] == []


def test_the_gateway_ends_when_the_parent_of_the_environments_does(folder: Path) -> None:
    run = Run(folder)
    gateway = run.part("gateway")
    (fork_server,) = gateway.children()

    fork_server.kill()

    assert run.wait() == 1


# ----------------------------------------------------------------------------------------------- contract with SAM


def test_sam_reads_the_projects_template() -> None:
    template = Template(BOXOFFICE.template, BOXOFFICE.parameters, {"STAGE": "local"})

    order = template.functions["CreateOrder"]
    assert order.handler == "create_order.handler"
    assert order.code == ROOT / "functions" / "orders"
    assert order.layers == (ROOT / "layers" / "common",)
    assert order.variables["STAGE"] == "local"
    assert template.queues["EmailQueue"].dead_letters == "EmailDeadLetters"
    workers = {
        "CheckUploads",
        "DeliverWebhook",
        "ReceiveEmailFeedback",
        "SendEmail",
        "SendRefunds",
        "SendSms",
        "WriteExport",
    }
    assert {trigger.function for trigger in template.queue_triggers} == workers
    assert {"ExpireOrders", "RelayOutbox"} <= {trigger.function for trigger in template.schedule_triggers}


def test_declaring_more_variables_changes_nothing_else_of_a_template(tmp_path: Path) -> None:
    original = BOXOFFICE.template
    copy = tmp_path / "template.yaml"
    copy.write_text(declare_variables(original.read_text(), ["AWS_ENDPOINT_URL", "STAGE"]))

    before, after = Template(original), Template(copy)

    assert after.functions["CreateOrder"].variables.keys() - before.functions["CreateOrder"].variables.keys() == {
        "AWS_ENDPOINT_URL"
    }
    assert after.queues == before.queues
    assert after.queue_triggers == before.queue_triggers
    assert after.schedule_triggers == before.schedule_triggers


def test_sams_service_calls_the_runtime_with_event_and_stdout(project: Project) -> None:
    calls: list[tuple[str, Any]] = []

    def invoke(name: str, event: str) -> str:
        calls.append((name, json.loads(event)))
        return json.dumps({"statusCode": 201, "headers": {"X-A": "b"}, "cookies": ["a=1", "b=2"], "body": "made"})

    answer = Template(project.template).http_api(invoke, 3000).test_client().post("/echo", data="{}")

    assert (answer.status_code, answer.text, answer.headers["X-A"]) == (201, "made", "b")
    assert answer.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert calls[0][0] == "Echo"
    assert calls[0][1]["version"] == "2.0"


def test_sam_passes_binary_answers(project: Project) -> None:
    content = base64.b64encode(b"\x89PNG").decode()
    document = {"statusCode": 200, "headers": {"content-type": "image/png"}, "isBase64Encoded": True, "body": content}
    app = Template(project.template).http_api(lambda *_: json.dumps(document), 3000)

    assert app.test_client().get("/echo/x").data == b"\x89PNG"
