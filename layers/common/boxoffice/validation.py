"""Say in words what is wrong with a request: where, and what must stand there, in the terms of JSON.

Only a request that is refused needs this module, so `boxoffice.api` imports it then.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeAliasType, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from boxoffice import money
from boxoffice.errors import FieldError, Invalid
from boxoffice.models import MINOR_UNITS, words_of_pattern

MOST_ERRORS = 20
_MOST_NAME = 50  # characters of a name that the caller chose
_MOST_WORDS = 250  # characters of a message
_MOST_LISTED = 12  # names that a message lists
_MOST_CHOICES = 150  # characters of the choices that a message lists

type Details = Mapping[str, Any]

# What a value of another type must be, by the error's type in pydantic.
_TYPES = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "an object",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "int_type": "an integer",
    "list_type": "an array",
    "frozen_set_type": "an array",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "string_type": "a string",
    "uuid_parsing": "a UUID, such as 01981f6c-7b00-7a11-8c3e-5d2f40a1b001",
    "uuid_type": "a string with a UUID",
}
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "int_parsing_size": "must be an integer of fewer digits",
    "timezone_aware": "must have a time zone: Z, or an offset such as +01:00",
    "date_from_datetime_parsing": "must be a date that exists: the {error}",
    "datetime_from_date_parsing": "must be a date and time that exists: the {error}",
    "datetime_parsing": "must be a date and time that exists: the {error}",
    "missing": "is missing",
    "string_unicode": "must be Unicode without lone surrogates",
}
# What stands in a request, by its type in Python.
_JSON = {
    NoneType: "null",
    bool: "true or false",
    float: "a number with a decimal point",
    int: "a number",
    list: "an array",
    str: "a string",
}


class _Place(NamedTuple):
    """Where an error is.

    Attributes:
        path: the steps to it, without those that only say which case of a union it is.
        owner: the model that has, or lacks, the field. None if it is elsewhere.
        case: which case of a union it is, such as "`kind` is fixed".
        cases: the cases of the union that the value should be one of.
    """

    path: list[str | int]
    owner: type[BaseModel] | None
    case: str
    cases: tuple[str, ...] = ()


def first_errors(error: ValidationError, loc: tuple[int | str, ...]) -> list[dict[str, Any]]:
    """Return the first errors of a value. The last of them says how many `more` there are, if there are more.

    Args:
        loc: the place of the value in the request.
    """
    listed = [{**each, "loc": loc + each["loc"]} for each in error.errors(include_url=False)[:MOST_ERRORS]]
    if error.error_count() > MOST_ERRORS:
        listed[-1]["more"] = error.error_count() - MOST_ERRORS
    return listed


def in_words(errors: Sequence[Details], model: Any, read_body: Callable[[], bytes]) -> Invalid:
    """Return the error that tells the first of all errors of a request.

    It never has a value of the request, which may be a password. It has numbers where money is meant.

    Args:
        model: the model of the body. None for an operation without one.
        read_body: returns the body, which may say the currency.
    """
    listed = [_in_words(each, model, read_body) for each in errors[:MOST_ERRORS]]
    more = sum(each.get("more", 0) for each in errors) + len(errors[MOST_ERRORS:])
    return Invalid.of(listed, more)


def strange_parameters(names: Sequence[str], known: Sequence[str]) -> Invalid:
    """Return the error for a query whose names are not all known, or not all different."""
    strange = {name: times for name, times in Counter(names).items() if name not in known or times > 1}
    errors = [_strange_parameter(name, times, known) for name, times in [*strange.items()][:MOST_ERRORS]]
    return Invalid.of(errors, len(strange) - len(errors))


def _strange_parameter(name: str, times: int, known: Sequence[str]) -> FieldError:
    loc: list[str | int] = ["query", _short(name)]
    if name in known:
        return FieldError(loc=loc, msg=f"is there {times} times; send it once", type="repeated")
    return FieldError(loc=loc, msg=f"is unknown{_suggestion(name, known)}", type="extra_forbidden")


def _in_words(error: Details, model: Any, read_body: Callable[[], bytes]) -> FieldError:
    kind, *steps = error["loc"]
    place = _find(model, steps) if kind == "body" else _Place(steps, None, "")
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        place.path.append(error["ctx"]["discriminator"].strip("'"))
    words = _money_in_words(error, read_body) if error["type"] == MINOR_UNITS else _words(error, place)
    path = [step if isinstance(step, int) else _short(step) for step in (kind, *place.path)]
    return FieldError(loc=path, msg=words[:_MOST_WORDS], type=error["type"])


def _words(error: Details, place: _Place) -> str:
    """Return what must stand at the place of an error, as the end of a sentence that begins with the place."""
    kind = error["type"]
    if kind in _TYPES:
        # A parameter is a text, whatever it should be.
        instead = "" if kind.endswith("_parsing") else f", not {_JSON.get(type(error['input']), 'an object')}"
        return f"must be {_TYPES[kind]}{instead}"
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**error.get("ctx", {})) + place.case
    return _WORDS.get(kind, _by_pydantic)(error, place)


def _too_few(error: Details, _: _Place) -> str:
    least = error["ctx"]["min_length"]
    return "must not be empty" if least == 1 else f"must have at least {least} {_counted(error)}"


def _too_many(error: Details, _: _Place) -> str:
    return f"must have at most {error['ctx']['max_length']} {_counted(error)}"


def _unknown_field(_: Details, place: _Place) -> str:
    known = [*place.owner.model_fields] if place.owner else []
    return f"is unknown{place.case}{_suggestion(str(place.path[-1]), known)}"


def _by_pydantic(error: Details, _: _Place) -> str:
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be ", "must be ").removesuffix(".")


_WORDS: dict[str, Callable[[Details, _Place], str]] = {
    "enum": lambda error, _: _choice(_quoted(error["ctx"]["expected"]), error["input"]),
    "extra_forbidden": _unknown_field,
    "literal_error": lambda error, _: _choice(_quoted(error["ctx"]["expected"]), error["input"]),
    "string_pattern_mismatch": lambda error, _: words_of_pattern(error["ctx"]["pattern"]),
    "string_too_long": _too_many,
    "string_too_short": _too_few,
    "too_long": _too_many,
    "too_short": _too_few,
    "union_tag_not_found": lambda _, place: f"is missing; known are {', '.join(place.cases)}",
    "union_tag_invalid": lambda error, _: _choice(_quoted(error["ctx"]["expected_tags"]), error["ctx"]["tag"]),
}


def _counted(error: Details) -> str:
    # pydantic calls the characters of a text items, once a validator of ours has seen the text.
    return "characters" if isinstance(error["input"], str) else "items"


def _choice(choices: Sequence[str], value: object) -> str:
    if len(choices) == 1:
        return f"must be {choices[0]}"
    listed = ", ".join(choices)
    if len(listed) > _MOST_CHOICES:
        listed = f"the {len(choices)} that the OpenAPI document lists"
    return f"must be one of {listed}{_nearest(value, choices)}"


def _quoted(text: str) -> list[str]:
    """Return the texts that stand in quotes, or the text itself if nothing does."""
    return re.findall(r"'([^']*)'", text) or [text.lower()]


def _suggestion(name: str, known: Sequence[str]) -> str:
    """Return which of the known names somebody may mean, or all if they are few."""
    if near := _nearest(name, known):
        return near
    return f"; known are {', '.join(known)}" if 0 < len(known) <= _MOST_LISTED else ""


def _nearest(value: object, names: Sequence[str]) -> str:
    near = get_close_matches(value[:_MOST_NAME].lower(), names, n=1) if isinstance(value, str) else []
    return f"; the nearest is {near[0]}" if near else ""


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= _MOST_NAME else text[:_MOST_NAME] + "…"


def _money_in_words(error: Details, read_body: Callable[[], bytes]) -> str:
    """Return what an amount must be, with the amount that is meant if it can be told."""
    currency = json.loads(read_body()).get("currency")
    known = isinstance(currency, str) and money.is_currency(currency)
    try:
        amount = Decimal(str(error["input"])[:_MOST_NAME])
        meant = money.minor(amount, currency if known else "EUR")
    except (ArithmeticError, ValueError):
        decimals = f"; {currency} has {money.exponent(currency)} decimals" if known else ""
        return f"must be an integer in the currency's minor unit{decimals}"
    if not 0 <= meant <= money.MAX_TOTAL:
        return "must be an integer in the currency's minor unit"
    unit = currency if known else "in a currency of two decimals"
    shown = money.major(meant, currency if known else "EUR")
    return f"must be an integer in the currency's minor unit: {meant} for {shown} {unit}"


def _find(model: Any, steps: Sequence[str | int]) -> _Place:
    """Follow the steps of an error through the model of the body."""
    path: list[str | int] = []
    owner, case = None, ""
    within = list(_alternatives(model))
    for step in steps:
        models = _models(within)
        if len(models) > 1:  # the step names the case of the union
            tags = {tag: (each, name) for each in models for name, tag in _tags_of(each)}
            within, case = ([tags[step][0]], f" where `{tags[step][1]}` is {step}") if step in tags else ([], "")
            continue
        path.append(step)
        owner = models[0] if models and isinstance(step, str) else None
        if owner:
            field = next((each for name, each in owner.model_fields.items() if step in (name, each.alias)), None)
            within = list(_alternatives(field.annotation)) if field else []
        else:
            within = [inner for each in within for part in get_args(each) for inner in _alternatives(part)]
    return _Place(path, owner, case, tuple(tag for each in _models(within) for _, tag in _tags_of(each)))


def _models(kinds: Sequence[Any]) -> list[type[BaseModel]]:
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _alternatives(kind: Any) -> Iterator[Any]:
    """Yield the types that a value may have, without their names and annotations, and without null."""
    if isinstance(kind, TypeAliasType):
        yield from _alternatives(kind.__value__)
    elif get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for part in get_args(kind):
            yield from _alternatives(part)
    elif kind is not NoneType and kind is not None:
        yield kind


def _tags_of(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a model that have one possible text, with the text."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            yield name, get_args(field.annotation)[0]
