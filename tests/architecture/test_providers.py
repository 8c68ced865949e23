"""A payment provider consists of a module, its webhook's function and lines of the template. Nothing else names it."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from psycopg import Connection
from samcli.yamlhelper import yaml_parse

from boxoffice.api import ROUTES
from boxoffice.payments import providers
from boxoffice.payments.models import METHODS_BY_HAND
from boxoffice.payments.providers import Provider, ProviderInfo, ReportingProvider
from boxoffice.provider_names import PROVIDERS
from tests.helpers import factories, invariants
from tests.helpers.payers import INFOS
from tests.helpers.support import ROOT, Client, Database, all_functions

LAYER = ROOT / "layers/common/boxoffice"
NEW_PROVIDER = ROOT / "tests/helpers/new_provider"


@cache
def template() -> dict[str, Any]:
    return dict(yaml_parse((ROOT / "template.yaml").read_text()))


def files_that_name(word: str, folders: list[Path]) -> set[str]:
    """Return the source files that contain a word."""
    named = re.compile(rf"\b{word}\b", re.IGNORECASE)
    written = (path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".sql"})
    return {str(path.relative_to(ROOT)) for path in written if named.search(path.read_text())}


@pytest.mark.parametrize("name", PROVIDERS)
def test_nothing_else_names_a_provider(name: str) -> None:
    package = "layers/common/boxoffice/payments"
    names = "layers/common/boxoffice/provider_names.py"
    own = {f"{package}/{name}.py", names, f"functions/payments/receive_{name}_webhook.py"}
    assert files_that_name(name, [LAYER, ROOT / "functions"]) == own


@pytest.mark.parametrize("info", [info for info in INFOS if info.takes_real_money], ids=lambda info: info.name)
def test_the_local_stack_knows_no_real_provider(info: ProviderInfo) -> None:
    assert files_that_name(info.name, [ROOT / "local"]) == set()


@pytest.mark.parametrize("method", METHODS_BY_HAND)
def test_the_ways_to_pay_by_hand_stand_in_one_place(method: str) -> None:
    assert files_that_name(f"['\"]{method}['\"]", [LAYER, ROOT / "functions"]) <= {
        "layers/common/boxoffice/payments/models.py"
    }


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_does_what_the_protocol_says(name: str) -> None:
    module = providers.load(name)
    assert isinstance(module.INFO, ProviderInfo)
    protocol = ReportingProvider if module.INFO.report else Provider
    for operation, declared in inspect.getmembers(protocol, inspect.isfunction):
        if operation.startswith("_"):
            continue
        own = getattr(module, operation)
        assert get_type_hints(own) == get_type_hints(declared), operation
        asked = [parameter for parameter in inspect.signature(declared).parameters.values() if parameter.name != "self"]
        given = inspect.signature(own).parameters.values()
        assert [(each.name, each.kind) for each in given] == [(each.name, each.kind) for each in asked], operation


@pytest.mark.parametrize("info", INFOS, ids=lambda info: info.name)
class TestConventions:
    def test_it_is_called_like_its_module(self, info: ProviderInfo) -> None:
        assert providers.load(info.name).INFO is info
        assert info.name not in METHODS_BY_HAND

    def test_the_secret_of_an_account_proves_webhooks(self, info: ProviderInfo) -> None:
        assert ("webhook_secret" in info.account_fields) == bool(info.account_fields)
        assert info.account_fields or not info.has_merchant_accounts

    def test_its_webhook_has_a_function(self, info: ProviderInfo) -> None:
        all_functions()
        paths = {route.function.__name__: route.path for route in ROUTES}
        assert paths[f"receive_{info.name}_webhook"] == f"/v1/webhooks/{info.name}"

    def test_the_template_gives_it_a_secret_with_its_fields(self, info: ProviderInfo) -> None:
        secret = variables()[f"{info.name.upper()}_SECRET"]["Ref"]
        assert secret == f"{info.name.capitalize()}Keys"
        assert set(info.account_fields or ["current", "1"]) == fields_of(secret)
        assert {"Ref": secret} in readable_by_payments()
        assert (secret in template()["Outputs"]) == bool(info.account_fields)

    def test_the_template_offers_it(self, info: ProviderInfo) -> None:
        assert re.search(rf"\b{info.name}\b", template()["Parameters"]["PaymentProviders"]["Description"])

    def test_production_refuses_it_unless_it_takes_real_money(self, info: ProviderInfo) -> None:
        refused = any(f"'{info.name}'" in str(rule) for rule in template()["Rules"].values())
        assert refused == (not info.takes_real_money)


def variables() -> dict[str, Any]:
    """Return the environment variables that every function has."""
    return dict(template()["Globals"]["Function"]["Environment"]["Variables"])


def fields_of(logical_id: str) -> set[str]:
    """Return the fields of a secret, as the template makes it."""
    properties = template()["Resources"][logical_id]["Properties"]
    if "SecretString" in properties:
        return set(json.loads(properties["SecretString"]))
    generated = properties["GenerateSecretString"]
    return {*json.loads(generated["SecretStringTemplate"]), generated["GenerateStringKey"]}


def readable_by_payments() -> list[Any]:
    """Return the secrets that the role of the payment functions may read."""
    policies = template()["Resources"]["PaymentRole"]["Properties"]["Policies"]
    statements = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    (readable,) = [each["Resource"] for each in statements if each["Action"] == "secretsmanager:GetSecretValue"]
    return list(readable)


def test_the_template_has_no_secret_of_a_provider_that_is_gone() -> None:
    of_providers = {name for name in variables() if re.search(r"(?<!_KEYS)_SECRET$", name)} - {
        "CHALLENGE_SECRET",
        "CLOUDINARY_SECRET",
        "DATABASE_SECRET",
        "GOOGLE_CLIENT_SECRET",
    }
    assert of_providers == {f"{name.upper()}_SECRET" for name in PROVIDERS}


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """Copy the layer and the functions, and add the new provider: two files, and its name in a list."""
    shutil.copytree(LAYER, tmp_path / "boxoffice", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "functions/payments", tmp_path / "functions/payments")
    shutil.copy(NEW_PROVIDER / "coins.py", tmp_path / "boxoffice/payments")
    shutil.copy(NEW_PROVIDER / "receive_coins_webhook.py", tmp_path / "functions/payments")
    names = tmp_path / "boxoffice/provider_names.py"
    text, added = re.subn(r"(type StartableProvider = Literal\[)", r'\1"coins", ', names.read_text())
    assert added == 1
    names.write_text(text)
    return tmp_path


def test_a_new_provider_takes_payments(api: Client, conn: Connection, database: Database, copy: Path) -> None:
    order = factories.order(conn, factories.ticket_type(conn))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(copy), str(ROOT)]),
        "PAYMENT_PROVIDERS": "coins",
        "COINS_SECRET": "coins",
    }

    command = [sys.executable, "-m", "tests.helpers.new_provider.pay", str(copy), str(order)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout.splitlines()[-1])  # metrics precede it
    payment, status = conn.execute("SELECT id, status FROM payments WHERE provider = 'coins'").fetchall()[0]
    assert printed["url"] == f"https://coins.example/{payment}"
    assert printed["answers"] == [{"event_id": "coins_1", "effect": "paid"}] * 2
    assert printed["forged"] == "signature_wrong"
    assert status == "succeeded"
    assert conn.execute("SELECT status FROM orders").fetchall() == [("paid",)]
    invariants.check(conn)


def test_an_endpoint_imports_no_provider_before_it_needs_it() -> None:
    code = """
import sys
from tests.helpers.support import ROOT, function
for path in ROOT.glob("functions/payments/*.py"):
    function(path.stem)
print(*sys.modules)
"""
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers/common")])
    environment = {**os.environ, "PYTHONPATH": path}
    printed = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    loaded = set(printed.split())
    assert "boxoffice.payments.providers" in loaded
    assert not loaded & {*(f"boxoffice.payments.{name}" for name in PROVIDERS), "boto3", "stripe", "urllib3"}
