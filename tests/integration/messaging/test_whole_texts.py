"""Words and emoji come whole out of an email: its headers, both bodies, the calendar and the tickets."""

import pytest
from icalendar import Calendar
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.mailbox import deliver, inbox, outbox_row, owe
from tests.helpers.printed import pages_of

TEXTS = [
    "علی\u200cرضا",
    "ශ්\u200dරී ලංකා",
    "Familie 👨\u200d👩\u200d👧",
    "🇳🇬 👩🏿\u200d🚀 ❤\ufe0f",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "Qui est\u202flà\u00a0?",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_out_as_it_went_in(conn: Connection, aws_url: str, text: str) -> None:
    seller = factories.organisation(conn, name=text)
    event = factories.event(conn, organisation_id=seller, title=text, venue_name=text, city=text)
    ticket_type = factories.ticket_type(conn, event_id=event, name=text, price=500)
    order = factories.paid_order(conn, ticket_type, quantity=1, buyer_name=text)
    message = owe(conn, order)

    assert deliver(message) == []

    (mail,) = inbox(aws_url, outbox_row(conn, message)["recipient"])
    assert text in mail["Subject"]
    name = mail["From"].addresses[0].display_name
    assert " ".join(text.split()) in name, "of a name's spaces, the reader keeps only that they are there"
    for kind in ("plain", "html"):
        assert mail.get_body((kind,)).get_content().count(text) >= 4
    files = {part.get_filename(): part.get_content() for part in mail.iter_attachments() if part.get_filename()}
    (calendar,) = [content for name, content in files.items() if name.endswith(".ics")]
    (entry,) = Calendar.from_ical(calendar).walk("VEVENT")
    assert entry["SUMMARY"] == text
    assert text in entry["LOCATION"]
    (tickets,) = [content for name, content in files.items() if name.endswith(".pdf")]
    (page,) = pages_of(tickets)
    for letter in filter(str.isalpha, text):
        assert letter in page.text
