"""local/stack runs any SAM template, so it names nothing of this project."""

import re
from pathlib import Path

import pytest

from tests.helpers.support import ROOT, all_functions, snake_case

LAYER = ROOT / "layers" / "common" / "boxoffice"
MODULES = sorted((ROOT / "local" / "stack").glob("*.py"))

WORDS_OF_AWS = {
    "account",
    "accounts",
    "event",
    "events",
    "receipt",
    "service",
    "report",
    "reports",
    "services",
    "session",
    "sessions",
    "rotate_secret",
    "send_email",
    "send_message",
    "subscribe",
}
WORDS_OF_ENGLISH_AND_PYTHON = {"order", "place", "platform", "statement", "statements"}
ERROR_TYPE_OF_LAMBDA = "Sandbox.Timedout"


def names_of_the_project() -> set[str]:
    """Return the names of packages, tables, endpoints and their subjects, email templates and payment providers."""
    packages = {path.parent.name for path in LAYER.glob("*/__init__.py")}
    tables = set(re.findall(r"^CREATE (?:UNLOGGED )?TABLE (\w+)", (LAYER / "schema.sql").read_text(), re.MULTILINE))
    templates = {path.stem for path in LAYER.glob("*/templates/*")}
    endpoints = set(all_functions())
    providers = {name.split("_")[1] for name in endpoints if re.fullmatch(r"receive_\w+_webhook", name)}
    plurals = {"boxoffice", *packages, *tables, *templates, *endpoints, *providers}
    assert {"tickets", "waitlist_entries", "create_order", "order_confirmation", "stripe"} <= plurals
    return (plurals | {name.removesuffix("s") for name in plurals}) - WORDS_OF_AWS - WORDS_OF_ENGLISH_AND_PYTHON


def names_in(text: str) -> set[str]:
    """Return the words of a text, with each CamelCase or snake_case name whole and in its parts."""
    tokens = set(re.findall(r"\w+", text))
    whole = {token.lower() for token in tokens} | {snake_case(token) for token in tokens}
    return whole | {part for name in whole for part in name.split("_")}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_the_local_stack_knows_nothing_of_tickets(module: Path) -> None:
    text = module.read_text().replace(ERROR_TYPE_OF_LAMBDA, "")

    assert names_in(text) & names_of_the_project() == set()
