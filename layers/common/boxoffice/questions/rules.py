"""Decide what an event may ask, and whether answers fit it. An answer keeps its question as it was asked."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NoReturn
from uuid import UUID

from boxoffice import countries, texts
from boxoffice.errors import FieldError, Invalid
from boxoffice.questions.models import AskedItem, Form, Question

MOST_FORM_BYTES = 64_000
"""A purchase reads the form of each ticket type that it buys."""
MOST_ANSWER_BYTES = 1_000_000
"""Of an order, as it is stored: each answer with its question. An answer of Lambda has 6 MB at most."""
MOST_HOLDERS = 1000

_MOST_ERRORS = 20
_MOST_TEXT = {"text": 200, "long_text": 2000}
_MOST_NUMBER = 10**15  # beyond it, JavaScript does not tell integers apart
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_CHOICES = ("one_of", "several_of")

type Loc = tuple[str | int, ...]
type Answer = dict[str, Any]
"""An answer as it is stored: question_id, label, answer and text."""


@dataclass
class Problems:
    """What is wrong with a request. The first of them are told, and the others counted."""

    told: list[FieldError] = field(default_factory=list)
    more: int = 0

    def add(self, loc: Loc, because: str) -> None:
        """Note what is wrong with a part of the request."""
        if len(self.told) < _MOST_ERRORS:
            path = [step if isinstance(step, int) else _short(step) for step in loc]
            self.told.append(FieldError(loc=path, msg=because, type="value_error"))
        else:
            self.more += 1

    def check(self) -> None:
        """Let the request pass if nothing is wrong with it.

        Raises:
            Invalid: something is.
        """
        if self.told:
            raise Invalid.of(self.told, self.more)


def _short(step: str) -> str:
    """Return a name that the caller chose, short and without halves of characters, which no answer can have."""
    text = re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", step)
    return text if len(text) <= 50 else text[:50] + "…"


# ------------------------------------------------------------------------------------------------- the form


def merged_form(form: dict[str, Any] | None, changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a form as it is stored, after changes. None if it asks nothing.

    Args:
        form: before the changes.
        changes: the `holders` and `questions` that a request has.
    """
    before = shown_form(form)
    after = {
        "holders": {**before["holders"], **changes.get("holders", {})},
        "questions": changes.get("questions", before["questions"]),
    }
    asks = after["questions"] or set(after["holders"].values()) != {"not_asked"}
    return after if asks else None


def shown_form(form: dict[str, Any] | None) -> dict[str, Any]:
    """Return the `holders` and `questions` of a stored form. One that asks nothing has them, too."""
    return form or {"holders": {"name": "not_asked", "email": "not_asked"}, "questions": []}


def check_questions(questions: Sequence[Mapping[str, Any]]) -> None:
    """Check that questions can be asked.

    Raises:
        Invalid: two have one id, a choice has no options, a condition is about no earlier question, or they are too
            long together.
    """
    problems = Problems()
    earlier: dict[str, Mapping[str, Any]] = {}
    for number, question in enumerate(questions):
        _check_question(question, earlier, ("body", "questions", number), problems)
        earlier.setdefault(question["id"], question)
    if _bytes_of(questions) > MOST_FORM_BYTES:
        problems.add(("body", "questions"), f"must have at most {MOST_FORM_BYTES} bytes together, as JSON in UTF-8")
    problems.check()


def _check_question(
    question: Mapping[str, Any], earlier: Mapping[str, Mapping[str, Any]], loc: Loc, problems: Problems
) -> None:
    if question["id"] in earlier:
        problems.add((*loc, "id"), "must differ from the ids of the other questions")
    ids = [option["id"] for option in question["options"]]
    if question["kind"] in _CHOICES and not ids:
        problems.add((*loc, "options"), "must not be empty, since the question is a choice")
    if question["kind"] not in _CHOICES and ids:
        problems.add((*loc, "options"), "must be empty, since the question is no choice")
    if len(set(ids)) < len(ids):
        problems.add((*loc, "options"), "must have an id of its own each")
    if question["shown_if"] is not None:
        _check_condition(question, earlier, (*loc, "shown_if"), problems)


