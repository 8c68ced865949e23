"""The form of an event as requested, as stored and as shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from boxoffice.models import Id, Patch, Request, ShortText, Text, View, pattern, unchanged

type Asked = Literal["not_asked", "optional", "required"]
type QuestionKind = Literal["text", "long_text", "one_of", "several_of", "box", "number", "date", "country"]
type AskedOf = Literal["order", "ticket"]

MOST_OPTIONS = 100

Key = Annotated[
    str,
    StringConstraints(
        pattern=pattern(
            r"^[a-z][a-z0-9_]{0,39}$", "must be up to 40 small letters, digits and _, and begin with a letter"
        )
    ),
]


class HoldersRequest(Request):
    name: Asked = Field(default="not_asked", description="A name may be given even if it is not asked")
    email: Asked = Field(default="not_asked", description="Nothing is sent to it. It is for the seller")


class HoldersPatch(Patch):
    name: Asked = unchanged()
    email: Asked = unchanged()


class OptionRequest(Request):
    id: Annotated[Key, Field(description="Stays when the wording changes", examples=["vegan"])]
    label: ShortText


class ShownIfRequest(Request):
    question_id: Annotated[Key, Field(description="A question before this one, which is asked of the same")]
    options: Annotated[list[Key], Field(min_length=1, max_length=MOST_OPTIONS)] | None = Field(
        default=None, description="The options of which one must be chosen. Null if any answer will do"
    )


class QuestionRequest(Request):
    id: Annotated[Key, Field(description="Stays when the wording changes", examples=["diet"])]
    asked_of: AskedOf = Field(description="Asked once an order, or of each ticket")
    kind: QuestionKind
    label: ShortText
    help: Annotated[Text, Field(max_length=1000)] = ""
    required: Annotated[bool, Field(strict=True, description="A box that is required must be ticked")] = False
    options: Annotated[
        list[OptionRequest], Field(max_length=MOST_OPTIONS, description="To choose from, for `one_of` and `several_of`")
    ] = Field(default_factory=list)
    ticket_type_ids: Annotated[list[Id], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="The ticket types that it is asked for; null for all"
    )
    shown_if: ShownIfRequest | None = Field(
        default=None, description="Asks only those who have answered another question so"
    )
    at_door: Annotated[bool, Field(strict=True, description="True to show the answers to people at the door")] = False


class HoldersView(View):
    name: Asked
    email: Asked


class OptionView(View):
    id: str
    label: str


class ShownIfView(View):
    question_id: str
    options: list[str] | None


class QuestionView(View):
    id: str
    asked_of: AskedOf
    kind: QuestionKind
    label: str
    help: str
    required: bool
    options: list[OptionView]
    ticket_type_ids: list[Id] | None
    shown_if: ShownIfView | None
    at_door: bool


@dataclass(frozen=True)
class Question:
    """A question as the form stores it. Options are labels by their ids."""

    id: str
    asked_of: AskedOf
    kind: QuestionKind
    label: str
    required: bool
    options: dict[str, str]
    ticket_type_ids: frozenset[UUID] | None
    parent_id: str | None
    parent_options: frozenset[str] | None

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """Return a question that is stored as JSON."""
        ids, shown_if = stored["ticket_type_ids"], stored["shown_if"] or {}
        options = shown_if.get("options")
        return cls(
            **{name: stored[name] for name in ("id", "asked_of", "kind", "label", "required")},
            options={option["id"]: option["label"] for option in stored["options"]},
            ticket_type_ids=None if ids is None else frozenset(map(UUID, ids)),
            parent_id=shown_if.get("question_id"),
            parent_options=None if options is None else frozenset(options),
        )


@dataclass(frozen=True)
class Form:
    """What an event asks its buyers."""

    name: Asked
    email: Asked
    questions: Sequence[Question]

    @classmethod
    def of(cls, stored: dict[str, Any] | None) -> Self:
        """Return a form that is stored as JSON. None stands for one that asks nothing."""
        if stored is None:
            return cls("not_asked", "not_asked", ())
        return cls(**stored["holders"], questions=[Question.of(each) for each in stored["questions"]])

    @property
    def asks_of_tickets(self) -> bool:
        """Return True if something is asked of each ticket."""
        return {self.name, self.email} != {"not_asked"} or bool(self.asked_of("ticket"))

    def asked_of(self, whom: AskedOf) -> list[Question]:
        """Return the questions that are asked once an order, or of each ticket."""
        return [question for question in self.questions if question.asked_of == whom]


@dataclass(frozen=True)
class AskedItem:
    """Tickets of one ticket type in an order, and the form of their event."""

    event_id: UUID
    ticket_type_id: UUID
    tickets: int
    form: Form
