"""What developers set for the local stack by environment variables, and what it writes to their terminal."""

import runpy
import sys
from pathlib import Path

import pytest
from flask import Flask

from local.boxoffice.project import BOXOFFICE, configured, keys
from local.stack.inbox import Inbox
from local.stack.logs import MessageWatch, show_requests
from local.stack.sam import Template
from tests.helpers.support import ROOT


def run_local(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    """Run `python -m local`. Return its exit code."""
    monkeypatch.setattr(sys, "argv", ["local", *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("local", run_name="__main__")
    return ended.value.code


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("PORT", "abc", "PORT must be a number from 0 to 65535, not 'abc'"),
        ("PORT", "65536", "PORT must be a number from 0 to 65535, not '65536'"),
        ("PAYMENT_PROVIDERS", "stripe,paypal", "not 'paypal'"),
        ("PUBLIC_URL", "shop.example", "PUBLIC_URL must be like http://127.0.0.1:5173"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    variable: str,
    value: str,
    told: str,
) -> None:
    monkeypatch.setenv(variable, value)

    assert run_local("run", "--state", str(tmp_path), monkeypatch=monkeypatch) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_without_settings_the_project_is_as_declared() -> None:
    assert configured({}) == BOXOFFICE


def test_the_environment_sets_the_shops_address_providers_and_keys() -> None:
    project = configured(
        {
            "PUBLIC_URL": "http://127.0.0.1:5173",
            "PAYMENT_PROVIDERS": "stripe,sandbox",
            "STRIPE_SECRET_KEY": "sk_test_1",
            "FLUTTERWAVE_WEBHOOK_SECRET": "hash",
            "GOOGLE_CLIENT_ID": "id",
        }
    )

    assert project.parameters["PublicUrl"] == project.variables["PUBLIC_URL"] == "http://127.0.0.1:5173"
    assert project.variables["PAYMENT_PROVIDERS"] == "stripe,sandbox"
    assert project.variables["GOOGLE_LOG_IN"] == "true"
    assert project.secrets["StripeKeys"] == {"secret_key": "sk_test_1"}
    assert project.secrets["FlutterwaveKeys"] == {"webhook_secret": "hash"}
    assert project.secrets["SandboxKeys"] == BOXOFFICE.secrets["SandboxKeys"]


def test_the_variables_are_those_of_the_documentation() -> None:
    documented = (ROOT / "docs/local.md").read_text()
    own = {variable for fields in keys().values() for variable in fields.values()}
    assert {"STRIPE_SECRET_KEY", "GOOGLE_REDIRECT_URI"} <= own
    assert [name for name in {*own, "PUBLIC_URL", "PAYMENT_PROVIDERS", "QUIET", "PORT"} if name not in documented] == []


def test_each_request_is_a_line_without_its_query(capsys: pytest.CaptureFixture[str]) -> None:
    app = Flask(__name__)
    app.add_url_rule("/v1/events/<_>", view_func=lambda _: ("", 404))
    app.add_url_rule("/_local/emails", "emails", view_func=lambda: "")
    show_requests(app)

    app.test_client().get("/v1/events/\x1b[2J?token=secret")
    app.test_client().get("/_local/emails")

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("local: GET /v1/events/%1B%5B2J 404 ")
    assert line.endswith(" ms")


def test_each_message_is_a_line_with_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inbox = Inbox(tmp_path)
    inbox.add_simple("1", ["early@example.com"], "tickets@example.com", "Before", "text")
    watch = MessageWatch(tmp_path, "http://127.0.0.1:3000/_local/emails")
    inbox.add_simple("2", ["ada@example.com"], "tickets@example.com", "Your tickets", "text")

    watch.report()
    watch.report()

    (line,) = capsys.readouterr().err.splitlines()
    entry = inbox.entries(to="ada@example.com")[0].id
    assert line == f"local: email to ada@example.com: Your tickets  (http://127.0.0.1:3000/_local/emails/{entry})"


def test_pages_of_other_origins_may_read_the_headers_that_the_template_exposes() -> None:
    """As on AWS: only with an Origin, and not in the answer to a preflight (Fetch standard, 3.3.3)."""
    api = Template(ROOT / "template.yaml").http_api(lambda *_: '{"statusCode": 200, "body": "{}"}', 3000).test_client()
    exposed = "ETag,Idempotent-Replayed,Link,RateLimit-Limit,RateLimit-Remaining,RateLimit-Reset,Retry-After"

    assert (
        api.get("/health", headers={"Origin": "http://shop.example"}).headers["Access-Control-Expose-Headers"]
        == exposed
    )
    assert "Access-Control-Expose-Headers" not in api.get("/health").headers
    preflight = {"Origin": "http://shop.example", "Access-Control-Request-Method": "POST"}
    assert "Access-Control-Expose-Headers" not in api.options("/v1/orders", headers=preflight).headers
