"""What an event may ask, and which answers fit."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from boxoffice.errors import Invalid
from boxoffice.questions import rules
from boxoffice.questions.models import AskedItem, Form
from tests.helpers import forms
from tests.helpers.forms import DIET, question

EVENT, STANDING, SEATED = uuid4(), uuid4(), uuid4()


def form(*questions: dict[str, Any], name: str = "not_asked", email: str = "not_asked") -> Form:
    return Form.of(forms.form(*questions, name=name, email=email).obj)


def answer(asked: Form, *holders: dict[str, Any], of_order: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what an order with a ticket for each holder stores."""
    items = [AskedItem(EVENT, STANDING, max(1, len(holders)), asked)]
    stored = rules.details_of(items, of_order and {EVENT: of_order}, list(holders) or None)
    return stored or {}


def answer_one(asked: dict[str, Any], value: object) -> Any:
    """Return what is stored of an answer, and how people read it. None if nothing is answered."""
    holders = answer(form(asked), {"answers": {asked["id"]: value}}).get("holders")
    return (holders[0]["answers"][0]["answer"], holders[0]["answers"][0]["text"]) if holders else None


def errors(asked: Form, *holders: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    """Return where and why answers are refused."""
    with pytest.raises(Invalid) as refused:
        answer(asked, *holders, **more)
    return [(".".join(map(str, each["loc"])), each["msg"]) for each in refused.value.errors]


@pytest.mark.parametrize(
    ("kind", "value", "stored", "text"),
    [
        ("text", "  علی‌رضا\nශ්‍රී 👨‍👩‍👧 ", "علی‌رضا ශ්‍රී 👨‍👩‍👧", "علی‌رضا ශ්‍රී 👨‍👩‍👧"),
        ("text", "Cafe\u0301", "Caf\u00e9", "Caf\u00e9"),  # NFC
        ("text", "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz" * 3, ..., ...),
        ("text", "a\u202eb\x00c\ud800", "abc", "abc"),
        ("long_text", "one\r\ntwo", "one\ntwo", "one\ntwo"),
        ("one_of", "vegan", "vegan", "Vegan"),
        ("several_of", ["other", "vegan", "other"], ["vegan", "other"], "Vegan, Something else"),
        ("box", True, True, "✓"),
        ("number", 42, 42, "42"),
        ("number", -0.0, 0, "0"),
        ("number", 1.5, 1.5, "1.5"),
        ("number", 10**15, 10**15, "1000000000000000"),
        ("date", "2024-02-29", "2024-02-29", "2024-02-29"),
        ("country", "NG", "NG", "NG"),
    ],
)
def test_an_answer_is_kept_in_its_one_spelling(kind: str, value: object, stored: object, text: object) -> None:
    expected = (value, value) if stored is ... else (stored, text)
    assert answer_one(question("q", kind), value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[(kind, None) for kind in ("text", "long_text", "one_of", "several_of", "box", "number", "date", "country")],
        *[("text", blank) for blank in ("", "  ", "\u200b\u200d", "\u3164", "\u202e", "\ud800")],
        ("several_of", []),
        ("box", False),
    ],
)
def test_nothing_visible_is_no_answer(kind: str, value: object) -> None:
    assert answer_one(question("q", kind), value) is None
    why = "must be ticked" if kind == "box" else "must be answered"
    assert errors(form(question("q", kind, required=True)), {"answers": {"q": value}}) == [
        ("body.holders.0.answers.q", why)
    ]


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("text", 5, "must be a string"),
        ("text", ["a"], "must be a string"),
        ("text", "a" * 201, "must have at most 200 characters"),
        ("text", "e" + "\u0301" * 31, "must not have more than 30 marks on one letter"),
        ("long_text", "a" * 2001, "must have at most 2000 characters"),
        ("long_text", {"a": 1}, "must be a string"),
        ("one_of", "meat", "must be an option: vegan, other"),
        ("one_of", ["vegan"], "must be an option: vegan, other"),
        ("one_of", True, "must be an option: vegan, other"),
        ("several_of", "vegan", "must be an array of options: vegan, other"),
        ("several_of", ["vegan", "meat"], "must be an array of options: vegan, other"),
        ("several_of", [["vegan"]], "must be an array of options: vegan, other"),
        ("box", "yes", "must be true or false"),
        ("box", 1, "must be true or false"),
        ("number", "5", "must be a number"),
        ("number", True, "must be a number"),
        ("number", 10**15 + 1, "must be a number between -1000000000000000 and 1000000000000000"),
        ("number", 10**400, "must be a number between -1000000000000000 and 1000000000000000"),
        ("number", float("nan"), "must be a number between -1000000000000000 and 1000000000000000"),
        ("number", float("-inf"), "must be a number between -1000000000000000 and 1000000000000000"),
        ("date", "2023-02-29", "must be a date of the years 1900 to 2200, such as 2026-01-31"),
        ("date", "20230228", "must be a date of the years 1900 to 2200, such as 2026-01-31"),
        ("date", "1899-12-31", "must be a date of the years 1900 to 2200, such as 2026-01-31"),
        ("date", "٢٠٢٣-٠٢-٢٨", "must be a date of the years 1900 to 2200, such as 2026-01-31"),
        ("date", 20230228, "must be a string"),
        ("country", "Nigeria", "must be a country of ISO 3166-1, such as NG"),
        ("country", "EU", "must be a country of ISO 3166-1, such as NG"),
        ("country", "ng", "must be a country of ISO 3166-1, such as NG"),
    ],
)
def test_an_answer_of_another_kind_is_refused_with_its_place(kind: str, value: object, why: str) -> None:
    assert errors(form(question("q", kind)), {"answers": {"q": value}}) == [("body.holders.0.answers.q", why)]