def _check_condition(
    question: Mapping[str, Any], earlier: Mapping[str, Mapping[str, Any]], loc: Loc, problems: Problems
) -> None:
    condition = question["shown_if"]
    parent = earlier.get(condition["question_id"])
    if parent is None or parent["asked_of"] != question["asked_of"]:
        problems.add((*loc, "question_id"), "must be a question before this one, which is asked of the same")
    elif condition["options"] is not None and not {*condition["options"]} <= {each["id"] for each in parent["options"]}:
        problems.add((*loc, "options"), "must be options of that question")


def ticket_types_of(questions: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Return the ticket types that questions name."""
    return {ticket_type_id for question in questions for ticket_type_id in question["ticket_type_ids"] or ()}


# ------------------------------------------------------------------------------------------------ the answers


def details_of(
    items: Sequence[AskedItem],
    answers: Mapping[UUID, Mapping[str, Any]] | None,
    holders: Sequence[Mapping[str, Any]] | None,
) -> dict[str, Any] | None:
    """Return what an order stores of its answers and holders. None if there is nothing.

    Args:
        answers: those of the order, by event.
        holders: `name`, `email` and `answers`, one for each ticket, in the order of the items; None if there are none.

    Raises:
        Invalid: they do not fit the forms of the events.
    """
    problems = Problems()
    of_order = order_answers(items, answers or {}, problems)
    of_tickets = []
    if holders is not None or any(item.form.asks_of_tickets for item in items):
        tickets = tickets_of(items)
        named = [{} for _ in tickets] if holders is None else holders
        check_number_of_holders(named, tickets)
        of_tickets = [
            _new_holder(item, holder, number, problems)
            for number, (item, holder) in enumerate(zip(tickets, named, strict=True))
        ]
    problems.check()
    return stored_details(of_order, of_tickets)


def _new_holder(item: AskedItem, holder: Mapping[str, Any], number: int, problems: Problems) -> dict[str, Any]:
    loc: Loc = ("body", "holders", number)
    check_holder(item.form, holder, loc, problems)
    given = holder.get("answers") or {}
    answers = ticket_answers(item.form, item.ticket_type_id, given, (*loc, "answers"), problems)
    return stored_holder(holder.get("name"), holder.get("email"), answers)


def check_number_of_holders(holders: Sequence[object], tickets: Sequence[object]) -> None:
    """Check that there is a holder for each ticket.

    Raises:
        Invalid: there is not.
    """
    if len(holders) != len(tickets):
        raise Invalid.at("body", "holders", because=f"must have {len(tickets)}, one for each ticket of the order")


def order_answers(
    items: Sequence[AskedItem],
    answers: Mapping[UUID, Mapping[str, Any]],
    problems: Problems,
    *,
    complete: bool = True,
    only: Collection[UUID] | None = None,
) -> dict[str, list[Answer]]:
    """Return the answers of an order to what is asked once an order, by event.

    Args:
        answers: those that were given, by event.
        problems: takes what is wrong with them.
        complete: True if what is required must be answered.
        only: the events to ask for; None for all of the order.
    """
    forms = {item.event_id: item.form for item in items}
    for event_id in answers.keys() - forms.keys():
        problems.add(("body", "answers", str(event_id)), "must be the answers for an event of the order")
    answered = {}
    for event_id, form in forms.items():
        if only is None or event_id in only:
            types = {item.ticket_type_id for item in items if item.event_id == event_id}
            questions, given = form.asked_of("order"), answers.get(event_id, {})
            loc = ("body", "answers", str(event_id))
            answered[str(event_id)] = _answers_to(questions, given, types, loc, problems, complete=complete)
    return answered


def ticket_answers(
    form: Form,
    ticket_type_id: UUID,
    given: Mapping[str, Any],
    loc: Loc,
    problems: Problems,
    *,
    complete: bool = True,
) -> list[Answer]:
    """Return the answers of a ticket, as they are stored. Like `order_answers`."""
    return _answers_to(form.asked_of("ticket"), given, {ticket_type_id}, loc, problems, complete=complete)


def check_holder(form: Form, holder: Mapping[str, Any], loc: Loc, problems: Problems) -> None:
    """Note what a holder lacks that the event requires, and an address that it does not ask for."""
    if form.name == "required" and not holder.get("name"):
        problems.add((*loc, "name"), "is missing")
    if form.email == "required" and not holder.get("email"):
        problems.add((*loc, "email"), "is missing")
    if form.email == "not_asked" and holder.get("email"):
        problems.add((*loc, "email"), "must be left out, since the event does not ask for it")


def changed_holder(
    form: Form,
    ticket_type_id: UUID,
    before: Mapping[str, Any],
    changes: Mapping[str, Any],
    number: int,
    problems: Problems,
    *,
    complete: bool,
) -> dict[str, Any]:
    """Return a holder after changes, as an order stores one. Answers are given anew, the rest is changed one by one.

    Args:
        changes: those of `name`, `email` and `answers` that a request has.
        number: the place of the holder in the request.
        problems: takes what is wrong with it.
        complete: True if what is required must be answered.
    """
    loc: Loc = ("body", "holders", number)
    after = {**before, **changes}
    if "email" in changes and (complete or form.email == "not_asked"):
        check_holder(form, {"name": True, **after}, loc, problems)
    if "answers" in changes:
        given = ticket_answers(form, ticket_type_id, changes["answers"], (*loc, "answers"), problems, complete=complete)
        after["answers"] = with_former(form, given, before.get("answers"))
    return stored_holder(after.get("name"), after.get("email"), after.get("answers"))


def changes_in_words(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], *, answers_differ: bool
) -> list[str]:
    """Return what a request has changed, as the history of the order says it."""

    def differ(*parts: str) -> bool:
        return any(old.get(part) != new.get(part) for old, new in zip(before, after, strict=True) for part in parts)

    return ["holders"] * differ("name", "email") + ["answers"] * (answers_differ or differ("answers"))


def with_former(form: Form, answers: Sequence[Answer], before: Sequence[Answer] | None) -> list[Answer]:
    """Return answers after those from before to questions that the event asks no longer."""
    asked = {question.id for question in form.questions}
    return [*(each for each in before or () if each["question_id"] not in asked), *answers]


def stored_holder(name: str | None, email: str | None, answers: Sequence[Answer] | None) -> dict[str, Any]:
    """Return a holder as an order stores one: what is given of name, email and answers."""
    given = {"name": name, "email": email, "answers": answers}
    return {part: value for part, value in given.items() if value}


def stored_details(
    answers: Mapping[str, Sequence[Answer]], holders: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Return the answers and holders of an order as it stores them. None if there is nothing.

    Raises:
        Invalid: they are too long.
    """
    given = {
        "answers": {event_id: each for event_id, each in answers.items() if each},
        "holders": holders if any(holders) else [],
    }
    details = {part: value for part, value in given.items() if value}
    check_bytes(_bytes_of(details))
    return details or None


def check_bytes(size: int) -> None:
    """Check that what an order stores of answers is not too long.

    Args:
        size: of it, in bytes of UTF-8.

    Raises:
        Invalid: it is.
    """
    if size > MOST_ANSWER_BYTES:
        because = f"must have answers of at most {MOST_ANSWER_BYTES} bytes together, with their questions"
        raise Invalid.at("body", because=because)


def tickets_of(items: Sequence[AskedItem]) -> list[AskedItem]:
    """Return the item of each ticket, in the order in which tickets are issued.

    Raises:
        Invalid: there are too many to be asked one by one.
    """
    if sum(item.tickets for item in items) > MOST_HOLDERS:
        because = f"must be at most {MOST_HOLDERS} tickets in one order, since the event asks its buyers"
        raise Invalid.at("body", "items", because=because)
    return [item for item in items for _ in range(item.tickets)]


def _answers_to(
    questions: Sequence[Question],
    given: Mapping[str, Any],
    ticket_type_ids: Collection[UUID],
    loc: Loc,
    problems: Problems,
    *,
    complete: bool,
) -> list[Answer]:
    for name in sorted(given.keys() - {question.id for question in questions}):
        problems.add((*loc, name), "is no question that is asked here")
    answered: dict[str, Answer] = {}
    for question in questions:
        place, value = (*loc, question.id), given.get(question.id)
        if reason := _why_not_asked(question, ticket_type_ids, answered):
            if not _is_blank(value):
                problems.add(place, f"must be left out: {reason}")
            continue
        try:
            answer = None if _is_blank(value) else _READERS[question.kind](question, value)
        except ValueError as error:
            problems.add(place, str(error))
            continue
        if answer is not None:
            answered[question.id] = {
                "question_id": question.id,
                "label": question.label,
                "answer": answer,
                "text": _text_of(question, answer),
            }
        elif question.required and complete:
            problems.add(place, "must be ticked" if question.kind == "box" else "must be answered")
    return [*answered.values()]


def _why_not_asked(question: Question, ticket_type_ids: Collection[UUID], answered: Mapping[str, Answer]) -> str | None:
    """Return why a question is not asked. None if it is."""
    if question.ticket_type_ids is not None and question.ticket_type_ids.isdisjoint(ticket_type_ids):
        return "it is asked for other ticket types"
    if question.parent_id is None:
        return None
    parent = answered.get(question.parent_id)
    chosen = [] if parent is None else parent["answer"]
    options = {chosen} if isinstance(chosen, str) else {*chosen} if isinstance(chosen, list) else set()
    if parent is None or (question.parent_options is not None and options.isdisjoint(question.parent_options)):
        return f"it is asked only with another answer to {question.parent_id}"
    return None


def _is_blank(value: object) -> bool:
    """Return True if a value answers nothing: it is empty, a box that is not ticked, or has nothing to see."""
    if isinstance(value, str):
        return not texts.is_visible(value)
    return value is None or value is False or value == []


def _text(question: Question, value: object) -> str:
    text = _string(value)
    texts.check_marks(text)
    text = texts.lines(text) if question.kind == "long_text" else texts.one_line(text)
    if len(text) > _MOST_TEXT[question.kind]:
        raise ValueError(f"must have at most {_MOST_TEXT[question.kind]} characters")
    return text


def _option(question: Question, value: object) -> str:
    if not isinstance(value, str) or value not in question.options:
        _must_be_one_of(question)
    return value


def _options(question: Question, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each in question.options for each in value):
        raise ValueError(f"must be an array of options: {_listed(question)}")
    return [option for option in question.options if option in value]


def _must_be_one_of(question: Question) -> NoReturn:
    raise ValueError(f"must be an option: {_listed(question)}")


def _listed(question: Question) -> str:
    ids = [*question.options]
    return ", ".join(ids) if len(ids) <= 12 else f"{', '.join(ids[:12])} …"


def _ticked(_: Question, value: object) -> bool:
    if value is not True:
        raise ValueError("must be true or false")
    return True


def _number(_: Question, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if not -_MOST_NUMBER <= value <= _MOST_NUMBER:
        raise ValueError(f"must be a number between -{_MOST_NUMBER} and {_MOST_NUMBER}")
    return int(value) if value == int(value) else value


def _date(_: Question, value: object) -> str:
    text = _string(value).strip()
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(f"must be a date of the years {_FIRST_YEAR} to {_LAST_YEAR}, such as 2026-01-31")
    return text


def _country(_: Question, value: object) -> str:
    return countries.check(_string(value))


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


_READERS: dict[str, Callable[[Question, Any], Any]] = {
    "text": _text,
    "long_text": _text,
    "one_of": _option,
    "several_of": _options,
    "box": _ticked,
    "number": _number,
    "date": _date,
    "country": _country,
}


def _text_of(question: Question, answer: Any) -> str:
    """Return an answer as people read it."""
    match question.kind:
        case "one_of":
            return question.options[answer]
        case "several_of":
            return ", ".join(question.options[option] for option in answer)
        case "box":
            return "✓"
    return str(answer)


def _bytes_of(stored: object) -> int:
    return len(json.dumps(stored, ensure_ascii=False, default=str).encode())
