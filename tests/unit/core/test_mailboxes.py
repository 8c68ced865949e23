"""Which addresses lead to one mailbox: in the code, and in the schema."""

import pytest
from psycopg import Connection

from boxoffice.mailboxes import mailbox_of

MAILBOXES = {
    "ada@example.com": "ada@example.com",
    "ada+1@example.com": "ada@example.com",
    "ada+news+more@example.com": "ada@example.com",
    "a.da@example.com": "a.da@example.com",  # elsewhere a dot tells two people apart
    "a.da@gmail.com": "ada@gmail.com",
    "a.d.a+x@googlemail.com": "ada@gmail.com",
    "+ada@example.com": "+ada@example.com",  # there is nothing before the plus
    "0198a7bc-7def-8000-8000-123456789abc@erased.invalid": "0198a7bc-7def-8000-8000-123456789abc@erased.invalid",
    "jörg+1@bücher.example": "jörg@bücher.example",
}


@pytest.mark.parametrize(("email", "mailbox"), MAILBOXES.items())
def test_addresses_lead_to_a_mailbox(email: str, mailbox: str) -> None:
    assert mailbox_of(email) == mailbox


def test_the_schema_says_the_same(conn: Connection) -> None:
    found = conn.execute("SELECT email, mailbox_of(email) FROM unnest(%s::text[]) AS email", [[*MAILBOXES]]).fetchall()

    assert dict(found) == MAILBOXES