def test_an_answer_keeps_its_question_as_it_was_asked() -> None:
    asked = form(question("diet", "one_of", label="What do you eat?"))

    stored = answer(asked, {"answers": {"diet": "other"}})

    assert stored["holders"][0]["answers"] == [
        {"question_id": "diet", "label": "What do you eat?", "answer": "other", "text": "Something else"}
    ]


def test_unknown_questions_and_those_asked_of_others_are_refused() -> None:
    asked = form(question("diet"), question("source", asked_of="order"))

    assert errors(asked, {"answers": {"source": "a", "colour": "b"}}) == [
        ("body.holders.0.answers.colour", "is no question that is asked here"),
        ("body.holders.0.answers.source", "is no question that is asked here"),
    ]
    assert errors(asked, of_order={"diet": "a"}) == [
        (f"body.answers.{EVENT}.diet", "is no question that is asked here")
    ]


def test_the_answers_of_another_event_are_refused() -> None:
    other = uuid4()
    with pytest.raises(Invalid) as refused:
        rules.details_of([AskedItem(EVENT, STANDING, 1, form())], {other: {}}, None)
    assert refused.value.errors[0]["loc"] == ["body", "answers", str(other)]


class TestConditions:
    ASKED = form(
        question("diet", "one_of"),
        question("what", required=True, shown_if={"question_id": "diet", "options": ["other"]}),
        question("why", shown_if={"question_id": "what", "options": None}),
    )

    def test_a_question_is_asked_of_those_who_have_chosen_so(self) -> None:
        assert errors(self.ASKED, {"answers": {"diet": "other"}}) == [
            ("body.holders.0.answers.what", "must be answered")
        ]
        given = {"diet": "other", "what": "Fish", "why": "Taste"}
        (holder,) = answer(self.ASKED, {"answers": given})["holders"]
        assert {each["question_id"]: each["answer"] for each in holder["answers"]} == given

    def test_it_is_not_asked_of_others(self) -> None:
        assert len(answer(self.ASKED, {"answers": {"diet": "vegan"}})["holders"][0]["answers"]) == 1
        assert errors(self.ASKED, {"answers": {"diet": "vegan", "what": "Fish", "why": "Taste"}}) == [
            ("body.holders.0.answers.what", "must be left out: it is asked only with another answer to diet"),
            ("body.holders.0.answers.why", "must be left out: it is asked only with another answer to what"),
        ]

    def test_one_of_several_choices_is_enough(self) -> None:
        asked = form(
            question("diet", "several_of"),
            question("what", required=True, shown_if={"question_id": "diet", "options": ["other"]}),
        )
        assert errors(asked, {"answers": {"diet": ["vegan", "other"]}})[0][1] == "must be answered"

    def test_a_box_counts_if_it_is_ticked(self) -> None:
        asked = form(
            question("help", "box"), question("what", required=True, shown_if={"question_id": "help", "options": None})
        )
        assert answer(asked, {"answers": {"help": False}}) == {}
        assert errors(asked, {"answers": {"help": True}})[0][1] == "must be answered"


def test_a_question_is_asked_for_its_ticket_types_alone() -> None:
    asked = form(question("bib", required=True, ticket_type_ids=[str(STANDING)]))
    items = [AskedItem(EVENT, STANDING, 1, asked), AskedItem(EVENT, SEATED, 1, asked)]

    details = rules.details_of(items, None, [{"answers": {"bib": "7"}}, {}])
    assert details is not None
    assert [len(holder.get("answers", ())) for holder in details["holders"]] == [1, 0]
    with pytest.raises(Invalid) as refused:
        rules.details_of(items, None, [{}, {"answers": {"bib": "7"}}])
    assert [each["msg"] for each in refused.value.errors] == [
        "must be answered",
        "must be left out: it is asked for other ticket types",
    ]


