"""People who log in with phones: they ask for a code, read it in the text message, and type it."""

from typing import Any

from psycopg import Connection

from tests.helpers.mailbox import code_in, deliver_sms, texts
from tests.helpers.support import Answer, Client


def ask(api: Client, phone: str, **options: Any) -> Answer:
    """Ask for a code."""
    return api.post("/v1/phone-codes", {"phone": phone}, **options)


def read_code(conn: Connection, phone: str) -> str:
    """Let the worker send what is owed, and return the code in the last text message to a phone."""
    deliver_sms(conn)
    return code_in(texts(phone)[-1])


def get_code(api: Client, conn: Connection, phone: str) -> str:
    """Ask for a code, and return it."""
    answer = ask(api, phone)
    assert answer.status == 202, answer.body
    return read_code(conn, phone)


def log_in(api: Client, phone: str, code: str, address: str = "203.0.113.7", **fields: Any) -> Answer:
    """Log in with a code."""
    return api.post("/v1/sessions/phone", {"phone": phone, "code": code, **fields}, address=address)


def wrong(code: str) -> str:
    """Return another code."""
    return f"{(int(code) + 1) % 10**6:06}"
