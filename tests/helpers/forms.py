"""What events ask their buyers: forms as they are stored, for rows and rules."""

from typing import Any

from psycopg.types.json import Jsonb

DIET = [{"id": "vegan", "label": "Vegan"}, {"id": "other", "label": "Something else"}]


def question(name: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    """Return a question, which is asked of each ticket unless told otherwise."""
    return {
        "id": name,
        "asked_of": "ticket",
        "kind": kind,
        "label": name.title(),
        "help": "",
        "required": False,
        "options": DIET if kind in ("one_of", "several_of") else [],
        "ticket_type_ids": None,
        "shown_if": None,
        "at_door": False,
        **more,
    }


def form(*questions: dict[str, Any], name: str = "not_asked", email: str = "not_asked") -> Jsonb:
    """Return a form as the column of an event has it."""
    return Jsonb({"holders": {"name": name, "email": email}, "questions": [*questions]})


def answer(name: str, text: str) -> dict[str, str]:
    """Return an answer to a question for a text, as orders and tickets store it."""
    return {"question_id": name, "label": name.title(), "answer": text, "text": text}
