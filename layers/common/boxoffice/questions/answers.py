"""Answers as requested and as shown. Whoever buys imports this, and not the rest of the form."""

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from boxoffice.models import View

MOST_QUESTIONS = 50  # of an event

Answer = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "boolean"},
                {"type": "number"},
                {"type": "array", "items": {"type": "string"}},
                {"type": "null"},
            ]
        }
    ),
]
Answers = Annotated[
    dict[str, Answer],
    Field(
        max_length=MOST_QUESTIONS,
        description="By the ids of questions. A text, an option's id, or a list of those. True for a box, a number, "
        "a date such as 2026-01-31, or a country of ISO 3166-1. Null or nothing for no answer",
    ),
]


class AnswerView(View):
    question_id: str
    label: str = Field(description="The question, as it was asked")
    answer: str | bool | int | float | list[str] = Field(description="As it was sent. Options by their ids")
    text: str = Field(description="The answer as people read it")


class DoorAnswerView(View):
    question_id: str
    label: str
    text: str
