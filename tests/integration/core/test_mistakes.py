"""Typical mistakes, and what the answer says of each. The texts are written by hand, as a person would help."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from string import ascii_lowercase
from typing import Any

import psycopg
import pytest

from boxoffice import api as module
from boxoffice import models
from boxoffice.auth import Who
from tests.architecture.test_bad_input import post, replaced
from tests.helpers import conformance
from tests.helpers.operations import ENTITLED, NOBODY, Operation, World, build, call_of, operations
from tests.helpers.support import Answer, Client

BUYER = {"name": "Ada", "email": "ada@example.com"}

# The operation, the place of the wrong value in its body, the value, and the detail of the answer.
WRONG_VALUES: list[tuple[str, tuple[Any, ...], Any, str]] = [
    (
        "create_event",
        ("venue", "country"),
        "Nigeria",
        "`venue.country` must be two capital letters of ISO 3166-1, such as NG, not Nigeria.",
    ),
    (
        "create_event",
        ("ticket_types", 0, "price"),
        49.99,
        "`ticket_types[0].price` must be an integer in the currency's minor unit: 4999 for 49.99 NGN.",
    ),
    (
        "refund_order",
        ("amount",),
        "5",
        "`amount` must be an integer in the currency's minor unit: 500 for 5.00 in a currency of two decimals.",
    ),
    ("sign_up", ("password",), "horse", "`password` must have at least 10 characters."),
    ("sign_up", ("pasword",), "horse", "`pasword` is unknown; the nearest is password."),
    (
        "create_order",
        ("items", 0, "qty"),
        2,
        "`items[0].qty` is unknown; known are ticket_type_id, quantity, seat_ids, together.",
    ),
    ("create_order", ("items", 0, "quantity"), "2", "`items[0].quantity` must be an integer, not a string."),
    ("create_order", ("items",), [], "`items` must not be empty."),
    ("create_order", ("buyer",), None, "`buyer` must be an object, not null."),
    (
        "create_order",
        ("buyer", "email"),
        "ada",
        "`buyer.email` must be an email address that can be delivered to. An email address must have an @-sign.",
    ),
    (
        "create_order",
        ("buyer", "phone"),
        "0801",
        "`buyer.phone` must be a phone number of + and 7 to 15 digits with the country code, such as +2348012345678.",
    ),
    (
        "create_order",
        ("ticket_mode",),
        "seperate",
        "`ticket_mode` must be one of separate, group; the nearest is separate.",
    ),
    (
        "create_order",
        ("items", 0, "ticket_type_id"),
        "7",
        "`items[0].ticket_type_id` must be a UUID, such as 01981f6c-7b00-7a11-8c3e-5d2f40a1b001.",
    ),
    (
        "create_event",
        ("starts_at",),
        "2027-02-30T19:00:00Z",
        "`starts_at` must be a date and time that exists: the day value is outside expected range.",
    ),
    (
        "create_event",
        ("starts_at",),
        "2027-02-03T19:00:00",
        "`starts_at` must have a time zone: Z, or an offset such as +01:00.",
    ),
    (
        "create_export",
        ("since",),
        "2027-13-01",
        "`since` must be a date that exists: the month value is outside expected range of 1-12.",
    ),
    (
        "create_webhook_endpoint",
        ("types", 0),
        "order.payed",
        "`types[0]` must be one of the 28 that the OpenAPI document lists; the nearest is order.paid.",
    ),
    (
        "create_voucher",
        ("discount",),
        {"kind": "percentage", "percent": 5},
        "`discount.kind` must be one of percent, fixed, free; the nearest is percent.",
    ),
    ("create_voucher", ("discount",), {"percent": 5}, "`discount.kind` is missing; known are percent, fixed, free."),
    (
        "create_voucher",
        ("discount",),
        {"kind": "fixed", "percent": 5},
        "`discount.amount` is missing where `kind` is fixed. There is 1 more error.",
    ),
    (
        "claim_slot",
        ("customer",),
        {"email": "ada@example.com", "phone": "+2348012345678"},
        "`customer` must have exactly one of `account_id`, `email` and `phone`.",
    ),
]


@pytest.fixture
def world(conn: psycopg.Connection, api: Client) -> World:
    return build(conn)


def test_an_answer_says_which_field_is_wrong_and_what_must_stand_there(
    world: World, api: Client, subtests: pytest.Subtests
) -> None:
    for name, path, value, detail in WRONG_VALUES:
        with subtests.test(operation=name, path=path, value=value):
            body = replaced(call_of(name, world).body, path, value)
            answer = post(api, world, operations()[name], json.dumps(body).encode())

            assert (answer.status, answer.json["detail"]) == (422, detail)
            assert answer.json["errors"][0]["loc"][:2] == ["body", path[0]]


def test_an_amount_in_the_major_unit_is_told_in_the_minor_unit(
    world: World, api: Client, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[str, Any, str]] = [
        ("EUR", 49.99, "4999 for 49.99 EUR"),
        ("KWD", 1.5, "1500 for 1.500 KWD"),  # a dinar has 1000 fils
        ("JPY", 500.0, "500 for 500 JPY"),
        ("JPY", 49.99, "; JPY has 0 decimals"),
        ("BTC", 49.99, "4999 for 49.99 in a currency of two decimals"),
        ("EUR", "cheap", "minor unit; EUR has 2 decimals"),
        ("EUR", 1e300, "minor unit"),
        ("EUR", "9" * 5000, "minor unit"),
    ]
    for currency, price, says in cases:
        with subtests.test(currency=currency, price=price):
            body = call_of("create_event", world).body | {"currency": currency}
            body["ticket_types"][0]["price"] = price
            errors = post(api, world, operations()["create_event"], json.dumps(body).encode()).json["errors"]

            (message,) = [error["msg"] for error in errors if error["loc"][-1] == "price"]
            assert says in message
            assert len(message) < 150


def test_the_first_error_is_told_and_the_others_are_counted(world: World, api: Client) -> None:
    answer = post(api, world, operations()["create_order"], b"{}")

    assert answer.json["detail"] == "`items` is missing. There is 1 more error."
    assert [error["loc"] for error in answer.json["errors"]] == [["body", "items"], ["body", "buyer"]]


def test_a_header_and_an_id_in_the_path_are_named(api: Client) -> None:
    without_key = api.post("/v1/orders", {"items": [], "buyer": BUYER})
    wrong_id = api.get("/v1/events/7")

    assert without_key.json["detail"].startswith("The header `Idempotency-Key` is missing.")
    assert wrong_id.json["detail"].startswith("`event_id` in the path must be a UUID, such as ")


def test_an_answer_has_nothing_that_may_be_secret(api: Client) -> None:
    secret = "correct horse battery staple " * 5
    for body in ({"email": secret, "password": [secret]}, {"email": "ada@example.com", "password": secret * 9}):
        answer = api.post("/v1/accounts", {**body, "name": secret + "\0"})

        assert answer.status == 422
        assert "horse" not in answer.body.decode()


def test_a_text_with_a_pattern_says_in_words_what_it_must_be() -> None:
    document = conformance.document()
    requests = {name: each for name, each in document["components"]["schemas"].items() if not name.endswith("View")}
    patterns = {*_patterns(document["paths"]), *_patterns(requests)}

    assert len(patterns) > 8
    assert patterns <= models._WORDS_OF_PATTERNS.keys()


def _patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["pattern"]] if isinstance(node.get("pattern"), str) else [])
        node = [*node.values()]
    for part in node if isinstance(node, list) else []:
        yield from _patterns(part)


UNREADABLE: list[tuple[str | bytes, str]] = [
    ("", "The body is no JSON. Expecting value: line 1, column 1."),
    ('{"items": [1,\n 2', "The body is no JSON. Expecting ',' delimiter: line 2, column 3."),
    ("{'items': []}", "The body is no JSON. Expecting property name enclosed in double quotes: line 1, column 2."),
    (b'{"name": "\xff"}', "The body is not in UTF-8: byte 11."),
    ('{"items": NaN}', "The body is no JSON: it has no number NaN."),
    ("[" * 100_000, "The body has too many objects or arrays inside one another."),
]


def test_a_body_that_cannot_be_read_is_told_why_and_where(api: Client, subtests: pytest.Subtests) -> None:
    for body, detail in UNREADABLE:
        with subtests.test(detail):
            answer = api.post("/v1/orders", body, key="new")

            assert (answer.status, answer.json["detail"]) == (400, detail)


def test_whoever_is_not_let_in_is_told_what_to_send(api: Client) -> None:
    nothing, other_scheme = api.get("/v1/me"), api.get("/v1/me", headers={"Authorization": "Basic YTpi"})

    assert [answer.status for answer in (nothing, other_scheme)] == [401, 401]
    assert nothing.json["detail"].startswith("The request has no credential. Send an access token as")
    assert other_scheme.json["detail"].startswith("The credential has another scheme. Send it as")


# Query parameters.


QUERIES: list[tuple[dict[str, Any], str]] = [
    ({"form": "2027-01-01T00:00:00Z"}, "The query parameter `form` is unknown; the nearest is from."),
    ({"limit": ["1", "2"]}, "The query parameter `limit` is there 2 times; send it once."),
    ({"limit": "ten"}, "The query parameter `limit` must be an integer."),
    (
        {"city": ["Lagos", "Lagos"], "x": ""},
        "The query parameter `city` is there 2 times; send it once. There is 1",
    ),
    ({"to": "2027-01-01"}, "The query parameter `to` must be a date and time like 2026-01-31T19:00:00Z."),
]


def test_a_query_parameter_that_is_unknown_or_repeated_or_wrong_is_refused(
    api: Client, subtests: pytest.Subtests
) -> None:
    for query, detail in QUERIES:
        with subtests.test(detail):
            answer = api.get("/v1/events", query=query)

            assert (answer.status, answer.code) == (422, "invalid")
            assert answer.json["detail"].startswith(detail)
            assert answer.json["errors"][0]["loc"] == ["query", next(iter(query))]


def test_every_operation_refuses_unknown_parameters_but_pages_redirects_and_webhooks(world: World, api: Client) -> None:
    lenient = set()
    for name, operation in operations().items():
        answer = _with_an_unknown_parameter(api, world, operation)
        if answer.status != 422 or [error["loc"] for error in answer.json["errors"]] != [["query", "utm_source"]]:
            lenient.add(name)

    webhooks = {name for name, operation in operations().items() if operation.who == Who.PROVIDER}
    assert lenient == webhooks | {"get_docs", "get_unsubscribe_page", "start_google_login", "finish_google_login"}


def _with_an_unknown_parameter(api: Client, world: World, operation: Operation) -> Answer:
    call = call_of(operation.name, world)
    caller = next(iter(ENTITLED[operation.who].values()))(world, call) if operation.who in ENTITLED else NOBODY
    return api.request(
        operation.method,
        operation.path.format(**call.path),
        call.body,
        account=caller.account,
        order_token=caller.token,
        key="new" if operation.takes_key else None,
        query=call.query | {"utm_source": "newsletter"},
    )


# Bodies that are made to cost.

NAMES = ["".join(letters) for letters in product(ascii_lowercase, repeat=3)]  # 26 cubed
LARGEST = 180_000  # bytes; the client sends a body as base64, which is a third longer


def fill(body: dict[str, Any], part: Any) -> dict[str, Any]:
    """Return a body of the largest size, with as many equal parts in each of its fields as fit."""
    size = len(json.dumps(part)) + 2
    return {name: [part] * (LARGEST // len(body) // size) for name in body}


WORST: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "unknown fields": lambda body: body | dict.fromkeys(NAMES, 0),
    "names of 40 KB": lambda body: body | {letter * 40_000: 0 for letter in "abcd"},
    "arrays of numbers": lambda body: fill(body, 0),
    "arrays of objects": lambda body: fill(body, {}),
    "arrays of objects of unknown fields": lambda body: fill(body, dict.fromkeys(NAMES[:50], 0)),
    "arrays of numbers of 4,000 digits": lambda body: fill(body, int("9" * 4000)),
    "objects of unknown fields": lambda body: {
        name: dict.fromkeys(NAMES[: LARGEST // len(body) // 12], 0) for name in body
    },
    "long texts": lambda body: {name: "\N{COMBINING ACUTE ACCENT}" * (LARGEST // len(body) // 7) for name in body},
    "deep arrays": lambda body: {name: json.loads("[" * 900 + "]" * 900) for name in body},
}
HEAVY = ["create_order", "create_event", "define_seats", "sync_scans", "create_voucher", "update_settings", "sign_up"]
MOST_CALLS = 40_000
"""How many calls of functions an answer may take. Most take 1,000 to 7,000. An array of 10,000 wrong items takes two
for each: pydantic looks if it has attributes."""


def test_an_answer_to_the_worst_bodies_is_short_and_cheap(world: World, api: Client, subtests: pytest.Subtests) -> None:
    for name in HEAVY:
        valid = call_of(name, world).body
        # The first call imports and builds what the others have.
        post(api, world, operations()[name], json.dumps(valid | {"unknown": 1}).encode())
        for what, spoil in WORST.items():
            body = json.dumps(spoil(valid)).encode()
            assert 4 * len(body) / 3 < module.MAX_BODY
            with subtests.test(operation=name, body=what):
                with count_calls() as calls:
                    answer = post(api, world, operations()[name], body)

                assert answer.status == 422
                assert len(answer.body) < 8_000
                assert len(answer.json["errors"]) <= 20
                assert sum(calls) < MOST_CALLS


def test_the_errors_that_are_not_listed_are_counted(world: World, api: Client) -> None:
    valid = call_of("create_order", world).body
    answer = post(api, world, operations()["create_order"], json.dumps(valid | dict.fromkeys(NAMES, 0)).encode())

    assert (len(answer.json["errors"]), answer.json["more_errors"]) == (20, 26**3 - 20)
    assert answer.json["detail"].startswith("`aaa` is unknown")
    assert answer.json["detail"].endswith("There are 17575 more errors.")


@contextmanager
def count_calls() -> Iterator[list[int]]:
    """Count the calls of functions, in Python and in C."""
    calls = [0]

    def count(_frame: Any, event: str, _argument: Any) -> None:
        if event in ("call", "c_call"):
            calls[0] += 1

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)
