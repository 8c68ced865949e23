"""Every error states one fact, has one code and plain words, and is an answer of some operation."""

import importlib
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from string import Formatter
from typing import Any, get_args, get_origin
from uuid import UUID

import pytest

from boxoffice import api, errors, problems
from boxoffice.errors import DomainError, NotFound, of_constraint
from boxoffice.stock.errors import QuantityTooLow
from tests.helpers import conformance
from tests.helpers.support import ROOT, all_functions

LAYER = ROOT / "layers/common"


def all_errors() -> list[type[DomainError]]:
    """Return the errors of all domains."""
    all_functions()
    for path in sorted(LAYER.glob("boxoffice/*/errors.py")):
        importlib.import_module(".".join(path.relative_to(LAYER).with_suffix("").parts))
    return list(dict.fromkeys(errors.loaded()))


ERRORS = all_errors()
WITH_OWN_CODE = [error for error in ERRORS if "code" in vars(error)]


def test_a_code_has_one_class() -> None:
    assert [code for code, classes in Counter(error.code for error in WITH_OWN_CODE).items() if classes > 1] == []


@pytest.mark.parametrize("error", [error for error in ERRORS if error not in WITH_OWN_CODE and hasattr(error, "code")])
def test_a_class_without_a_code_of_its_own_inherits_all_texts(error: type[DomainError]) -> None:
    assert vars(error).keys().isdisjoint({"status", "meaning", "remedy"})
    assert len({parent.code for parent in error.__mro__ if "code" in vars(parent)}) == 1


@pytest.mark.parametrize("error", WITH_OWN_CODE)
def test_an_error_says_what_is_wrong_and_what_to_do_in_short_sentences(error: type[DomainError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    for text in (error.meaning, error.remedy):
        assert text.endswith(".")
        assert all(len(sentence.split()) <= 25 for sentence in text.split(". "))


@pytest.mark.parametrize("error", ERRORS)
def test_texts_name_declared_facts_alone_and_facts_hide_no_other_field(error: type[DomainError]) -> None:
    named = {name for text in (getattr(error, "meaning", ""), error.remedy) for _, name, *_ in Formatter().parse(text)}
    assert named - {None} <= error.declared.keys()
    assert error.declared.keys().isdisjoint({*problems.PROBLEM["properties"], "facts", "args"})


def test_an_error_takes_its_declared_facts_and_no_others() -> None:
    assert QuantityTooLow(taken=3).facts == {"taken": 3}
    assert QuantityTooLow(taken=3).detail.startswith("3 are sold")
    assert str(NotFound("Not here.")) == "Not here."
    for facts in ({}, {"taken": 3, "left": 1}, {"left": 1}):
        with pytest.raises(TypeError, match="taken"):
            QuantityTooLow(**facts)
    with pytest.raises(TypeError, match="id"):
        NotFound(id=UUID(int=0))


@pytest.mark.parametrize("error", [error for error in ERRORS if hasattr(error, "code") and error.__name__[0] != "_"])
def test_with_its_facts_an_error_reads_as_plain_sentences(error: type[DomainError]) -> None:
    detail = error(**{name: _sample(kind) for name, kind in error.declared.items()}).detail

    assert not re.search(r"[{}<>\\]|None(?! of)|UUID|datetime|\[\'", detail)
    assert all(len(sentence.split()) <= 25 for sentence in re.split(r"[.:] ", detail))
    in_words = re.sub(r"`[^`]*`|https?:\S+|(?:GET|POST|PUT) \S+", "", detail)
    assert [word for word in re.findall(r"\w+_\w+", in_words) if word not in NAMES_IN_TEXTS] == []


NAMES_IN_TEXTS = {"request_id", "second_factor_token", "change_email"}
"""What the texts name without a mark: fields of answers, and an operation."""


def _sample(kind: Any) -> Any:
    """Return a value of a fact's type. It may be null if the type says so."""
    by_type = {str: "Standing", int: 3, datetime: datetime(2031, 2, 1, 19, tzinfo=UTC), UUID: UUID(int=7)}
    if type(None) in get_args(kind):
        return None
    return by_type.get(kind, [] if get_origin(kind) in (list, Sequence) else "Standing")


def test_a_violated_constraint_is_found_by_its_name() -> None:
    schema = (LAYER / "boxoffice/schema.sql").read_text()
    constraints = [error.constraint for error in ERRORS if error.constraint]

    assert len(set(constraints)) == len(constraints)
    for name in constraints:
        table = name.removesuffix("_account_id_fkey")  # PostgreSQL's own name of what REFERENCES says
        assert re.search(rf"\b{name}\b", schema) or re.search(rf"CREATE TABLE {table} \(", schema), name
        error: Any = of_constraint(name)
        assert error.constraint == name
    assert of_constraint("another") is None
    assert of_constraint(None) is None


def test_every_code_is_an_answer_of_some_operation() -> None:
    answered = {code for _, _, code in conformance.declared()} - {""}

    assert answered == {error.code for error in WITH_OWN_CODE}


def test_a_route_declares_no_error_that_is_derived() -> None:
    paths = conformance.document()["paths"]
    for route in api.ROUTES:
        operation = paths[route.path][route.method.lower()]
        assert set(problems.common_of(route, operation)).isdisjoint(route.raises), route.function.__name__
        assert len(set(route.raises)) == len(route.raises), route.function.__name__