class TestHolders:
    def test_names_and_addresses_can_be_required(self) -> None:
        assert errors(form(name="required", email="required"), {}, {"name": "Ada", "email": "a@b.example"}) == [
            ("body.holders.0.name", "is missing"),
            ("body.holders.0.email", "is missing"),
        ]

    def test_an_address_that_is_not_asked_is_refused_and_a_name_is_not(self) -> None:
        assert answer(form(), {"name": "Ada"}) == {"holders": [{"name": "Ada"}]}
        assert errors(form(), {"email": "a@b.example"}) == [
            ("body.holders.0.email", "must be left out, since the event does not ask for it")
        ]

    def test_there_is_one_for_each_ticket(self) -> None:
        with pytest.raises(Invalid) as refused:
            rules.details_of([AskedItem(EVENT, STANDING, 3, form())], None, [{}, {}])
        assert refused.value.detail == "`holders` must have 3, one for each ticket of the order."

    def test_without_any_each_ticket_lacks_what_is_required(self) -> None:
        with pytest.raises(Invalid) as refused:
            rules.details_of([AskedItem(EVENT, STANDING, 30, form(name="required"))], None, None)
        assert (len(refused.value.errors), refused.value.more_errors) == (20, 10)

    def test_a_thousand_can_be_asked_in_one_order(self) -> None:
        asked = form(name="optional")
        assert rules.details_of([AskedItem(EVENT, STANDING, 1000, asked)], None, None) is None
        with pytest.raises(Invalid, match="at most 1000 tickets"):
            rules.details_of([AskedItem(EVENT, STANDING, 1001, asked)], None, None)
        once = form(question("source", asked_of="order"))
        assert rules.details_of([AskedItem(EVENT, STANDING, 1001, once)], None, None) is None

    def test_nothing_is_stored_of_nothing(self) -> None:
        assert answer(form(question("q"), name="optional", email="optional"), {}, {}) == {}


def test_answers_are_too_long_for_an_order_with_their_questions() -> None:
    asked = form(question("q", "long_text", label="ශ්‍රී" * 40))
    text = "👨‍👩‍👧" * 400  # five characters each, and 18 bytes. It is stored as sent and as read

    assert len(answer(asked, *[{"answers": {"q": text}}] * 60)["holders"]) == 60
    with pytest.raises(Invalid, match="at most 1000000 bytes"):
        answer(asked, *[{"answers": {"q": text}}] * 70)


class TestForm:
    def refused(self, *questions: dict[str, Any]) -> list[tuple[str, str]]:
        with pytest.raises(Invalid) as refused:
            rules.check_questions(questions)
        return [(".".join(map(str, each["loc"])), each["msg"]) for each in refused.value.errors]

    def test_ids_differ(self) -> None:
        assert self.refused(question("a"), question("a")) == [
            ("body.questions.1.id", "must differ from the ids of the other questions")
        ]
        twice = [DIET[0], DIET[0]]
        assert self.refused(question("a", "one_of", options=twice)) == [
            ("body.questions.0.options", "must have an id of its own each")
        ]

    def test_a_choice_has_options_and_nothing_else_has(self) -> None:
        assert self.refused(question("a", "several_of", options=[]), question("b", "number", options=DIET)) == [
            ("body.questions.0.options", "must not be empty, since the question is a choice"),
            ("body.questions.1.options", "must be empty, since the question is no choice"),
        ]

    @pytest.mark.parametrize("parent", ["a", "later", "nobody", "source"])
    def test_a_condition_is_about_a_question_before(self, parent: str) -> None:
        asked = [
            question("source", asked_of="order"),
            question("a", shown_if={"question_id": parent, "options": None}),
            question("later"),
        ]
        assert self.refused(*asked) == [
            ("body.questions.1.shown_if.question_id", "must be a question before this one, which is asked of the same")
        ]

    def test_a_condition_names_options_of_that_question(self) -> None:
        asked = question("a", "one_of"), question("b", shown_if={"question_id": "a", "options": ["meat"]})
        assert self.refused(*asked) == [("body.questions.1.shown_if.options", "must be options of that question")]

    def test_they_are_not_too_long_together(self) -> None:
        rules.check_questions([question(f"q{number}", help="ශ" * 300) for number in range(50)])
        assert self.refused(*[question(f"q{number}", help="ශ" * 1000) for number in range(50)]) == [
            ("body.questions", "must have at most 64000 bytes together, as JSON in UTF-8")
        ]

    def test_a_form_that_asks_nothing_is_none(self) -> None:
        asks = rules.merged_form(None, {"holders": {"email": "required"}})
        assert asks == {"holders": {"name": "not_asked", "email": "required"}, "questions": []}
        assert rules.merged_form(asks, {"holders": {"email": "not_asked"}}) is None

    def test_it_names_ticket_types(self) -> None:
        ids: set[UUID] = rules.ticket_types_of([{"ticket_type_ids": [STANDING]}, {"ticket_type_ids": None}])
        assert ids == {STANDING}


def test_answers_to_former_questions_stay() -> None:
    former = {"question_id": "gone", "label": "Gone", "answer": "a", "text": "a"}
    asked = {"question_id": "q", "label": "Q", "answer": "old", "text": "old"}
    problems = rules.Problems()

    changed = rules.changed_holder(
        form(question("q")),
        STANDING,
        {"name": "Ada", "answers": [former, asked]},
        {"answers": {"q": "new"}},
        0,
        problems,
        complete=True,
    )

    assert not problems.told
    assert changed == {"name": "Ada", "answers": [former, {**asked, "answer": "new", "text": "new"}]}
